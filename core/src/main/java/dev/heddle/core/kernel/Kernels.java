package dev.heddle.core.kernel;

/// The fused kernels that everything above is built from, on dense row-major data at raw addresses.
///
/// One element type per instance: see [KernelProvider] for which implementation serves which type. Sizes are in
/// elements, addresses in bytes. `rows × cols` always means contiguous rows. A kernel splits its own work over
/// [Parallel] in a way that depends on sizes only. Unless a line says otherwise, `out` may be one of the inputs.
public interface Kernels {

    /// Binary element-wise operations.
    enum Binary {
        ADD,
        SUBTRACT,
        MULTIPLY,
        DIVIDE
    }

    /// Unary element-wise functions that are not activations.
    enum Unary {
        EXP,
        LOG,
        SQRT,
        TANH,
        NEGATE,
        SQUARE,
        RECIPROCAL
    }

    /// `out[i] = a[i] ∘ b[i]`, n elements.
    void binary(Binary op, long a, long b, long out, long n);

    /// `out[r, c] = a[r, c] ∘ b[c]`: b is one row of `cols` elements, repeated for every row.
    void binaryRow(Binary op, long a, long b, long out, long rows, int cols);

    /// `out[i] = scale · a[i] + shift`.
    void affine(long a, double scale, double shift, long out, long n);

    /// `out[i] += scale · a[i]`; a and out do not overlap.
    void accumulate(long a, double scale, long out, long n);

    /// `out[i] = f(a[i])`.
    void unary(Unary op, long a, long out, long n);

    /// `out[i] = act(a[i])`.
    void activation(Activation act, long a, long out, long n);

    /// `dx[i] = act'(x[i]) · dy[i]`.
    void activationBackward(Activation act, long x, long dy, long dx, long n);

    /// Bias and activation in one pass: `pre[r, c] = a[r, c] + bias[c]` (kept for the backward pass),
    /// `out = act(pre)`. `bias` 0 means none. `pre` may equal `a`.
    void biasActivation(Activation act, long a, long bias, long pre, long out, long rows, int cols);

    /// Gated unit: `out[i] = act(gate[i]) · up[i]`.
    void gated(Activation act, long gate, long up, long out, long n);

    /// `dGate = act'(gate)·up·dy`, `dUp = act(gate)·dy`. The outputs may be the inputs of the same index.
    void gatedBackward(Activation act, long gate, long up, long dy, long dGate, long dUp, long n);

    /// Sum of all elements, added in a fixed tree order.
    double sum(long a, long n);

    /// `out[c] = Σ_r a[r, c]` (the gradient of a broadcast row).
    void sumRows(long a, long out, long rows, int cols);

    /// `out[r] = Σ_c a[r, c]`.
    void sumCols(long a, long out, long rows, int cols);

    /// Softmax of every row. A row of −∞ only yields zeros.
    void softmax(long x, long y, long rows, int cols);

    /// `dx = y ∘ (dy − Σ_c dy·y)`, row by row.
    void softmaxBackward(long y, long dy, long dx, long rows, int cols);

    /// Layer norm: `y = (x − mean)/√(var + eps) · weight + bias`, biased variance in two passes. `weight` and `bias`
    /// may be 0 (none). `mean` and `rstd` receive one value a row for the backward pass (0: not wanted).
    void layerNorm(long x, long weight, long bias, double eps, long y, long mean, long rstd, long rows, int cols);

    /// Gradients of [#layerNorm]. `dWeight` and `dBias` (0: not wanted) are overwritten.
    void layerNormBackward(
            long x, long weight, long mean, long rstd, long dy, long dx, long dWeight, long dBias, long rows, int cols);

    /// RMS norm: `y = x/√(mean(x²) + eps) · (weightOffset + weight)`; `weight` 0: none. `weightOffset` is 1 for Gemma.
    void rmsNorm(long x, long weight, double weightOffset, double eps, long y, long rstd, long rows, int cols);

    /// Gradients of [#rmsNorm]. `dWeight` (0: not wanted) is overwritten.
    void rmsNormBackward(
            long x, long weight, double weightOffset, long rstd, long dy, long dx, long dWeight, long rows, int cols);

    /// Cross-entropy of every row of logits against `targets` (i32). Rows whose target is `ignore` get loss 0.
    /// `loss[r] = (1−smoothing)·nll + smoothing·mean_c(−log p_c)`; `lse[r]` is the row's log-sum-exp (for backward).
    void crossEntropy(
            long logits, long targets, int ignore, double smoothing, long loss, long lse, long rows, int cols);

    /// `dLogits = scale · (softmax(logits) − target distribution)`, zero for ignored rows. May overwrite the logits.
    void crossEntropyBackward(
            long logits,
            long targets,
            long lse,
            int ignore,
            double smoothing,
            double scale,
            long dLogits,
            long rows,
            int cols);

    /// Rotates the first `rotary` columns of every head by the angle of its token.
    ///
    /// `x`, `y`: `[tokens, heads, width]`; `cos`, `sin`: `[positions, rotary/2]` of this kernel's element type; token t
    /// uses table row `t mod positions`. `interleaved` pairs columns (2i, 2i+1), otherwise (i, i + rotary/2).
    /// `inverse` rotates back (the backward pass).
    void rotary(
            long x,
            long y,
            long cos,
            long sin,
            long tokens,
            int positions,
            int heads,
            int width,
            int rotary,
            boolean interleaved,
            boolean inverse);

    /// One AdamW update in place: `p ← p·(1 − lr·decay)`, `m`, `v`, then
    /// `p ← p − lr·(m/correction1)/(√(v/correction2) + eps)`. The gradient is multiplied by `gradientScale` first.
    void adamW(
            long p,
            long g,
            long m,
            long v,
            long n,
            double gradientScale,
            double lr,
            double beta1,
            double beta2,
            double eps,
            double decay,
            double correction1,
            double correction2);

    /// `y[r] = Σ_c w[r, c]·x[c]` (+ `bias[r]` unless 0): a weight matrix times one token.
    void matVec(long w, long x, long bias, long y, int rows, int cols);

    /// Transposed copy of `batch` matrices: `out[b, c, r] = a[b, r, c]`; no overlap.
    void transpose(long a, long out, long batch, int rows, int cols);

    /// `out[i, :] = table[index[i], :]`; indices (i32) have been checked.
    void gatherRows(long table, long index, long out, long n, int cols);

    /// `table[index[i], :] += rows[i, :]` in the order of i.
    void scatterAddRows(long rows, long index, long table, long n, int cols);
}
