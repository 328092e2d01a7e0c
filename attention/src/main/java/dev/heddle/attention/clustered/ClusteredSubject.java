package dev.heddle.attention.clustered;

import static java.util.Objects.requireNonNull;

import dev.heddle.attention.kernel.AttentionShape;
import dev.heddle.attention.kernel.TiledWork;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// [ClusteredAttention] as the catalogue knows it: inputs `q`, `k`, `v` `[B, H, L, D]`, if wanted `lengths` `[B]`, and
/// either the `clusters` `[B, H, L]` or what they are to be found with, `planes` and `init`; outputs `y`, `clusters`,
/// `counts` and, with top keys, `topk`.
final class ClusteredSubject implements Subject {
    // Queries that the tiled kernel takes together, and the keys that it rounds up to at the widest vectors.
    private static final int PANEL = TiledWork.PANEL;
    private static final int WIDEST = TiledWork.WIDEST;
    private static final int KEYS = TiledWork.KEYS;

    private static final Set<String> KNOWN = Set.of("q", "k", "v", "lengths", "clusters", "planes", "init");

    private final ClusteredAttention attention;
    private final HammingClustering clustering;
    private final int heads;
    private final int width;

    ClusteredSubject(ClusteredAttention attention, HammingClustering clustering, int heads, int width) {
        if (heads < 1 || width < 1) {
            throw new ConfigException(
                    "num_heads: " + heads + " heads of head_dim " + width + "; both must be 1 or more");
        }
        this.attention = attention;
        this.clustering = clustering;
        this.heads = heads;
        this.width = width;
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        refuseOthers(inputs, KNOWN);
        Tensor q = heads(inputs, "q");
        Tensor ids = clusters(inputs, q);
        ClusteredAttention.Result result =
                attention.attend(q, heads(inputs, "k"), heads(inputs, "v"), ids, inputs.get("lengths"));
        LazyOutputs outputs =
                new LazyOutputs().with("y", result.y()).with("clusters", ids).with("counts", result.counts());
        Tensor topk = result.topk();
        return topk == null ? outputs : outputs.with("topk", topk);
    }

    static void refuseOthers(Map<String, Tensor> inputs, Set<String> known) {
        Set<String> others = new TreeSet<>(inputs.keySet());
        others.removeAll(known);
        if (!others.isEmpty()) {
            throw new InputException(
                    "inputs: "
                            + others
                            + " have no place here: clusters attend to all keys, so there is no mask but lengths; use "
                            + new TreeSet<>(known));
        }
    }

    private Tensor heads(Map<String, Tensor> inputs, String name) {
        Tensor x = SubjectInputs.tensor(inputs, name, 4);
        if (x.dim(1) != heads || x.dim(3) != width) {
            throw new ShapeException(
                    "input " + name + ": found " + x.shape() + "; [B, " + heads + ", L, " + width + "] is needed");
        }
        return x;
    }

    private Tensor clusters(Map<String, Tensor> inputs, Tensor q) {
        if (!inputs.containsKey("clusters")) {
            return clustering.cluster(q, inputs.get("lengths"), inputs.get("planes"), inputs.get("init")).ids();
        }
        if (inputs.containsKey("planes") || inputs.containsKey("init")) {
            throw new InputException("clusters: given, and planes or init to find them with; give one of both");
        }
        return requireNonNull(inputs.get("clusters"));
    }

    /// Queries to be clustered from given places, because short sequences have too few to draw them from; ever more
    /// padding from sequence to sequence.
    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        for (String name : new String[] {"q", "k", "v"}) {
            Shape shape = Shape.of(batch, heads, length, width);
            inputs.put(name, SubjectInputs.normal(shape, dtype, seed.split(name)));
        }
        int[] init = new int[attention.clusters()];
        for (int c = 0; c < init.length; c++) {
            init[c] = c % length;
        }
        inputs.put("init", Tensor.of(init, init.length));
        int[] lengths = new int[batch];
        for (int b = 0; b < batch; b++) {
            lengths[b] = Math.max(1, length - b);
        }
        inputs.put("lengths", Tensor.of(lengths, batch));
        return inputs;
    }

    /// Hashes, centroids, their attention, and that of the queries to the top keys.
    @Override
    public Cost cost(int length) {
        long rows = (long) heads * length;
        long hashes = rows * width * clustering.bits();
        return new Cost(0, hashes + rows * width + centroids(length) + topKeys(length), 0);
    }

    private long centroids(int length) {
        return 2L * heads * attention.clusters() * length * width;
    }

    private long topKeys(int length) {
        return 2L * heads * length * Math.min(attention.topk(), length) * width;
    }

    @Override
    public double padding(int length) {
        long more = attention.topk() == 0 ? centroidTiles(length) : topKeyTiles(length);
        return (double) more / cost(length).multiplyAdds();
    }

    private long centroidTiles(int length) {
        AttentionShape shape = new AttentionShape(1, heads, heads, attention.clusters(), length, width, width);
        return TiledWork.multiplyAdds(shape, Patterns.full()) - centroids(length);
    }

    // How the queries fall into clusters is not known before. Whatever it is, every panel of queries sees the keys of
    // one
    // cluster, and of one more for each boundary of clusters inside it, rounded at both ends.
    private long topKeyTiles(int length) {
        long panels = (length + PANEL - 1L) / PANEL;
        long seen = Math.min(attention.topk(), length) * (panels + attention.clusters());
        long columns = seen + 2 * (KEYS - 1) * panels;
        long values = (width + WIDEST - 1L) / WIDEST * WIDEST;
        return columns * heads * PANEL * (width + values) - topKeys(length);
    }
}
