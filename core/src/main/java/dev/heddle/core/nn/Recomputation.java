package dev.heddle.core.nn;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/// A part of a forward pass that is computed once and, for the backward pass, again with the same result.
///
/// What dropout drops is repeated by itself. A layer that decides something by looking at its data (which bucket, which
/// expert) asks for the decision through [#decide]: rounding may differ the second time, the decision must not.
public final class Recomputation {
    private static final ScopedValue<Recomputation> CURRENT = ScopedValue.newInstance();

    // What is repeated as a part of something else repeats its decisions with it.
    private final @Nullable Recomputation outer = CURRENT.isBound() ? CURRENT.get() : null;
    private final TrainingPass.Place place = TrainingPass.here();
    private final List<Object> decisions = new ArrayList<>();
    private boolean repeating;
    private int next;

    /// Begins at this place of the forward pass.
    public Recomputation() {}

    /// A decision: taken here and now, unless it was taken before and is only repeated.
    ///
    /// @param <T> what is decided: something that is not a tensor of the current scope
    public static <T> T decide(Supplier<T> decision) {
        return CURRENT.isBound() ? CURRENT.get().taken(decision) : decision.get();
    }

    // The order of the decisions is the same both times, and so are their types.
    @SuppressWarnings("unchecked")
    private <T> T taken(Supplier<T> decision) {
        if (repeating) {
            return (T) decisions.get(next++);
        }
        T made = outer == null ? decision.get() : outer.taken(decision);
        decisions.add(made);
        return made;
    }

    /// Runs the work for the first time.
    public <T> T first(Supplier<T> work) {
        return ScopedValue.where(CURRENT, this).call(work::get);
    }

    /// Runs the same work again, as often as wanted.
    public <T> T again(Supplier<T> work) {
        repeating = true;
        next = 0;
        return place.again(() -> ScopedValue.where(CURRENT, this).call(work::get));
    }
}
