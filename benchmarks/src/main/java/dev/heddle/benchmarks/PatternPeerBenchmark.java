package dev.heddle.benchmarks;

import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/// As [PatternBenchmark], beside PyTorch under the equivalent boolean mask, as far as the mask does not grow out of hand.
///
/// The quick profile takes the values below, `--full` all of [Sparsity] at all of [#CONTEXTS].
@SuppressWarnings("NullAway.Init") // JMH fills the parameters.
public class PatternPeerBenchmark extends AttentionBesideTorch {
    /// The lengths of `--full`.
    static final int[] CONTEXTS = {1024, 2048, 4096};

    /// Tokens.
    @Param("4096")
    public int maskedContext;

    /// What a query sees.
    @Param({"causal", "sparse-su"})
    public String sparsity;

    /// Makes and checks the operands.
    @Setup
    public void prepare() {
        AttentionOperands operands = new AttentionOperands(Sparsity.of(sparsity).over(maskedContext), maskedContext);
        prepare(operands, operands.torchUnderMask());
    }
}
