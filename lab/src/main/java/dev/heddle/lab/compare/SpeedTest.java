package dev.heddle.lab.compare;

import dev.heddle.core.error.InputException;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.models.DecodeState;
import dev.heddle.models.DecoderStack;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/// Measures how fast a model reads and generates at several lengths, and what memory that takes. A first look, not a
/// benchmark: medians of a few runs in a JVM that has just trained the model; `heddle bench` measures with care.
final class SpeedTest {
    private static final int[] LENGTHS = {128, 256, 512, 1024, 2048, 4096};
    private static final int PREFILLS = 5;
    private static final int DECODES = 24;
    private static final int WARM_UPS = 8;

    /// The share of the warm-up that decoding takes again at each length.
    private static final double SHARE = 1 / 12.;

    private final DecoderStack model;
    private final int[] text;
    private final double warmUpSeconds;

    /// @param text tokens to read; repeated where they are too few
    /// @param warmUpSeconds how long to read and generate before anything is measured
    SpeedTest(DecoderStack model, int[] text, double warmUpSeconds) {
        this.model = model;
        this.text = text;
        this.warmUpSeconds = warmUpSeconds;
    }

    /// The standard lengths and the one that the model was trained with.
    static int[] lengthsWith(int context) {
        return IntStream.concat(Arrays.stream(LENGTHS), IntStream.of(context)).sorted().distinct().toArray();
    }

    /// The lengths in turn, as far as the model can read: a table of learned positions ends.
    List<LengthPoint> atLengths(int... lengths) {
        List<LengthPoint> points = new ArrayList<>();
        warmUp(lengths[0]);
        for (int length : lengths) {
            try (Scope _ = Scope.open()) {
                points.add(Autograd.inference(() -> at(length)));
            } catch (InputException beyondTheModel) {
                return points;
            }
        }
        return points;
    }

    // Training has not compiled the code that decodes, and the first of several models would pay for all.
    private void warmUp(int length) {
        long end = System.nanoTime() + (long) (1e9 * warmUpSeconds);
        for (int i = 0; i < WARM_UPS || System.nanoTime() < end; i++) {
            try (Scope _ = Scope.open()) {
                Autograd.inference(() -> at(length));
            }
        }
    }

    private LengthPoint at(int length) {
        Tensor prompt = tokens(0, length);
        double[] seconds = new double[PREFILLS];
        long peak = 0;
        for (int i = 0; i < PREFILLS; i++) {
            try (Scope scope = Scope.open()) {
                long start = System.nanoTime();
                read(prompt);
                seconds[i] = (System.nanoTime() - start) * 1e-9;
                peak = scope.peakBytes() + cacheBytes(length);
            }
        }
        double speed = length / median(seconds);
        return model.isRecurrent() ? decode(prompt, speed, peak) : new LengthPoint(length, speed, null, peak, null);
    }

    private void read(Tensor prompt) {
        if (model.isRecurrent()) {
            int length = prompt.dim(1);
            model.prefill(prompt, model.start(1, length), length);
        } else {
            model.last(prompt);
        }
    }

    // The first tokens of a longer cache take paths that are not compiled yet: what counts are the last ones.
    private LengthPoint decode(Tensor prompt, double prefillSpeed, long peak) {
        int length = prompt.dim(1);
        decodingSeconds(length);
        double[] seconds;
        long end = System.nanoTime() + (long) (1e9 * SHARE * warmUpSeconds);
        do {
            seconds = decodingSeconds(length);
        } while (System.nanoTime() < end);
        return new LengthPoint(length, prefillSpeed, 1 / median(seconds), peak, cacheBytes(length));
    }

    // One token at a time at the very end of the length, so that a model with a limit is measured at it.
    private double[] decodingSeconds(int length) {
        int read = Math.max(1, length - DECODES);
        double[] seconds = new double[length - read];
        try (Scope _ = Scope.open()) {
            DecodeState state = model.prefill(tokens(0, read), model.start(1, length), read).state();
            for (int i = 0; i < seconds.length; i++) {
                long start = System.nanoTime();
                try (Scope _ = Scope.open()) {
                    state = model.advance(tokens(read + i, 1), state).state();
                }
                seconds[i] = (System.nanoTime() - start) * 1e-9;
            }
        }
        return seconds;
    }

    // The most that is held on the way: a state that forgets may be small, or even empty, at the very length.
    private long cacheBytes(int length) {
        return DType.F32.bytes() * IntStream.rangeClosed(1, length).mapToLong(model::stateElements).max().orElse(0);
    }

    private Tensor tokens(int from, int count) {
        return Tensor.of(IntStream.range(from, from + count).map(i -> text[i % text.length]).toArray(), 1, count);
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted.length == 0 ? Double.NaN : sorted[sorted.length / 2];
    }
}
