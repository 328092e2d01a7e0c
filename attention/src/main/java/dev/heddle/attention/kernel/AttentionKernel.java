package dev.heddle.attention.kernel;

/// Computes scaled dot-product attention on raw memory. Addresses and shapes have been checked by the caller.
///
/// A query without an allowed key yields `y = 0`, `lse = −∞` and zero gradients. A masked key may hold anything,
/// NaN included, without touching the result. The result has the same bits on any number of threads.
public interface AttentionKernel {
    /// `y[b,h,i] = Σ_j softmax_j(t_ij)·v_j` and `lse[b,h,i] = ln Σ_j exp(t_ij)`.
    ///
    /// @param q `[B, H, N, Dh]`
    /// @param k `[B, G, M, Dh]`
    /// @param v `[B, G, M, Dv]`
    /// @param y receives `[B, H, N, Dv]`
    /// @param lse address that receives dense `[B, H, N]`
    void forward(AttentionCall call, Heads q, Heads k, Heads v, Heads y, long lse);

    /// The gradients of everything, from what [#forward] read and wrote.
    ///
    /// @param y the forward output
    /// @param lse the forward log-sum-exp, dense `[B, H, N]`
    /// @param dy the gradient at `y`
    /// @param dlse address of the gradient at `lse`, dense `[B, H, N]`, or 0 for none
    /// @param dq overwritten, as are `dk` and `dv`
    /// @param dbias address that receives the gradient of the bias, laid out as the bias itself, or 0 if not wanted
    void backward(
            AttentionCall call,
            Heads q,
            Heads k,
            Heads v,
            Heads y,
            long lse,
            Heads dy,
            long dlse,
            Heads dq,
            Heads dk,
            Heads dv,
            long dbias);
}
