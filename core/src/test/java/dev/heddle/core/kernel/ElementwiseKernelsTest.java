package dev.heddle.core.kernel;

import static dev.heddle.core.kernel.KernelCheck.normal;

import dev.heddle.core.kernel.Kernels.Binary;
import dev.heddle.core.kernel.Kernels.Unary;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("kernel-width")
class ElementwiseKernelsTest {
    private static final int[] SIZES = {1, 4, 6, 8, 13, 16, 25, 31, 64, 100, 1000, 4098, 40_000};

    /// Ordinary numbers with every special one among them.
    private static float[] withSpecials(int n, long seed) {
        float[] special = {
            0f,
            -0f,
            40,
            -40,
            88.8f,
            -88.8f,
            -100,
            110,
            -110,
            1e-6f,
            -1e-6f,
            1e30f,
            -1e30f,
            Float.POSITIVE_INFINITY,
            Float.NEGATIVE_INFINITY,
            Float.NaN,
            Float.MIN_VALUE,
            1e-39f,
            -10,
            -13,
            -5,
            -0.7517f
        };
        float[] values = normal(seed, n, 3);
        for (int i = 0; i < n; i += 3) {
            values[i] = special[i / 3 % special.length];
        }
        return values;
    }

    @ParameterizedTest
    @EnumSource
    void binaryEqualsReference(Binary op) {
        for (int n : SIZES) {
            KernelCheck check = KernelCheck.of(op + " of " + n).tolerance(1e-7).inputs(normal(n, n), normal(n + 1, n));
            check.outputs(n).run((k, in, out) -> k.binary(op, in[0], in[1], out[0], n));
            check.outputs(-1).run((k, in, out) -> k.binary(op, in[0], in[1], in[0], n));
            check.outputs(-2).run((k, in, out) -> k.binary(op, in[0], in[1], in[1], n));
        }
    }

    @ParameterizedTest
    @EnumSource
    void binaryRowEqualsReference(Binary op) {
        for (int cols : SIZES) {
            KernelCheck.of(op + " of a row of " + cols)
                    .tolerance(1e-7)
                    .inputs(normal(1, 5 * cols), normal(2, cols))
                    .outputs(-1)
                    .run((k, in, out) -> k.binaryRow(op, in[0], in[1], out[0], 5, cols));
        }
    }

    @ParameterizedTest
    @EnumSource
    void unaryIsAccurateToTwoUlp(Unary op) {
        for (int n : SIZES) {
            KernelCheck.of(op + " of " + n)
                    .tolerance(2.4e-7)
                    .scale(op == Unary.SQUARE ? Float.MIN_NORMAL : 1e-38)
                    .inputs(inRange(op, withSpecials(n, n)))
                    .outputs(-1)
                    .run((k, in, out) -> k.unary(op, in[0], out[0], n));
        }
    }

    /// Finite results that f32 cannot hold are not compared.
    private static float[] inRange(Unary op, float[] values) {
        for (int i = 0; i < values.length; i++) {
            boolean overflows =
                    switch (op) {
                        case EXP -> values[i] > 88.7 && values[i] < 1e10;
                        case SQUARE -> Math.abs(values[i]) > 1e18;
                        case RECIPROCAL -> Math.abs(values[i]) < 3e-39 && values[i] != 0;
                        default -> false;
                    };
            values[i] = overflows ? 1 : values[i];
        }
        return values;
    }

    @ParameterizedTest
    @EnumSource
    void activationIsAccurateAlsoInTheTails(Activation act) {
        for (int n : SIZES) {
            KernelCheck.of(act + " of " + n)
                    .tolerance(1e-6)
                    .scale(1e-30)
                    .inputs(activationRange(act, withSpecials(n, n)))
                    .outputs(-1)
                    .run((k, in, out) -> k.activation(act, in[0], out[0], n));
        }
    }

    /// The tanh form and the quick one lose relative accuracy where their exponent is large: 2u = 40 costs 40 ulp.
    private static float[] activationRange(Activation act, float[] values) {
        for (int i = 0; i < values.length; i++) {
            boolean steep =
                    switch (act) {
                        case GELU_TANH -> values[i] < -3 && values[i] > -20;
                        case QUICK_GELU -> values[i] < -6 && values[i] > -60;
                        case RELU2 -> values[i] > 1e18;
                        default -> false;
                    };
            values[i] = steep ? 1 : values[i];
        }
        return values;
    }

    @ParameterizedTest
    @EnumSource
    void activationBackwardEqualsReference(Activation act) {
        for (int n : SIZES) {
            KernelCheck check =
                    KernelCheck.of(act + "' of " + n)
                            .tolerance(2e-6)
                            .inputs(activationRange(act, withSpecials(n, n)), normal(3, n));
            check.outputs(n).run((k, in, out) -> k.activationBackward(act, in[0], in[1], out[0], n));
            check.outputs(-2).run((k, in, out) -> k.activationBackward(act, in[0], in[1], out[0], n));
        }
    }

    @ParameterizedTest
    @EnumSource
    void biasActivationEqualsReference(Activation act) {
        for (int cols : SIZES) {
            KernelCheck check =
                    KernelCheck.of("bias and " + act + " of " + cols).inputs(normal(4, 3 * cols, 3), normal(5, cols));
            check.outputs(-1, 3 * cols)
                    .run((k, in, out) -> k.biasActivation(act, in[0], in[1], out[0], out[1], 3, cols));
            check.outputs(3 * cols, 3 * cols)
                    .run((k, in, out) -> k.biasActivation(act, in[0], 0, out[0], out[1], 3, cols));
        }
    }

    @ParameterizedTest
    @EnumSource
    void gatedEqualsReference(Activation act) {
        for (int n : SIZES) {
            KernelCheck check =
                    KernelCheck.of("gated " + act + " of " + n)
                            .inputs(normal(6, n, 3), normal(7, n), normal(8, n))
                            .scale(3);
            check.outputs(-1).run((k, in, out) -> k.gated(act, in[0], in[1], out[0], n));
            check.outputs(-1, -2).run((k, in, out) -> k.gatedBackward(act, in[0], in[1], in[2], out[0], out[1], n));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4, 6, 8, 13, 16, 25, 4098, 40_000})
    void affineAndAccumulateEqualReference(int n) {
        KernelCheck check = KernelCheck.of("affine " + n).tolerance(2e-7).inputs(normal(9, n), normal(10, n));
        check.outputs(-1).run((k, in, out) -> k.affine(in[0], 1.5, -0.25, out[0], n));
        check.outputs(-2).run((k, in, out) -> k.accumulate(in[0], -0.75, out[0], n));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4, 6, 8, 13, 16, 25, 4098, 40_000})
    void adamWEqualsReference(int n) {
        float[] squares = normal(14, n);
        for (int i = 0; i < n; i++) {
            squares[i] *= squares[i];
        }
        KernelCheck.of("AdamW of " + n)
                .tolerance(1e-6)
                .inputs(normal(11, n), normal(12, n), normal(13, n), squares)
                .outputs(-1, -3, -4)
                .run(
                        (k, in, out) ->
                                k.adamW(
                                        in[0], in[1], in[2], in[3], n, 0.5, 1e-2, 0.9, 0.99, 1e-8, 0.1, 1 - 0.9,
                                        1 - 0.99));
    }
}
