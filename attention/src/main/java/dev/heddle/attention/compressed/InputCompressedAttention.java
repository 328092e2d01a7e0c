package dev.heddle.attention.compressed;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.nn.Dense;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.List;

/// Memory-compressed attention over compressed inputs: `memory = [x₀, M₀ … M_{n−1}]` with `M = act(conv(x))` and
/// `n = ⌊N/f⌋`, `q = x·Wqᵀ`, `k, v = memory·Wkᵀ, memory·Wvᵀ`. Block c is seen by the tokens after it; those of the last,
/// unfinished block are in no column.
///
/// Parameters: `wq`, `wk`, `wv`, `wo` (`weight` `[D, D]`) and `compress` (`weight` `[D, D/groups, f]`, `bias` `[D]`).
///
/// Source: tensor2tensor, `multihead_self_attention_reduced`.
public final class InputCompressedAttention extends MemoryCompressedAttention {
    private final Dense wq;
    private final Dense wk;
    private final Dense wv;
    private final Dense wo;
    private final StridedConvolution compress;

    InputCompressedAttention(MemoryCompression spec, int width, double residualScale, Seed seed) {
        super(spec, width);
        Initialiser normal = Initialiser.normal(0.02);
        wq = child("wq", new Dense(width, width, false, normal, seed.split("wq")));
        wk = child("wk", new Dense(width, width, false, normal, seed.split("wk")));
        wv = child("wv", new Dense(width, width, false, normal, seed.split("wv")));
        wo = child("wo", new Dense(width, width, false, normal.scaled(residualScale), seed.split("wo")));
        compress = child("compress", new StridedConvolution(width, spec, seed.split("compress")));
    }

    /// What keys and values are projected from: `[B, N, D]` → `[B, columns, D]`.
    ///
    /// @throws ShapeException if `x` is of another width
    public Tensor memory(Tensor x) {
        check(x);
        int columns = columns(x.dim(1));
        return columns == 0
                ? Tensor.zeros(x.dtype(), x.dim(0), 0, width())
                : memory(x, spec().lead(), blocks(x.dim(1)));
    }

    private Tensor memory(Tensor x, boolean leads, int blocks) {
        if (blocks == 0) {
            return Layout.slice(x, 1, 0, 1);
        }
        int closed = blocks * spec().factor();
        Tensor compressed = compress.forward(closed == x.dim(1) ? x : Layout.slice(x, 1, 0, closed));
        return leads ? Layout.concatenate(1, Layout.slice(x, 1, 0, 1), compressed) : compressed;
    }

    @Override
    Projected project(Tensor x) {
        return new Projected(wq.forward(x), List.of(x));
    }

    @Override
    Columns compress(List<Tensor> streams, boolean leads, int blocks) {
        Tensor memory = memory(streams.getFirst(), leads, blocks);
        return new Columns(wk.forward(memory), wv.forward(memory));
    }

    @Override
    Tensor finish(Tensor heads) {
        return wo.forward(heads);
    }

    @Override
    int zerosBefore(int length) {
        return 0;
    }

    @Override
    int closing() {
        return 0;
    }

    @Override
    int streams() {
        return 1;
    }

    @Override
    long projections(int length) {
        long ofTokens = 2L * length + 2L * columns(length);
        return ofTokens * wq.multiplyAdds() + blocks(length) * compress.multiplyAdds();
    }
}
