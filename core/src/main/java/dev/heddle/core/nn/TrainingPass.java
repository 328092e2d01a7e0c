package dev.heddle.core.nn;

import dev.heddle.core.ops.Dropout;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.function.Supplier;

/// One forward pass of training: only inside it does dropout drop anything, and what it drops follows from the pass's
/// seed alone, so a resumed run draws what the uninterrupted one would have drawn.
public final class TrainingPass {
    private static final ScopedValue<TrainingPass> CURRENT = ScopedValue.newInstance();

    private final Seed seed;
    private long draws;

    private TrainingPass(Seed seed) {
        this.seed = seed;
    }

    /// What makes later work draw what it would draw here and now, so that a part of a forward pass can be computed again.
    static Place here() {
        return new Place(CURRENT.isBound() ? CURRENT.get() : null);
    }

    /// A place in a pass, or outside any.
    static final class Place {
        private final @Nullable Seed seed;
        private final long draws;

        private Place(@Nullable TrainingPass pass) {
            this.seed = pass == null ? null : pass.seed;
            this.draws = pass == null ? 0 : pass.draws;
        }

        <T> T again(Supplier<T> work) {
            if (seed == null) {
                return work.get();
            }
            TrainingPass pass = new TrainingPass(seed);
            pass.draws = draws;
            return ScopedValue.where(CURRENT, pass).call(work::get);
        }
    }

    /// Runs a forward pass in training mode.
    public static <T> T run(Seed seed, Supplier<T> forward) {
        return ScopedValue.where(CURRENT, new TrainingPass(seed)).call(forward::get);
    }

    /// True inside a training pass.
    public static boolean isActive() {
        return CURRENT.isBound();
    }

    /// `x` with dropout inside a training pass, `x` itself outside.
    public static Tensor dropout(Tensor x, double probability) {
        if (probability == 0 || !CURRENT.isBound()) {
            return x;
        }
        TrainingPass pass = CURRENT.get();
        return Dropout.apply(x, probability, pass.seed.split(pass.draws++));
    }
}
