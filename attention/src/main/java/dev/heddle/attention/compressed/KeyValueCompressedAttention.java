package dev.heddle.attention.compressed;

import dev.heddle.core.nn.Dense;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Parameter;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;

/// Memory-compressed attention over compressed keys and values: `q, k, v = split(x·Wᵀ)`, zeros in front of k and v until f
/// divides their length, one convolution for both (or one each), a learned null key and value in front. Block c is seen
/// from the token on that closes it.
///
/// Blocks end where the sequence ends, so the first one depends on the whole length: a state that is to agree with
/// [#forward(Tensor)] has to be told it, by [#startOf(int, int, dev.heddle.core.tensor.DType)].
///
/// Parameters: `to_qkv` (`weight` `[3D, D]`), `compress` or `compress_k` and `compress_v` (`weight` `[D, D/groups, f]`,
/// `bias` `[D]`), `null_k` and `null_v` `[1, 1, D]`, `to_out` (`weight` `[D, D]`, `bias` `[D]`).
///
/// Source: lucidrains/memory-compressed-attention; arXiv 1801.10198 §4.2.4.
public final class KeyValueCompressedAttention extends MemoryCompressedAttention {
    private final Dense toQkv;
    private final StridedConvolution compressKeys;
    private final StridedConvolution compressValues;
    private final @Nullable Parameter nullKey;
    private final @Nullable Parameter nullValue;
    private final Dense toOut;

    KeyValueCompressedAttention(MemoryCompression spec, int width, double residualScale, Seed seed) {
        super(spec, width);
        Initialiser normal = Initialiser.normal(0.02);
        toQkv = child("to_qkv", new Dense(width, 3 * width, false, normal, seed.split("to_qkv")));
        compressKeys = convolution(spec.shared() ? "compress" : "compress_k", seed);
        compressValues = spec.shared() ? compressKeys : convolution("compress_v", seed);
        nullKey = spec.lead() ? learnedNull("null_k") : null;
        nullValue = spec.lead() ? learnedNull("null_v") : null;
        toOut = child("to_out", new Dense(width, width, true, normal.scaled(residualScale), seed.split("to_out")));
    }

    private StridedConvolution convolution(String name, Seed seed) {
        return child(name, new StridedConvolution(width(), spec(), seed.split(name)));
    }

    private Parameter learnedNull(String name) {
        return parameter(name, Initialiser.constant(0).create(Shape.of(1, 1, width()), Seed.of(0)));
    }

    @Override
    Projected project(Tensor x) {
        List<Tensor> parts = Layout.chunk(toQkv.forward(x), 3);
        return new Projected(parts.get(0), parts.subList(1, 3));
    }

    @Override
    Columns compress(List<Tensor> streams, boolean leads, int blocks) {
        return new Columns(
                columns(streams.get(0), leads ? nullKey : null, compressKeys, blocks),
                columns(streams.get(1), leads ? nullValue : null, compressValues, blocks));
    }

    private Tensor columns(Tensor stream, @Nullable Parameter lead, StridedConvolution convolution, int blocks) {
        List<Tensor> parts = new ArrayList<>();
        if (lead != null) {
            parts.add(Layout.expand(lead.value(), Shape.of(stream.dim(0), 1, width())));
        }
        if (blocks > 0) {
            parts.add(convolution.forward(Layout.slice(stream, 1, 0, blocks * spec().factor())));
        }
        return Layout.concatenate(1, parts.toArray(Tensor[]::new));
    }

    @Override
    Tensor finish(Tensor heads) {
        return toOut.forward(heads);
    }

    @Override
    int zerosBefore(int length) {
        return Math.floorMod(-length, spec().factor());
    }

    @Override
    int closing() {
        return 1;
    }

    @Override
    int streams() {
        return 2;
    }

    @Override
    long projections(int length) {
        long tokens = length * (toQkv.multiplyAdds() + toOut.multiplyAdds());
        return tokens + blocks(length) * (compressKeys.multiplyAdds() + compressValues.multiplyAdds());
    }
}
