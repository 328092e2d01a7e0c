package dev.heddle.training;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.core.ops.CrossEntropy;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Cross-entropy with ignored targets, plain and with label smoothing, is PyTorch's.
class CrossEntropyGoldenTest {
    private final GoldenTensors golden = new GoldenTensors("cross-entropy");

    @AfterEach
    void close() {
        golden.close();
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F64"})
    void plainLossPerplexityAndBits(DType dtype) {
        double loss = check(dtype, 0, "out.loss", "grad.in.logits");
        assertThat(golden.ratio("out.perplexity", new double[] {Math.exp(loss)})).isLessThanOrEqualTo(1);
        assertThat(golden.ratio("out.bits", new double[] {loss / Math.log(2)})).isLessThanOrEqualTo(1);
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F64"})
    void smoothedLoss(DType dtype) {
        check(dtype, golden.config().number("label_smoothing"), "out.loss_smoothed", "grad.in.logits_smoothed");
    }

    private double check(DType dtype, double smoothing, String loss, String gradient) {
        Tensor logits = Autograd.variable(golden.tensor("in.logits", dtype));
        Tensor targets = golden.tensor("in.targets", DType.I32);
        Tensor found = CrossEntropy.mean(logits, targets, golden.config().integer("ignore_index"), smoothing);
        double allowed = dtype == DType.F64 ? 1e-6 : 1;
        assertThat(golden.ratio(loss, found.toDoubles())).isLessThanOrEqualTo(allowed);
        assertThat(golden.ratio(gradient, Autograd.gradients(found).of(logits).toDoubles()))
                .isLessThanOrEqualTo(allowed);
        return found.item();
    }
}
