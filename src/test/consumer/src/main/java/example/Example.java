package example;

import dev.heddle.attention.Attention;
import dev.heddle.attention.TokenMixer;
import dev.heddle.core.nd4j.Nd4jBridge;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.ops.CrossEntropy;
import dev.heddle.core.optim.AdamW;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.mlp.Glu;
import dev.heddle.models.DecoderStack;
import dev.heddle.models.Generator;
import dev.heddle.models.Sampling;
import dev.heddle.positional.Rope;
import dev.heddle.testkit.Computation;
import dev.heddle.testkit.Equivalence;

import org.nd4j.linalg.api.ndarray.INDArray;

import java.util.Arrays;
import java.util.Map;

/// What the README shows: composes a model, trains it, generates with it, looks at it through ND4J, and proves that two
/// mixers are one function.
public final class Example {
    private static final int[] RHYME = {1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4};

    private Example() {}

    public static void main(String[] arguments) {
        DecoderStack model = compose();
        train(model);
        generate(model);
        look(model);
        prove();
    }

    private static DecoderStack compose() {
        return DecoderStack.builder()
                .vocabulary(5)
                .width(32)
                .depth(2)
                .mixer(Attention.grouped(4, 2).position(Rope.base(10_000)))
                .feedForward(Glu.swiglu(64))
                .build(Seed.of(42));
    }

    private static void train(DecoderStack model) {
        Tensor tokens = Tensor.of(RHYME, 1, RHYME.length);
        Tensor next = Tensor.of(new int[] {2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1}, 1, RHYME.length);
        var optimiser = new AdamW(model.parameters(), new AdamW.Settings(0.9, 0.95, 1e-8, 0.1));
        for (int step = 0; step < 50; step++) {
            try (Scope _ = Scope.open()) {
                Tensor loss = CrossEntropy.mean(model.forward(tokens), next);
                optimiser.step(Autograd.gradients(loss), 1e-2, 1);
                if (step % 10 == 9) {
                    System.out.println("step " + (step + 1) + ": loss " + loss.item());
                }
            }
        }
    }

    private static void generate(DecoderStack model) {
        int[] text = new Generator(model, Sampling.greedy(), Seed.of(1)).generate(new int[] {1, 2}, 6);
        check("the rhyme goes on", Arrays.equals(text, new int[] {3, 4, 1, 2, 3, 4}));
    }

    private static void look(DecoderStack model) {
        INDArray embedding = Nd4jBridge.array(model.parameters().get("embedding.weight").value());
        check("ND4J sees the same memory", embedding.rows() == 5 && embedding.columns() == 32);
    }

    private static void prove() {
        Tensor x = Initialiser.normal(1).create(Shape.of(2, 7, 32), Seed.of(3));
        TokenMixer multiHead = Attention.multiHead(4).create(32, Seed.of(1));
        TokenMixer grouped = Attention.grouped(4, 4).create(32, Seed.of(2));
        Equivalence.between(
                        Computation.ofTensor("multi-head", multiHead, multiHead::forward),
                        Computation.ofTensor("grouped, a group per head", grouped, grouped::forward))
                .sharingWeights()
                .inputs(Map.of("x", x))
                .check()
                .orThrow();
    }

    private static void check(String what, boolean holds) {
        if (!holds) {
            throw new AssertionError(what + ": it does not");
        }
    }
}
