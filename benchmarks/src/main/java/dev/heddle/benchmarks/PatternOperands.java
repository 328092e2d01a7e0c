package dev.heddle.benchmarks;

import dev.heddle.attention.kernel.AttentionCall;
import dev.heddle.attention.kernel.AttentionKernel;
import dev.heddle.attention.kernel.AttentionKernels;
import dev.heddle.attention.kernel.AttentionShape;
import dev.heddle.attention.kernel.Heads;
import dev.heddle.attention.kernel.ReferenceKernel;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.random.RandomGenerator;

/// One sequence of tokens with 8 heads of 64, token-major 32-bit floats, and what attention under a pattern makes of it.
final class PatternOperands {
    static final int HEADS = 8;
    static final int WIDTH = 64;
    private static final int SAMPLES = 7;

    private final int length;
    private final AttentionPattern pattern;
    private final AttentionCall call;
    private final Tensor q;
    private final Tensor k;
    private final Tensor v;
    private final Tensor dy;
    private final Tensor y;
    private final Tensor lse;
    private final Tensor dq;
    private final Tensor dk;
    private final Tensor dv;

    PatternOperands(Sparsity sparsity, int length) {
        this.length = length;
        pattern = sparsity.over(length);
        call = AttentionCall.of(new AttentionShape(1, HEADS, HEADS, length, length, WIDTH, WIDTH), pattern);
        RandomGenerator random = Seed.of(length).generator();
        q = normal(random);
        k = normal(random);
        v = normal(random);
        dy = normal(random);
        y = empty(length);
        dq = empty(length);
        dk = empty(length);
        dv = empty(length);
        lse = Tensor.uninitialised(DType.F32, 1, HEADS, length);
    }

    private Tensor normal(RandomGenerator random) {
        float[] values = new float[length * HEADS * WIDTH];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, 1, length, HEADS, WIDTH);
    }

    private static Tensor empty(int tokens) {
        return Tensor.uninitialised(DType.F32, 1, tokens, HEADS, WIDTH);
    }

    private static Heads heads(Tensor tensor) {
        return at(tensor, 0);
    }

    // From a token on.
    private static Heads at(Tensor tensor, int token) {
        long address = tensor.address() + (long) Float.BYTES * token * HEADS * WIDTH;
        return Heads.tokenMajor(address, HEADS, tensor.dim(1), WIDTH);
    }

    Tensor q() {
        return q;
    }

    Tensor k() {
        return k;
    }

    Tensor v() {
        return v;
    }

    Tensor dy() {
        return dy;
    }

    Tensor y() {
        return y;
    }

    /// The gradient at the queries, keys or values.
    Tensor gradient(int argument) {
        return switch (argument) {
            case 0 -> dq;
            case 1 -> dk;
            default -> dv;
        };
    }

    AttentionPattern pattern() {
        return pattern;
    }

    void forward() {
        forward(AttentionKernels.of(DType.F32));
    }

    private void forward(AttentionKernel kernel) {
        kernel.forward(call, heads(q), heads(k), heads(v), heads(y), lse.address());
    }

    /// Needs what [#forward] left.
    void backward() {
        backward(AttentionKernels.of(DType.F32));
    }

    private void backward(AttentionKernel kernel) {
        kernel.backward(
                call,
                heads(q),
                heads(k),
                heads(v),
                heads(y),
                lse.address(),
                heads(dy),
                0,
                heads(dq),
                heads(dk),
                heads(dv),
                0);
    }

    /// Holds all that the kernel computes against the reference.
    ///
    /// @throws IllegalStateException if it differs
    void requireReference() {
        forward();
        backward();
        Tensor[] outputs = {y, dq, dk, dv};
        float[][] computed = new float[outputs.length][];
        for (int i = 0; i < outputs.length; i++) {
            computed[i] = outputs[i].toFloats();
        }
        forward(ReferenceKernel.F32);
        backward(ReferenceKernel.F32);
        for (int i = 0; i < outputs.length; i++) {
            Close.require("output " + i + " of " + length + " tokens", computed[i], outputs[i].toFloats());
        }
    }

    /// Holds the output and the gradient of some queries against the reference, whose time for all would be too long.
    ///
    /// @throws IllegalStateException if one differs
    void requireReferenceRows() {
        forward();
        backward();
        float[][] gradients = new float[SAMPLES][];
        for (int sample = 0; sample < SAMPLES; sample++) {
            gradients[sample] = row(dq, query(sample));
        }
        // The gradients of keys and values are room for those of one query now.
        for (int sample = 0; sample < SAMPLES; sample++) {
            requireReferenceRow(query(sample), gradients[sample]);
        }
    }

    // From the first to the last, at odd places.
    private int query(int sample) {
        return (int) ((length - 1L) * sample / (SAMPLES - 1));
    }

    private void requireReferenceRow(int query, float[] gradient) {
        AttentionPattern ofRow = (head, _, key) -> pattern.allows(head, query, key);
        AttentionShape shape = new AttentionShape(1, HEADS, HEADS, 1, length, WIDTH, WIDTH);
        AttentionCall one = AttentionCall.of(shape, ofRow);
        Tensor expected = empty(1);
        Tensor sum = Tensor.uninitialised(DType.F32, 1, HEADS, 1);
        ReferenceKernel.F32.forward(one, at(q, query), heads(k), heads(v), heads(expected), sum.address());
        Close.require("output of query " + query, row(y, query), expected.toFloats());
        Tensor expectedGradient = empty(1);
        ReferenceKernel.F32.backward(
                one,
                at(q, query),
                heads(k),
                heads(v),
                heads(expected),
                sum.address(),
                at(dy, query),
                0,
                heads(expectedGradient),
                heads(dk),
                heads(dv),
                0);
        Close.require("gradient of query " + query, gradient, expectedGradient.toFloats());
    }

    private static float[] row(Tensor tensor, int token) {
        return tensor.viewAt((long) token * HEADS * WIDTH, Shape.of(HEADS, WIDTH)).toFloats();
    }
}
