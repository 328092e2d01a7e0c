package dev.heddle.benchmarks;

import dev.heddle.attention.Attention;
import dev.heddle.benchmarks.peer.TorchDecoder;
import dev.heddle.core.nn.Parameter;
import dev.heddle.core.ops.CrossEntropy;
import dev.heddle.core.optim.AdamW;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.models.DecoderStack;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;

/// One training step (forward, backward, AdamW) of nanoGPT's two character models, beside the same model in PyTorch with
/// as many threads. Both start from the same weights, and their losses must agree in the first steps. It takes 15 seconds
/// until a step runs in code of the last compiler.
@State(org.openjdk.jmh.annotations.Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 5)
@Measurement(iterations = 5, time = 2)
@SuppressWarnings("NullAway.Init") // JMH fills the parameter, and prepare() the rest.
public class TrainingStepBenchmark {
    private static final double RATE = 1e-3;
    private static final int CHECKED_STEPS = 3;

    /// Layers × width, context and batch: nanoGPT's model for a CPU and that for a GPU.
    @Param({"4x128 context 64 batch 12", "6x384 context 256 batch 8"})
    public String model;

    private DecoderStack stack;
    private AdamW optimiser;
    private Tensor tokens;
    private Tensor targets;
    private TorchDecoder torch;

    /// Builds both models and compares the losses of their first steps.
    @Setup
    public void prepare() {
        boolean small = model.startsWith("4x128");
        TorchDecoder.Sizes sizes =
                small ? new TorchDecoder.Sizes(4, 128, 4, 12, 64) : new TorchDecoder.Sizes(6, 384, 6, 8, 256);
        AdamW.Settings rule = new AdamW.Settings(0.9, 0.99, 1e-8, 0.1);
        stack = NanoGpt.stack(sizes.depth(), sizes.width(), sizes.length(), Attention.multiHead(sizes.heads()));
        optimiser = new AdamW(stack.parameters(), rule);
        RandomGenerator random = Seed.of(3).generator();
        int[] text = random.ints((long) sizes.batch() * sizes.length(), 0, NanoGpt.VOCABULARY).toArray();
        int[] next = random.ints(text.length, 0, NanoGpt.VOCABULARY).toArray();
        tokens = Tensor.of(text, sizes.batch(), sizes.length());
        targets = Tensor.of(next, sizes.batch(), sizes.length());
        TorchDecoder.Update update =
                new TorchDecoder.Update(RATE, rule.beta1(), rule.beta2(), rule.eps(), rule.weightDecay());
        torch = new TorchDecoder(sizes, update, weights(sizes), text, next);
        for (int step = 0; step < CHECKED_STEPS; step++) {
            Close.require("loss of step " + step, new float[] {heddle()}, new float[] {torch()});
        }
    }

    private List<Tensor> weights(TorchDecoder.Sizes sizes) {
        Map<String, Parameter> parameters = stack.parameters();
        List<Tensor> weights = new ArrayList<>();
        weights.add(weight(parameters, "embedding.weight"));
        weights.add(weight(parameters, "position.position_embedding"));
        for (int i = 0; i < sizes.depth(); i++) {
            String block = "blocks." + i + ".";
            weights.add(weight(parameters, block + "mixer_branch.norm.weight"));
            weights.add(
                    below(
                            weight(parameters, block + "mixer.wq.weight"),
                            weight(parameters, block + "mixer.wk.weight"),
                            weight(parameters, block + "mixer.wv.weight")));
            weights.add(weight(parameters, block + "mixer.wo.weight"));
            weights.add(weight(parameters, block + "feed_forward_branch.norm.weight"));
            weights.add(weight(parameters, block + "feed_forward.fc1.weight"));
            weights.add(weight(parameters, block + "feed_forward.fc2.weight"));
        }
        weights.add(weight(parameters, "norm.weight"));
        return weights;
    }

    private static Tensor weight(Map<String, Parameter> parameters, String name) {
        return Objects.requireNonNull(parameters.get(name), name).value();
    }

    /// Matrices of one width, one below the other.
    private static Tensor below(Tensor... matrices) {
        int width = matrices[0].dim(1);
        float[] all = new float[matrices.length * width * width];
        for (int i = 0; i < matrices.length; i++) {
            System.arraycopy(matrices[i].toFloats(), 0, all, i * width * width, width * width);
        }
        return Tensor.of(all, matrices.length * width, width);
    }

    @Benchmark
    public float heddle() {
        try (Scope _ = Scope.open()) {
            Tensor loss = CrossEntropy.mean(stack.forward(tokens), targets);
            optimiser.step(Autograd.gradients(loss), RATE, 1);
            return (float) loss.item();
        }
    }

    @Benchmark
    public float torch() {
        return torch.step();
    }

    /// Ends PyTorch's part.
    @TearDown
    public void close() {
        torch.close();
    }
}
