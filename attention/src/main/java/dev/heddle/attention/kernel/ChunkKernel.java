package dev.heddle.attention.kernel;

/// Computes attention over [SortedChunks] on raw memory. Addresses and shapes have been checked by the caller; batch
/// entries and heads are those of the chunks.
interface ChunkKernel {
    /// `y_i = Σ_j softmax_j(s_ij)·v_j` and `lse_i = ln Σ_j exp(s_ij)` over the keys that i meets, with
    /// `s_ij = scale·q_i·k_j`, `k_j = q_j/‖q_j‖`; `y_i = v_i` and `lse_i = −∞` where it meets none.
    ///
    /// @param qk `[B, H, N, D]`
    /// @param v `[B, H, N, D]`
    /// @param width D
    /// @param y receives `[B, H, N, D]`
    /// @param lse address that receives dense `[B, H, N]`
    void forward(SortedChunks chunks, Heads qk, Heads v, int width, Heads y, long lse);

    /// The gradients, from what [#forward] read and wrote.
    ///
    /// @param dy the gradient at `y`
    /// @param dqk overwritten, as is `dv`
    void backward(SortedChunks chunks, Heads qk, Heads v, int width, Heads y, long lse, Heads dy, Heads dqk, Heads dv);
}
