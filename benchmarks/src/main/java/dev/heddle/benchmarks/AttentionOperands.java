package dev.heddle.benchmarks;

import dev.heddle.attention.kernel.AttentionCall;
import dev.heddle.attention.kernel.AttentionKernel;
import dev.heddle.attention.kernel.AttentionKernels;
import dev.heddle.attention.kernel.AttentionShape;
import dev.heddle.attention.kernel.Heads;
import dev.heddle.attention.kernel.ReferenceKernel;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.benchmarks.peer.TorchAttention;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

/// One sequence of tokens with 8 heads of 64, 32-bit floats, and what attention under a pattern makes of it. Heddle reads
/// them token-major, as a projection leaves them; PyTorch gets them head-major, as it likes them.
final class AttentionOperands {
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

    AttentionOperands(AttentionPattern pattern, int length) {
        this.length = length;
        this.pattern = pattern;
        call = AttentionCall.of(new AttentionShape(1, HEADS, HEADS, length, length, WIDTH, WIDTH), pattern);
        q = normal("q");
        k = normal("k");
        v = normal("v");
        dy = normal("dy");
        y = empty(length);
        dq = empty(length);
        dk = empty(length);
        dv = empty(length);
        lse = Tensor.uninitialised(DType.F32, 1, HEADS, length);
    }

    private Tensor normal(String name) {
        return SubjectInputs.normal(Shape.of(1, length, HEADS, WIDTH), DType.F32, Seed.of(length).split(name));
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

    /// PyTorch's attention over the same, all keys or all that are not later.
    TorchAttention torch(boolean causal) {
        return new TorchAttention(headMajor(q), headMajor(k), headMajor(v), headMajor(dy), causal);
    }

    /// PyTorch's attention over the same, under a mask that is as large as all pairs of all heads.
    TorchAttention torchUnderMask() {
        boolean[] allowed = new boolean[HEADS * length * length];
        int at = 0;
        for (int head = 0; head < HEADS; head++) {
            for (int query = 0; query < length; query++) {
                for (int key = 0; key < length; key++) {
                    allowed[at++] = pattern.allows(head, query, key);
                }
            }
        }
        Tensor mask = Tensor.of(allowed, 1, HEADS, length, length);
        return new TorchAttention(headMajor(q), headMajor(k), headMajor(v), headMajor(dy), mask);
    }

    private static Tensor headMajor(Tensor tensor) {
        return Layout.permute(tensor, 0, 2, 1, 3);
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

    /// Holds all that the kernel computes against PyTorch, which has computed nothing before.
    ///
    /// @throws IllegalStateException if it differs
    void requireSame(TorchAttention torch) {
        forward();
        backward();
        torch.backward();
        Close.require("output", headMajor(y).toFloats(), torch.output());
        Tensor[] gradients = {dq, dk, dv};
        for (int i = 0; i < gradients.length; i++) {
            Close.require("gradient " + i, headMajor(gradients[i]).toFloats(), torch.gradient(i));
        }
    }

    /// Holds the output and the gradient of some queries against the reference, whose time for all would be too long.
    ///
    /// @throws IllegalStateException if one differs
    void requireReferenceRows() {
        requireReferenceOutputs();
        backward();
        float[][] gradients = new float[SAMPLES][];
        for (int sample = 0; sample < SAMPLES; sample++) {
            gradients[sample] = row(dq, query(sample));
        }
        // The gradients of keys and values are room for those of one query now.
        for (int sample = 0; sample < SAMPLES; sample++) {
            int query = query(sample);
            Close.require("gradient of query " + query, gradients[sample], referenceGradient(query));
        }
    }

    /// As [#requireReferenceRows], without the gradient.
    ///
    /// @throws IllegalStateException if one differs
    void requireReferenceOutputs() {
        forward();
        for (int sample = 0; sample < SAMPLES; sample++) {
            int query = query(sample);
            Close.require("output of query " + query, row(y, query), new ReferenceRow(query).y.toFloats());
        }
    }

    // From the first to the last, at odd places.
    private int query(int sample) {
        return (int) ((length - 1L) * sample / (SAMPLES - 1));
    }

    private float[] referenceGradient(int query) {
        ReferenceRow row = new ReferenceRow(query);
        Tensor gradient = empty(1);
        ReferenceKernel.F32.backward(
                row.call,
                at(q, query),
                heads(k),
                heads(v),
                heads(row.y),
                row.lse.address(),
                at(dy, query),
                0,
                heads(gradient),
                heads(dk),
                heads(dv),
                0);
        return gradient.toFloats();
    }

    /// What the reference gives for one query.
    private final class ReferenceRow {
        private final AttentionCall call;
        private final Tensor y = empty(1);
        private final Tensor lse = Tensor.uninitialised(DType.F32, 1, HEADS, 1);

        ReferenceRow(int query) {
            AttentionPattern ofRow = (head, _, key) -> pattern.allows(head, query, key);
            call = AttentionCall.of(new AttentionShape(1, HEADS, HEADS, 1, length, WIDTH, WIDTH), ofRow);
            ReferenceKernel.F32.forward(call, at(q, query), heads(k), heads(v), heads(y), lse.address());
        }
    }

    private static float[] row(Tensor tensor, int token) {
        return tensor.viewAt((long) token * HEADS * WIDTH, Shape.of(HEADS, WIDTH)).toFloats();
    }
}
