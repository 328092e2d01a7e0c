package dev.heddle.attention.block;

import dev.heddle.attention.KeyValueCache;
import dev.heddle.attention.PatternSubject;
import dev.heddle.attention.kernel.AttentionBias;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.AttentionShape;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.kernel.TiledWork;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.BlockLayout;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The attention core alone under a pattern, on head-major tensors: inputs `q`, `k`, `v` `[B, H, N, Dh]` and, if wanted,
/// `key_mask` `[B, N]` and `rpe` `[H, N, N]`; outputs `y` `[B, H, N, Dh]` and, when asked for, `mask` `[H, N, N]`, `pairs`
/// `[H]` and, of a pattern made of blocks, `block_layout` `[H, nb, nb]`.
///
/// Where all heads have one pattern, `mask` is `[N, N]`, `block_layout` `[nb, nb]` and `pairs` `[1]`; where pairs depend
/// on the sequence they are `[B, H]`.
public final class PatternCoreSubject implements PatternSubject {
    private final int heads;
    private final int width;
    private final CorePattern source;

    /// @param width of a head
    /// @throws ConfigException if a size is below 1
    public PatternCoreSubject(int heads, int width, CorePattern source) {
        if (heads < 1 || width < 1) {
            throw new ConfigException("core: num_heads " + heads + ", head_dim " + width + "; both must be 1 or more");
        }
        this.heads = heads;
        this.width = width;
        this.source = source;
    }

    @Override
    public AttentionPattern pattern(int length) {
        return source.pattern(length, source.sampleInputs(length));
    }

    @Override
    public int heads() {
        return heads;
    }

    @Override
    public boolean supports(Form form) {
        return form instanceof Form.Parallel || isRecurrent();
    }

    private boolean isRecurrent() {
        return source.isCausal() && !source.takesBias();
    }

    @Override
    public Form form(String mode) {
        return Form.ofMode(mode);
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        Tensor q = heads(inputs, "q", null);
        Tensor k = heads(inputs, "k", q);
        Tensor v = heads(inputs, "v", q);
        int tokens = q.dim(2);
        AttentionPattern pattern = source.pattern(tokens, inputs);
        Tensor keyMask = keyMask(inputs, q);
        Tensor y =
                switch (form) {
                    case Form.Parallel _ -> parallel(q, k, v, pattern, keyMask, bias(inputs, q));
                    case Form.Chunkwise(int size) -> cached(q, k, v, pattern, size, inputs);
                    case Form.Recurrent _ -> cached(q, k, v, pattern, 1, inputs);
                };
        LazyOutputs outputs = new LazyOutputs().with("y", y);
        outputs.with("mask", () -> mask(pattern, tokens));
        outputs.with("pairs", () -> pairs(pattern, q.dim(0), tokens, keyMask));
        return source.isMadeOfBlocks()
                ? outputs.with("block_layout", () -> blockLayout(source.layout(tokens, inputs)))
                : outputs;
    }

    private Tensor blockLayout(BlockLayout layout) {
        return source.differsByHead()
                ? layout.toTensor(heads)
                : layout.toTensor(1).viewAs(Shape.of(layout.blocks(), layout.blocks()));
    }

    private Tensor heads(Map<String, Tensor> inputs, String name, @Nullable Tensor like) {
        Tensor x = SubjectInputs.tensor(inputs, name, 4);
        boolean fits = like == null ? x.dim(1) == heads && x.dim(3) == width : x.shape().equals(like.shape());
        if (!fits) {
            String needed = like == null ? "[B, " + heads + ", tokens, " + width + "]" : like.shape().toString();
            throw new ShapeException("input " + name + ": found " + x.shape() + "; " + needed + " is needed");
        }
        return x;
    }

    private static @Nullable Tensor keyMask(Map<String, Tensor> inputs, Tensor q) {
        Tensor mask = inputs.get("key_mask");
        Shape needed = Shape.of(q.dim(0), q.dim(2));
        if (mask != null && (mask.dtype() != DType.BOOL || !mask.shape().equals(needed))) {
            throw new ShapeException("key_mask: found " + mask + "; BOOL" + needed + ", one for each key, is needed");
        }
        return mask;
    }

    private @Nullable Tensor bias(Map<String, Tensor> inputs, Tensor q) {
        Tensor bias = inputs.get("rpe");
        if ((bias != null) != source.takesBias()) {
            throw new InputException(
                    bias == null
                            ? "rpe: missing; the configuration asks for one, give [heads, tokens, tokens]"
                            : "rpe: given, and the configuration asks for none; set \"rpe\": true");
        }
        Shape needed = Shape.of(heads, q.dim(2), q.dim(2));
        if (bias != null && !bias.shape().equals(needed)) {
            throw new ShapeException("rpe: found " + bias.shape() + "; " + needed + " is needed");
        }
        return bias;
    }

    private Tensor parallel(
            Tensor q, Tensor k, Tensor v, AttentionPattern pattern, @Nullable Tensor keyMask, @Nullable Tensor bias) {
        AttentionOptions options = AttentionOptions.of(pattern).laidOut(AttentionOptions.Layout.HEAD_MAJOR);
        if (bias != null) {
            options = options.biased(new AttentionBias.Dense(bias));
        }
        if (keyMask == null) {
            return ScaledDotProduct.attend(q, k, v, options).y();
        }
        Tensor byKey = keyMask.viewAs(Shape.of(q.dim(0), 1, 1, q.dim(2)));
        Tensor y = ScaledDotProduct.attend(q, k, v, options.masked(byKey)).y();
        Shape byQuery = Shape.of(q.dim(0), 1, q.dim(2), 1);
        return source.clearsPaddedRows() ? Layout.fillWhere(y, keyMask.viewAs(byQuery), 0) : y;
    }

    // The pattern is that of the whole sequence from the first token on.
    private Tensor cached(
            Tensor q, Tensor k, Tensor v, AttentionPattern pattern, int chunk, Map<String, Tensor> inputs) {
        if (!isRecurrent() || inputs.containsKey("key_mask")) {
            throw new InputException(
                    "cache: the forms that go token by token are for causal patterns without key_mask and rpe; use the"
                            + " parallel form");
        }
        if (chunk < 1) {
            throw new ConfigException("chunk: " + chunk + " tokens; use 1 or more");
        }
        Tensor queries = tokenMajor(q);
        Tensor keys = tokenMajor(k);
        Tensor values = tokenMajor(v);
        AttentionOptions options = AttentionOptions.of(pattern);
        KeyValueCache cache = emptyCache(q.dim(0), q.dim(2), q.dtype());
        List<Tensor> parts = new ArrayList<>();
        for (int from = 0; from < q.dim(2); from = cache.length()) {
            int to = (int) Math.min((long) from + chunk, q.dim(2));
            cache = cache.append(Layout.slice(keys, 1, from, to), Layout.slice(values, 1, from, to));
            Tensor next = Layout.slice(queries, 1, from, to);
            parts.add(ScaledDotProduct.attendCached(next, cache.keyMemory(), cache.valueMemory(), to, options).y());
        }
        return parts.isEmpty() ? q : tokenMajor(Layout.concatenate(1, parts.toArray(Tensor[]::new)));
    }

    private KeyValueCache emptyCache(int batch, int capacity, DType dtype) {
        Shape shape = Shape.of(batch, Math.max(1, capacity), heads, width);
        return KeyValueCache.empty(this, shape, shape, dtype);
    }

    // Exchanges the axes of heads and tokens.
    private static Tensor tokenMajor(Tensor x) {
        return Layout.permute(x, 0, 2, 1, 3);
    }

    private Tensor mask(AttentionPattern pattern, int tokens) {
        return source.differsByHead()
                ? PatternSubject.mask(pattern, heads, tokens)
                : PatternSubject.mask(pattern, 1, tokens).viewAs(Shape.of(tokens, tokens));
    }

    private Tensor pairs(AttentionPattern pattern, int batch, int tokens, @Nullable Tensor keyMask) {
        if (!source.countsBySequence()) {
            int[] byHead = new int[source.differsByHead() ? heads : 1];
            for (int head = 0; head < byHead.length; head++) {
                byHead[head] = Math.toIntExact(pattern.pairs(head, tokens, tokens));
            }
            return Tensor.of(byHead, byHead.length);
        }
        int[] pairs = new int[batch * heads];
        boolean[] real = keyMask == null ? null : keyMask.toBooleans();
        for (int i = 0; i < pairs.length; i++) {
            pairs[i] =
                    real == null
                            ? Math.toIntExact(pattern.pairs(i % heads, tokens, tokens))
                            : pairs(pattern, i % heads, tokens, real, i / heads * tokens);
        }
        return Tensor.of(pairs, batch, heads);
    }

    private static int pairs(AttentionPattern pattern, int head, int tokens, boolean[] real, int at) {
        int pairs = 0;
        for (int key = 0; key < tokens; key++) {
            for (int query = 0; real[at + key] && query < tokens; query++) {
                pairs += pattern.allows(head, query, key) ? 1 : 0;
            }
        }
        return pairs;
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        for (String name : List.of("q", "k", "v")) {
            Shape shape = Shape.of(batch, heads, length, width);
            inputs.put(name, SubjectInputs.normal(shape, dtype, seed.split(name)));
        }
        if (source.takesBias()) {
            inputs.put("rpe", SubjectInputs.normal(Shape.of(heads, length, length), dtype, seed.split("rpe")));
        }
        if (!isRecurrent()) {
            inputs.put("key_mask", SubjectInputs.padding(batch, length));
        }
        inputs.putAll(source.sampleInputs(length));
        return inputs;
    }

    @Override
    public Cost cost(int length) {
        return new Cost(0, 2 * pairs(length) * width, isRecurrent() ? 2L * length * heads * width : 0);
    }

    private long pairs(int length) {
        AttentionPattern pattern = pattern(length);
        if (!source.differsByHead()) {
            return heads * pattern.pairs(length);
        }
        long pairs = 0;
        for (int head = 0; head < heads; head++) {
            pairs += pattern.pairs(head, length, length);
        }
        return pairs;
    }

    @Override
    public double padding(int length) {
        AttentionShape shape = new AttentionShape(1, heads, heads, length, length, width, width);
        double promised = Math.max(1, cost(length).multiplyAdds());
        return TiledWork.multiplyAdds(shape, pattern(length)) / promised - 1;
    }

    @Override
    public long stateElements(int length) {
        if (!isRecurrent()) {
            return 0;
        }
        Tensor tokens = Tensor.zeros(DType.F32, 1, length, heads, width);
        return emptyCache(1, 1, DType.F32).append(tokens, tokens).elements();
    }
}
