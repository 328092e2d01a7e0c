package dev.heddle.attention.kernel;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.KernelProvider;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.lang.ref.Reference;
import java.util.List;

/// Attention with shared queries and keys over [SortedChunks], as a differentiable operation `(qk, v) → y`:
/// `y_i = Σ_j softmax_j(q_i·k_j/√D) v_j` with `k_j = q_j/max(‖q_j‖, 10⁻¹²)`. A token that sees no other token sees itself.
///
/// The rounds of hashing are mixed by their log-sum-exps, which is the same as one softmax over the slots of all rounds:
/// it is computed that way, with a running maximum, so no slot of a round has to be kept.
public final class ChunkedAttention {
    // No type of the Vector API may be loaded to decide whether it is there.
    private static final ChunkKernel F32 = KernelProvider.isVector() ? new TiledChunks() : ReferenceChunks.F32;

    private ChunkedAttention() {}

    /// Attends.
    ///
    /// @param qk `[B, N, H, D]`, or `[B, H, N, D]` in head-major layout
    /// @param v as `qk`
    /// @param chunks of the same batch, heads and tokens
    /// @return as `v`
    /// @throws ShapeException if the tensors do not fit together
    public static Tensor attend(Tensor qk, Tensor v, SortedChunks chunks, AttentionOptions.Layout layout) {
        requireFit(qk, v, chunks, layout);
        Tensor y = Tensor.uninitialised(v.dtype(), v.shape());
        Tensor lse = Tensor.uninitialised(v.dtype(), chunks.batch(), chunks.heads(), chunks.tokens());
        ChunkKernel kernel = of(qk.dtype());
        int width = qk.dim(3);
        kernel.forward(chunks, heads(qk, layout), heads(v, layout), width, heads(y, layout), lse.address());
        Tensor saved = y.detach();
        Autograd.Backward backward =
                dy -> {
                    Tensor dqk = Tensor.uninitialised(qk.dtype(), qk.shape());
                    Tensor dv = Tensor.uninitialised(v.dtype(), v.shape());
                    kernel.backward(
                            chunks,
                            heads(qk, layout),
                            heads(v, layout),
                            width,
                            heads(saved, layout),
                            lse.address(),
                            heads(dy, layout),
                            heads(dqk, layout),
                            heads(dv, layout));
                    Reference.reachabilityFence(List.of(qk, v, saved, lse, dy));
                    return new Tensor[] {dqk, dv};
                };
        return Autograd.record(y, backward, qk, v);
    }

    /// The share that each key has in each query's output, `[B, H, N, N]`: for those who want to see it. Gradients do not
    /// flow through it.
    ///
    /// @param qk as for [#attend]
    /// @throws ShapeException if the tensor does not fit the chunks
    public static Tensor probabilities(Tensor qk, SortedChunks chunks, AttentionOptions.Layout layout) {
        requireFit(qk, qk, chunks, layout);
        int tokens = chunks.tokens();
        Tensor shares = Tensor.uninitialised(qk.dtype(), chunks.batch(), chunks.heads(), tokens, tokens);
        ReferenceChunks kernel = qk.dtype() == DType.F64 ? ReferenceChunks.F64 : ReferenceChunks.F32;
        kernel.probabilities(chunks, heads(qk, layout), qk.dim(3), shares.address());
        Reference.reachabilityFence(qk);
        return shares;
    }

    private static ChunkKernel of(DType dtype) {
        return dtype == DType.F64 ? ReferenceChunks.F64 : F32;
    }

    private static Heads heads(Tensor t, AttentionOptions.Layout layout) {
        return layout == AttentionOptions.Layout.TOKEN_MAJOR
                ? Heads.tokenMajor(t.address(), t.dim(2), t.dim(1), t.dim(3))
                : Heads.headMajor(t.address(), t.dim(1), t.dim(2), t.dim(3));
    }

    private static void requireFit(Tensor qk, Tensor v, SortedChunks chunks, AttentionOptions.Layout layout) {
        int tokens = layout == AttentionOptions.Layout.TOKEN_MAJOR ? 1 : 2;
        boolean fits =
                qk.rank() == 4
                        && qk.dtype().isFloating()
                        && v.dtype() == qk.dtype()
                        && v.shape().equals(qk.shape())
                        && qk.dim(0) == chunks.batch()
                        && qk.dim(tokens) == chunks.tokens()
                        && qk.dim(3 - tokens) == chunks.heads();
        if (!fits) {
            throw new ShapeException(
                    "hashed attention: qk "
                            + qk
                            + " and v "
                            + v
                            + " do not fit; one floating type and shape with batch "
                            + chunks.batch()
                            + ", "
                            + chunks.heads()
                            + " heads and "
                            + chunks.tokens()
                            + " tokens are needed");
        }
    }
}
