package dev.heddle.attention.latent;

import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.lang.ref.Reference;
import java.util.List;

/// A matrix `[rows, C]` for each head, out of a weight that holds a block of rows for each: rows `first` to
/// `first + rows` of head h's block. Products read and write heads where they lie, side by side in a token, so that
/// neither the weight's rows nor the heads are copied.
///
/// @param weight `[H·block, C]`
/// @param heads H
/// @param first row of each block
/// @param rows of each block
record HeadMatrices(Tensor weight, int heads, int first, int rows) {
    /// `y_h = W_h·x_h`: `[B, N, H, C]` → `[B, N, H, rows]`.
    Tensor multiply(Tensor x) {
        return Autograd.record(
                narrowed(x),
                dy ->
                        new @Nullable Tensor[] {
                            x.isDifferentiable() ? widened(dy) : null, weight.isDifferentiable() ? outer(dy, x) : null
                        },
                x,
                weight);
    }

    /// `y_h = W_hᵀ·x_h`: `[B, N, H, rows]` → `[B, N, H, C]`.
    Tensor multiplyTransposed(Tensor x) {
        return Autograd.record(
                widened(x),
                dy ->
                        new @Nullable Tensor[] {
                            x.isDifferentiable() ? narrowed(dy) : null, weight.isDifferentiable() ? outer(x, dy) : null
                        },
                x,
                weight);
    }

    private int columns() {
        return weight.dim(1);
    }

    private long block() {
        return weight.elements() / heads;
    }

    private long start(Tensor blocks) {
        return blocks.address() + (long) first * columns() * blocks.dtype().bytes();
    }

    private static int tokens(Tensor x) {
        return Math.multiplyExact(x.dim(0), x.dim(1));
    }

    private void count(int tokens) {
        WorkMeter.add((long) tokens * heads * rows * columns());
    }

    private Tensor narrowed(Tensor x) {
        int tokens = tokens(x);
        Tensor y = Tensor.uninitialised(x.dtype(), x.shape().with(-1, rows));
        count(tokens);
        x.dtype()
                .blas()
                .gemmBatched(
                        false,
                        true,
                        tokens,
                        rows,
                        columns(),
                        1,
                        x.address(),
                        heads * columns(),
                        columns(),
                        start(weight),
                        columns(),
                        block(),
                        0,
                        y.address(),
                        heads * rows,
                        rows,
                        heads);
        Reference.reachabilityFence(List.of(x, weight));
        return y;
    }

    private Tensor widened(Tensor x) {
        int tokens = tokens(x);
        Tensor y = Tensor.uninitialised(x.dtype(), x.shape().with(-1, columns()));
        count(tokens);
        x.dtype()
                .blas()
                .gemmBatched(
                        false,
                        false,
                        tokens,
                        columns(),
                        rows,
                        1,
                        x.address(),
                        heads * rows,
                        rows,
                        start(weight),
                        columns(),
                        block(),
                        0,
                        y.address(),
                        heads * columns(),
                        columns(),
                        heads);
        Reference.reachabilityFence(List.of(x, weight));
        return y;
    }

    /// `Σ_tokens narrow_h·wide_hᵀ` in the place of each head's rows, zero elsewhere.
    private Tensor outer(Tensor narrow, Tensor wide) {
        int tokens = tokens(narrow);
        Tensor gradient = Tensor.zeros(weight.dtype(), weight.shape());
        count(tokens);
        weight.dtype()
                .blas()
                .gemmBatched(
                        true,
                        false,
                        rows,
                        columns(),
                        tokens,
                        1,
                        narrow.address(),
                        heads * rows,
                        rows,
                        wide.address(),
                        heads * columns(),
                        columns(),
                        0,
                        start(gradient),
                        columns(),
                        block(),
                        heads);
        Reference.reachabilityFence(List.of(narrow, wide));
        return gradient;
    }
}
