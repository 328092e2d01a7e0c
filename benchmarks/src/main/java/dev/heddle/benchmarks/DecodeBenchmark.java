package dev.heddle.benchmarks;

import dev.heddle.attention.Attention;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.models.DecodeState;
import dev.heddle.models.DecoderStack;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/// Tokens per second of a stack of 6 layers × 384 with a cache, one sequence: 64 tokens one by one behind a prompt of
/// 192, and the prompt in chunks of 64.
@State(org.openjdk.jmh.annotations.Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@SuppressWarnings("NullAway.Init") // JMH fills the parameter, and prepare() the rest.
public class DecodeBenchmark {
    private static final int WIDTH = 384;
    private static final int HEADS = 6;
    private static final int DEPTH = 6;
    private static final int PROMPT = 192;
    private static final int DECODED = 64;
    private static final int CHUNK = 64;

    /// Key/value heads: 6 is multi-head, 1 is multi-query attention.
    @Param({"6", "1"})
    public int keyValueHeads;

    private DecoderStack stack;
    private Tensor prompt;
    private Tensor[] next;
    private DecodeState afterPrompt;

    /// Builds the stack, and checks that decoding gives the logits of a forward pass over the whole sequence.
    @Setup
    public void prepare() {
        stack = NanoGpt.stack(DEPTH, WIDTH, PROMPT + DECODED, Attention.grouped(HEADS, keyValueHeads));
        int[] text = Seed.of(2).generator().ints(PROMPT + DECODED, 0, NanoGpt.VOCABULARY).toArray();
        prompt = Tensor.of(Arrays.copyOf(text, PROMPT), 1, PROMPT);
        next = new Tensor[DECODED];
        Arrays.setAll(next, i -> Tensor.of(new int[] {text[PROMPT + i]}, 1, 1));
        Tensor whole = Autograd.inference(() -> stack.forward(Tensor.of(text, 1, text.length)));
        Tensor afterLastOfPrompt = Layout.slice(whole, 1, PROMPT - 1, PROMPT);
        DecoderStack.Step start =
                Autograd.inference(() -> stack.prefill(prompt, stack.start(1, PROMPT + DECODED), CHUNK));
        Close.require("prefill", start.logits().toFloats(), afterLastOfPrompt.toFloats());
        afterPrompt = start.state();
        Tensor afterLast = Layout.slice(whole, 1, text.length - 1, text.length);
        Close.require("decode", heddleDecode(), afterLast.toFloats());
    }

    @Benchmark
    @OperationsPerInvocation(DECODED)
    public float[] heddleDecode() {
        return Autograd.inference(
                () -> {
                    DecodeState state = afterPrompt;
                    float[] logits = {};
                    for (Tensor token : next) {
                        try (Scope _ = Scope.open()) {
                            DecoderStack.Step step = stack.advance(token, state);
                            state = step.state();
                            logits = step.logits().toFloats();
                        }
                    }
                    return logits;
                });
    }

    @Benchmark
    @OperationsPerInvocation(PROMPT)
    public float[] heddlePrefill() {
        try (Scope _ = Scope.open()) {
            return Autograd.inference(
                    () -> stack.prefill(prompt, stack.start(1, PROMPT + DECODED), CHUNK).logits().toFloats());
        }
    }
}
