package dev.heddle.benchmarks;

import dev.heddle.attention.MixerState;
import dev.heddle.attention.TokenMixer.Step;
import dev.heddle.attention.latent.LatentAttention;
import dev.heddle.attention.latent.LatentAttention.Execution;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

import java.util.concurrent.TimeUnit;

/// The next tokens of one sequence behind 4096 to 4159 cached ones, through one layer of DeepSeek-V2-Lite's widths (2048
/// wide, 16 heads, 576 numbers a token in the cache): queries absorbed into the latents, against keys and values formed
/// from them.
@State(org.openjdk.jmh.annotations.Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@SuppressWarnings("NullAway.Init") // JMH fills the parameter, and prepare() the rest.
public class LatentDecodeBenchmark {
    private static final int WIDTH = 2048;
    private static final int CONTEXT = 4096;
    private static final int CHUNK = 512;
    private static final int ROOM = 64;

    /// Tokens in the step: 1 is decoding, more is a chunk of a prompt.
    @Param({"1", "64"})
    public int tokens;

    private LatentAttention layer;
    private MixerState prompt;
    private MixerState state;
    private Tensor next;

    /// Fills the cache, and checks that both executions give the same.
    @Setup
    public void prepare() {
        layer =
                LatentAttention.heads(16)
                        .latentRank(512)
                        .keyWidth(128)
                        .rotaryWidth(64)
                        .valueWidth(128)
                        .initialiser(Initialiser.normal(0.02))
                        .create(WIDTH, Seed.of(1));
        state = layer.start(1, CONTEXT + ROOM, DType.F32);
        for (int from = 0; from < CONTEXT; from += CHUNK) {
            try (Scope _ = Scope.open()) {
                Tensor chunk = draw(CHUNK, Seed.of(2).split(from));
                state = Autograd.inference(() -> layer.advance(chunk, state).state());
            }
        }
        prompt = state;
        next = draw(tokens, Seed.of(3));
        float[] absorbed = heddleAbsorbed();
        state = prompt;
        Close.require("absorbed", absorbed, heddleExpanded());
    }

    private static Tensor draw(int tokens, Seed seed) {
        return SubjectInputs.normal(Shape.of(1, tokens, WIDTH), DType.F32, seed);
    }

    @Benchmark
    public float[] heddleAbsorbed() {
        return step(Execution.ABSORBED);
    }

    @Benchmark
    public float[] heddleExpanded() {
        return step(Execution.EXPANDED);
    }

    // Most steps append in place as in decoding; going back to the first cache copies it.
    private float[] step(Execution execution) {
        if (state.length() + tokens > CONTEXT + ROOM) {
            state = prompt;
        }
        try (Scope _ = Scope.open()) {
            Step step = Autograd.inference(() -> layer.advance(next, state, execution));
            state = step.state();
            return step.y().toFloats();
        }
    }
}
