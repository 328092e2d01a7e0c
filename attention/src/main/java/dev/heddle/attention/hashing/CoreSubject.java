package dev.heddle.attention.hashing;

import dev.heddle.attention.kernel.AttentionOptions.Layout;
import dev.heddle.attention.kernel.ChunkedAttention;
import dev.heddle.attention.kernel.SortedChunks;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.LazyOutputs;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.LinkedHashMap;
import java.util.Map;

/// The core of LSH attention: inputs `qk` and `v` `[B, H, N, D]`, `key_mask` `[B, N]`, and `rotations` or `buckets`
/// `[B, H, R, N]`, drawn if neither is given; outputs `y`, and when asked for `buckets` and the shares `attn`
/// `[B, H, N, N]`.
final class CoreSubject implements Subject {
    private final LshAttentionSpec spec;
    private final int headWidth;
    private final Seed seed;

    /// @throws ConfigException if the width is less than 1
    CoreSubject(LshAttentionSpec spec, int headWidth, Seed seed) {
        if (headWidth < 1) {
            throw new ConfigException("head_dim: " + headWidth + " is less than 1; use 1 or more");
        }
        this.spec = spec;
        this.headWidth = headWidth;
        this.seed = seed;
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        Tensor qk = SubjectInputs.tensor(inputs, "qk", 4);
        Tensor v = SubjectInputs.tensor(inputs, "v", 4);
        if (qk.dim(1) != spec.heads() || qk.dim(3) != headWidth) {
            throw new ShapeException(
                    "input qk: found " + qk + "; [B, " + spec.heads() + ", tokens, " + headWidth + "] is needed");
        }
        SortedChunks chunks = sort(qk, inputs.get("buckets"), inputs.get("rotations"), inputs.get("key_mask"));
        return new LazyOutputs()
                .with("y", ChunkedAttention.attend(qk, v, chunks, Layout.HEAD_MAJOR))
                .with("buckets", chunks::buckets)
                .with("attn", () -> ChunkedAttention.probabilities(qk, chunks, Layout.HEAD_MAJOR));
    }

    private SortedChunks sort(
            Tensor qk, @Nullable Tensor buckets, @Nullable Tensor rotations, @Nullable Tensor keyMask) {
        if (buckets == null) {
            return spec.sort(qk.detach(), qk.dim(2), rotations, keyMask, Layout.HEAD_MAJOR, seed);
        }
        Shape needed = Shape.of(qk.dim(0), spec.heads(), spec.rounds(), qk.dim(2));
        if (!buckets.shape().equals(needed)) {
            throw new ShapeException("input buckets: found " + buckets + "; I32" + needed + " is needed");
        }
        return SortedChunks.of(buckets, spec.bucketSize(), spec.rules(), keyMask);
    }

    /// Of the next length that fills an even number of buckets; the sequences of attention to both sides end in padding.
    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed random) {
        int tokens = spec.padded(length);
        Shape shape = Shape.of(batch, spec.heads(), tokens, headWidth);
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        inputs.put("qk", SubjectInputs.normal(shape, dtype, random.split("qk")));
        inputs.put("v", SubjectInputs.normal(shape, dtype, random.split("v")));
        if (!spec.rules().causal()) {
            inputs.put("key_mask", SubjectInputs.padding(batch, tokens));
        }
        return inputs;
    }

    @Override
    public Cost cost(int length) {
        return new Cost(0, spec.multiplyAdds(length, headWidth), 0);
    }

    @Override
    public double padding(int length) {
        return LshAttention.padding(spec, length, headWidth) / spec.multiplyAdds(length, headWidth);
    }
}
