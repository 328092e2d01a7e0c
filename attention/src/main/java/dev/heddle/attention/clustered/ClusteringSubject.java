package dev.heddle.attention.clustered;

import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;

/// [HammingClustering] alone: input `q` `[B, H, L, D]` and, if wanted, `lengths`, `planes` and `init`; outputs `clusters`
/// `[B, H, L]`, `counts` `[B, H, C]`, `hashes` `[B, H, L]` and `centroids` `[B, H, C]`. Hashes of more than the 31 bits
/// that an I32 has for them are F64, exact up to 53 bits and rounded to nearest beyond.
final class ClusteringSubject implements Subject {
    private static final Set<String> KNOWN = Set.of("q", "lengths", "planes", "init");

    private final HammingClustering clustering;
    private final int heads;
    private final int width;

    /// @param heads that samples have
    /// @param width that samples have
    ClusteringSubject(HammingClustering clustering, int heads, int width) {
        this.clustering = clustering;
        this.heads = heads;
        this.width = width;
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        ClusteredSubject.refuseOthers(inputs, KNOWN);
        Tensor q = SubjectInputs.tensor(inputs, "q", 4);
        Tensor lengths = inputs.get("lengths");
        HammingClustering.Result found = clustering.cluster(q, lengths, inputs.get("planes"), inputs.get("init"));
        int[] valid = Lengths.of(lengths, q.dim(0), q.dim(2));
        Shape perCluster = Shape.of(q.dim(0), q.dim(1), clustering.clusters());
        LazyOutputs outputs =
                new LazyOutputs()
                        .with("clusters", found.ids())
                        .with("counts", new Clusters(found.ids(), clustering.clusters(), valid).counts());
        return outputs.with("hashes", () -> numbers(found.hashes(), found.ids().shape()))
                .with("centroids", () -> numbers(found.centroids(), perCluster));
    }

    private Tensor numbers(long[] hashes, Shape shape) {
        LongStream all = Arrays.stream(hashes);
        return clustering.bits() < Integer.SIZE
                ? Tensor.of(all.mapToInt(Math::toIntExact).toArray(), shape.toArray())
                : Tensor.of(all.asDoubleStream().toArray(), shape.toArray());
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        return Map.of("q", SubjectInputs.normal(Shape.of(batch, heads, length, width), dtype, seed.split("q")));
    }

    /// The hashes; clustering them multiplies nothing.
    @Override
    public Cost cost(int length) {
        return new Cost(0, (long) heads * length * width * clustering.bits(), 0);
    }
}
