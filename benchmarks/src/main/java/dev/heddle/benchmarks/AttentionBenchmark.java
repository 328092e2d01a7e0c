package dev.heddle.benchmarks;

import dev.heddle.attention.pattern.Patterns;

import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/// Scaled dot-product attention, 32-bit floats, one sequence, 8 heads of 64, beside PyTorch.
@SuppressWarnings("NullAway.Init") // JMH fills the parameters.
public class AttentionBenchmark extends AttentionBesideTorch {
    /// The sequence length.
    @Param({"512", "1024", "2048", "4096"})
    public int length;

    /// What a query sees.
    @Param({"full", "causal"})
    public String pattern;

    /// Makes and checks the operands.
    @Setup
    public void prepare() {
        boolean causal = pattern.equals("causal");
        AttentionOperands operands = new AttentionOperands(causal ? Patterns.causal() : Patterns.full(), length);
        prepare(operands, operands.torch(causal));
    }
}
