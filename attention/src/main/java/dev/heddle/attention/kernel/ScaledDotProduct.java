package dev.heddle.attention.kernel;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.List;

/// Scaled dot-product attention as a differentiable operation, `(q, k, v) → (y, lse)`.
///
/// The log-sum-exp is an output of its own, so that attention over parts of the keys can be combined exactly
/// ([Combine]). 64-bit floats take the reference kernel, 32-bit floats the tiled one.
public final class ScaledDotProduct {
    private ScaledDotProduct() {}

    /// What attention returns.
    ///
    /// @param y shaped as `q`, with the values' width
    /// @param lse `[B, H, N]`, the natural logarithm of the sum of the exponentials of a query's scores; −∞ where it
    ///     may see no key
    public record Result(Tensor y, Tensor lse) {}

    /// Attends. Shapes are those of token-major layout; in head-major layout the second and third axes are exchanged.
    ///
    /// @param q `[B, N, H, Dh]`
    /// @param k `[B, M, G, Dh]` with `G` a divisor of `H`
    /// @param v `[B, M, G, Dv]`; `N` and `M` may be 0
    /// @throws ShapeException if the tensors do not fit together
    public static Result attend(Tensor q, Tensor k, Tensor v, AttentionOptions options) {
        requireFit(q, k, v, options.layout());
        int tokens = tokenAxis(options.layout());
        if (q.dim(tokens) == 0 || k.dim(tokens) == 0) {
            return withoutPairs(q, k, v, 3 - tokens, tokens);
        }
        AttentionShape shape = shape(q, k, v, options.layout());
        Operands operands = new Operands(q, k, v, maskedByKey(options, shape), shape);
        return operands.attend();
    }

    private static int tokenAxis(AttentionOptions.Layout layout) {
        return layout == AttentionOptions.Layout.TOKEN_MAJOR ? 1 : 2;
    }

    // Without keys every query is one that may see none; without queries there is nothing to say.
    private static Result withoutPairs(Tensor q, Tensor k, Tensor v, int heads, int tokens) {
        Tensor y = Tensor.zeros(q.dtype(), q.shape().with(3, v.dim(3)));
        Shape rows = Shape.of(q.dim(0), q.dim(heads), q.dim(tokens));
        Tensor lse = Tensor.full(q.dtype(), rows, Double.NEGATIVE_INFINITY);
        Autograd.record(List.of(y, lse), gradients -> new @Nullable Tensor[] {null, null, null}, q, k, v);
        return new Result(y, lse);
    }

    /// Attends to the first `length` keys of a cache with room for more; gradients are not recorded.
    ///
    /// @param q `[B, N, H, Dh]`
    /// @param k `[B, C, G, Dh]`
    /// @param v `[B, C, G, Dv]`
    /// @param length the number of keys, at most `C`
    /// @throws ShapeException if the tensors do not fit together or the cache is shorter than `length`
    public static Result attendCached(Tensor q, Tensor k, Tensor v, int length, AttentionOptions options) {
        Result result =
                attendCached(q, k, shape(q, k, v, options.layout()), heads(v, options.layout()), length, options);
        Reference.reachabilityFence(v);
        return result;
    }

    /// As [#attendCached(Tensor, Tensor, Tensor, int, AttentionOptions)] where a key's first columns are its value, so that
    /// both are read from the same memory.
    ///
    /// @param q `[B, N, H, Dh]`
    /// @param k `[B, C, G, Dh]`
    /// @param valueWidth `Dv`, at most `Dh`
    /// @param length the number of keys, at most `C`
    /// @throws ShapeException if the tensors do not fit together, the cache is shorter than `length`, or values are wider
    ///     than keys
    public static Result attendCached(Tensor q, Tensor k, int valueWidth, int length, AttentionOptions options) {
        AttentionShape keys = shape(q, k, k, options.layout());
        if (valueWidth > keys.width()) {
            throw new ShapeException(
                    "cache: values of "
                            + valueWidth
                            + " columns in keys of "
                            + keys.width()
                            + "; use at most that many");
        }
        AttentionShape room =
                new AttentionShape(
                        keys.batch(),
                        keys.heads(),
                        keys.kvHeads(),
                        keys.queries(),
                        keys.keys(),
                        keys.width(),
                        valueWidth);
        return attendCached(q, k, room, heads(k, options.layout()), length, options);
    }

    private static Result attendCached(
            Tensor q, Tensor k, AttentionShape room, Heads values, int length, AttentionOptions options) {
        if (length < 1 || length > room.keys()) {
            throw new ShapeException("cache: " + length + " keys asked for of " + room.keys() + "; use 1 to that many");
        }
        AttentionShape shape =
                new AttentionShape(
                        room.batch(),
                        room.heads(),
                        room.kvHeads(),
                        room.queries(),
                        length,
                        room.width(),
                        room.valueWidth());
        Result result = outputs(q.dtype(), shape, options.layout());
        AttentionOptions byKey = maskedByKey(options, shape);
        AttentionKernels.of(q.dtype())
                .forward(
                        call(byKey, shape),
                        heads(q, options.layout()),
                        heads(k, options.layout()),
                        values,
                        heads(result.y(), options.layout()),
                        result.lse().address());
        Reference.reachabilityFence(List.of(q, k, byKey));
        return result;
    }

    private static Result outputs(DType dtype, AttentionShape s, AttentionOptions.Layout layout) {
        Shape y =
                layout == AttentionOptions.Layout.TOKEN_MAJOR
                        ? Shape.of(s.batch(), s.queries(), s.heads(), s.valueWidth())
                        : Shape.of(s.batch(), s.heads(), s.queries(), s.valueWidth());
        return new Result(
                Tensor.uninitialised(dtype, y), Tensor.uninitialised(dtype, s.batch(), s.heads(), s.queries()));
    }

    private static AttentionCall call(AttentionOptions options, AttentionShape shape) {
        Tensor mask = options.mask();
        PairMask pairs = null;
        if (mask != null) {
            long[] strides = Broadcast.strides("mask", mask, shape);
            pairs = new PairMask(mask.address(), strides[0], strides[1], strides[2]);
        }
        AttentionBias bias = options.bias();
        Double scale = options.scale();
        return new AttentionCall(
                shape,
                options.pattern(),
                scale == null ? 1 / Math.sqrt(shape.width()) : scale,
                options.softcap(),
                bias == null ? ScoreBias.NONE : bias.onMemory(shape),
                pairs);
    }

    // The kernels read one boolean a key; a mask that says the same of all keys is repeated along them.
    private static AttentionOptions maskedByKey(AttentionOptions options, AttentionShape shape) {
        Tensor mask = options.mask();
        if (mask == null) {
            return options;
        }
        int last = mask.rank() == 0 ? 0 : mask.dim(-1);
        if (mask.dtype() != DType.BOOL || (last != 1 && last != shape.keys())) {
            throw new ShapeException(
                    "mask: "
                            + mask.dtype()
                            + mask.shape()
                            + " is not one boolean a key; use BOOL with last axis 1 or "
                            + shape.keys());
        }
        if (last == shape.keys()) {
            return options;
        }
        return options.masked(Layout.expand(mask, mask.shape().with(-1, shape.keys())));
    }

    private static AttentionShape shape(Tensor q, Tensor k, Tensor v, AttentionOptions.Layout layout) {
        requireFit(q, k, v, layout);
        int tokens = tokenAxis(layout);
        int heads = 3 - tokens;
        return new AttentionShape(
                q.dim(0), q.dim(heads), k.dim(heads), q.dim(tokens), k.dim(tokens), q.dim(3), v.dim(3));
    }

    private static void requireFit(Tensor q, Tensor k, Tensor v, AttentionOptions.Layout layout) {
        if (q.rank() != 4 || k.rank() != 4 || v.rank() != 4) {
            throw new ShapeException(
                    "attention: q "
                            + q.shape()
                            + ", k "
                            + k.shape()
                            + ", v "
                            + v.shape()
                            + " must have four axes each");
        }
        if (q.dtype() != k.dtype() || q.dtype() != v.dtype() || !q.dtype().isFloating()) {
            throw new ShapeException(
                    "attention: q "
                            + q.dtype()
                            + ", k "
                            + k.dtype()
                            + ", v "
                            + v.dtype()
                            + " must be of one floating type");
        }
        int tokens = tokenAxis(layout);
        int heads = 3 - tokens;
        boolean fits =
                q.dim(0) == k.dim(0)
                        && k.dim(0) == v.dim(0)
                        && q.dim(3) == k.dim(3)
                        && k.dim(tokens) == v.dim(tokens)
                        && k.dim(heads) == v.dim(heads);
        if (!fits) {
            throw new ShapeException(
                    "attention: q "
                            + q.shape()
                            + ", k "
                            + k.shape()
                            + " and v "
                            + v.shape()
                            + " do not fit; batch must agree, q and k in width, k and v in tokens and heads");
        }
    }

    private static Heads heads(Tensor t, AttentionOptions.Layout layout) {
        return layout == AttentionOptions.Layout.TOKEN_MAJOR
                ? Heads.tokenMajor(t.address(), t.dim(2), t.dim(1), t.dim(3))
                : Heads.headMajor(t.address(), t.dim(1), t.dim(2), t.dim(3));
    }

    /// One recorded call.
    private record Operands(Tensor q, Tensor k, Tensor v, AttentionOptions options, AttentionShape shape) {
        Result attend() {
            AttentionBias bias = options.bias();
            if (bias != null && bias.values().dtype() != q.dtype()) {
                throw new ShapeException(
                        "bias: type " + bias.values().dtype() + " differs from that of q; use " + q.dtype());
            }
            Result result = outputs(q.dtype(), shape, options.layout());
            AttentionKernels.of(q.dtype())
                    .forward(
                            call(options, shape),
                            heads(q, options.layout()),
                            heads(k, options.layout()),
                            heads(v, options.layout()),
                            heads(result.y(), options.layout()),
                            result.lse().address());
            List<Tensor> inputs = new ArrayList<>(List.of(q, k, v));
            if (bias != null) {
                inputs.add(bias.values());
            }
            // Without their place on the tape, or saved outputs would keep themselves alive through it.
            Result saved = new Result(result.y().detach(), result.lse().detach());
            Autograd.record(
                    List.of(result.y(), result.lse()),
                    gradients -> backward(saved, gradients[0], gradients[1]),
                    inputs.toArray(Tensor[]::new));
            Reference.reachabilityFence(options);
            return result;
        }

        private @Nullable Tensor[] backward(Result saved, @Nullable Tensor dy, @Nullable Tensor dlse) {
            Tensor slope = dy == null ? Tensor.zeros(saved.y().dtype(), saved.y().shape()) : dy;
            Tensor dq = Tensor.uninitialised(q.dtype(), q.shape());
            Tensor dk = Tensor.uninitialised(k.dtype(), k.shape());
            Tensor dv = Tensor.uninitialised(v.dtype(), v.shape());
            AttentionBias bias = options.bias();
            Tensor dbias =
                    bias != null && bias.values().isDifferentiable()
                            ? Tensor.uninitialised(q.dtype(), bias.values().shape())
                            : null;
            AttentionKernels.of(q.dtype())
                    .backward(
                            call(options, shape),
                            heads(q, options.layout()),
                            heads(k, options.layout()),
                            heads(v, options.layout()),
                            heads(saved.y(), options.layout()),
                            saved.lse().address(),
                            heads(slope, options.layout()),
                            dlse == null ? 0 : dlse.address(),
                            heads(dq, options.layout()),
                            heads(dk, options.layout()),
                            heads(dv, options.layout()),
                            dbias == null ? 0 : dbias.address());
            Reference.reachabilityFence(List.of(slope, this));
            Reference.reachabilityFence(dlse);
            return bias == null ? new @Nullable Tensor[] {dq, dk, dv} : new @Nullable Tensor[] {dq, dk, dv, dbias};
        }
    }
}
