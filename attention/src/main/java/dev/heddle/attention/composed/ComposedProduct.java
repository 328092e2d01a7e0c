package dev.heddle.attention.composed;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Dot-product attention with composed heads as a differentiable operation: scores, pre-composition, mask, softmax,
/// post-composition and the product with the values in one. Its reference is [WrittenOutComposition].
final class ComposedProduct {
    private ComposedProduct() {}

    /// Attends: `[B, N, H, Dh]`.
    ///
    /// @param q `[B, N, H, Dh]`
    /// @param k `[B, M, H, Dh]`, M ≥ N
    /// @param v `[B, M, H, Dh]`
    /// @param pre composes the scores; null if nothing does
    /// @param post composes the probabilities; null if nothing does
    /// @param pattern which keys a query sees, the same for all heads
    /// @throws ShapeException if the tensors do not fit together
    static Tensor attend(
            Tensor q,
            Tensor k,
            Tensor v,
            @Nullable Composition pre,
            @Nullable Composition post,
            AttentionPattern pattern) {
        check(q, k, v, pre, post);
        return arranged(q, k, v, k.dim(1), pre, post, pattern);
    }

    private static Tensor arranged(
            Tensor q,
            Tensor k,
            Tensor v,
            int keys,
            @Nullable Composition pre,
            @Nullable Composition post,
            AttentionPattern pattern) {
        Arrangement order = Arrangement.of(pattern, q.dim(1), keys);
        if (order.queries() == 0 || order.keys() == 0) {
            return Tensor.zeros(q.dtype(), q.shape());
        }
        Tensor y =
                recorded(
                        order.ofQueries(q, keys),
                        order.ofKeys(k),
                        order.ofKeys(v),
                        pre == null ? null : pre.arranged(order, keys),
                        post == null ? null : post.arranged(order, keys),
                        order);
        return order.restore(y, q.dim(1), keys);
    }

    private static Tensor recorded(
            Tensor q, Tensor k, Tensor v, @Nullable Composition pre, @Nullable Composition post, Arrangement order) {
        Tensor y;
        try (Scope scope = Scope.open()) {
            y = scope.keep(new ComposedKernel(q, k, v, pre, post, order).forward());
        }
        return Autograd.record(
                y,
                dy -> {
                    try (Scope scope = Scope.open()) {
                        ComposedKernel kernel = new ComposedKernel(q, k, v, pre, post, order);
                        return kernel.backward(dy).stream().map(scope::keep).toArray(Tensor[]::new);
                    }
                },
                inputs(q, k, v, pre, post).toArray(Tensor[]::new));
    }

    /// Attends to the first `keys` tokens of a cache with room for more; gradients are not recorded.
    ///
    /// @param k `[B, C, H, Dh]`; factors of keys in the compositions have C tokens as well
    static Tensor attendCached(
            Tensor q,
            Tensor k,
            Tensor v,
            int keys,
            @Nullable Composition pre,
            @Nullable Composition post,
            AttentionPattern pattern) {
        check(q, k, v, pre, post);
        Tensor y = Autograd.inference(() -> arranged(q, k, v, keys, pre, post, pattern));
        Reference.reachabilityFence(inputs(q, k, v, pre, post));
        return y;
    }

    private static List<Tensor> inputs(
            Tensor q, Tensor k, Tensor v, @Nullable Composition pre, @Nullable Composition post) {
        List<Tensor> inputs = new ArrayList<>(List.of(q, k, v));
        for (@Nullable Composition stage : Arrays.asList(pre, post)) {
            if (stage != null) {
                inputs.addAll(stage.tensors());
            }
        }
        return inputs;
    }

    private static void check(Tensor q, Tensor k, Tensor v, @Nullable Composition pre, @Nullable Composition post) {
        boolean fits =
                q.rank() == 4
                        && k.rank() == 4
                        && k.shape().equals(v.shape())
                        && q.shape().with(1, 1).equals(k.shape().with(1, 1))
                        && q.dim(1) <= k.dim(1)
                        && q.dtype() == k.dtype()
                        && q.dtype() == v.dtype();
        if (!fits) {
            throw new ShapeException(
                    "composed attention: q "
                            + q
                            + ", k "
                            + k
                            + " and v "
                            + v
                            + " do not fit; [B, N, H, Dh] and twice [B, M, H, Dh] with M ≥ N, of one type, are needed");
        }
        for (@Nullable Composition stage : Arrays.asList(pre, post)) {
            if (stage != null) {
                stage.check(q, k.dim(1));
            }
        }
    }
}
