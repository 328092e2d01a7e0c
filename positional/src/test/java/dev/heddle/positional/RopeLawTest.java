package dev.heddle.positional;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.stream.IntStream;

class RopeLawTest {
    private static final int WIDTH = 10;

    private static Rope rope(RopeStyle style) {
        return Rope.base(10_000).style(style).create(WIDTH);
    }

    @ParameterizedTest
    @EnumSource
    void scoresDependOnDistanceOnly(RopeStyle style) {
        Tensor q = Tensors.random("q", WIDTH);
        Tensor k = Tensors.random("k", WIDTH);
        Rope rope = rope(style);
        for (int shift : new int[] {0, 1, 17, 1000, 9000}) {
            Tensor rotatedQ = rope.onQueries(Tensors.repeated(q, 1), Positions.of(23 + shift));
            Tensor rotatedK = rope.onKeys(Tensors.repeated(k, 1), Positions.of(6 + shift));
            Tensor q0 = rope.onQueries(Tensors.repeated(q, 1), Positions.of(17));
            assertThat(Tensors.dot(rotatedQ, 0, rotatedK, 0))
                    .isCloseTo(Tensors.dot(q0, 0, Tensors.repeated(k, 1), 0), within(1e-11));
        }
    }

    @ParameterizedTest
    @EnumSource
    void scoresInFloatDependOnDistanceOnly(RopeStyle style) {
        Tensor q = Tensors.repeated(Tensors.random("q", WIDTH).cast(DType.F32), 1);
        Tensor k = Tensors.repeated(Tensors.random("k", WIDTH).cast(DType.F32), 1);
        Rope rope = rope(style);
        double near = Tensors.dot(rope.onQueries(q, Positions.of(5)), 0, rope.onKeys(k, Positions.of(0)), 0);
        double far = Tensors.dot(rope.onQueries(q, Positions.of(9999)), 0, rope.onKeys(k, Positions.of(9994)), 0);
        assertThat(far).isCloseTo(near, within(1e-4));
    }

    @ParameterizedTest
    @EnumSource
    void rotationKeepsNormTimesAttentionFactor(RopeStyle style) {
        Rope yarn = Rope.base(10_000).style(style).scaling(RopeScaling.Yarn.of(8, 64)).create(WIDTH);
        Tensor x = Tensors.random("x", 2, 7, 3, WIDTH);
        Tensor y = yarn.onQueries(x, Positions.range(100, 7));
        double a = yarn.attentionFactor();
        assertThat(a).isGreaterThan(1);
        for (int row = 0; row < 2 * 7 * 3; row++) {
            assertThat(Tensors.dot(y, row, y, row)).isCloseTo(a * a * Tensors.dot(x, row, x, row), within(1e-12));
        }
    }

    @ParameterizedTest
    @EnumSource
    void positionZeroChangesNothing(RopeStyle style) {
        Tensor x = Tensors.random("x", 1, 1, 3, WIDTH);
        assertThat(Tensors.difference(rope(style).onQueries(x, Positions.of(0)), x)).isZero();
    }

    @ParameterizedTest
    @EnumSource
    void rotationsByNegativePositionsUndo(RopeStyle style) {
        Tensor x = Tensors.random("x", 1, 3, 2, WIDTH);
        Rope rope = rope(style);
        Tensor there = rope.onQueries(x, Positions.of(5, 0, 70_000));
        assertThat(Tensors.difference(rope.onQueries(there, Positions.of(-5, 0, -70_000)), x)).isLessThan(1e-12);
    }

    @ParameterizedTest
    @EnumSource
    void rotationsAdd(RopeStyle style) {
        Tensor x = Tensors.random("x", 1, 2, 3, WIDTH);
        Rope rope = rope(style);
        Tensor twice = rope.onQueries(rope.onQueries(x, Positions.of(5, 100)), Positions.of(8, 23));
        assertThat(Tensors.difference(twice, rope.onQueries(x, Positions.of(13, 123)))).isLessThan(1e-12);
    }

    @ParameterizedTest
    @EnumSource
    void backwardRotatesBackTimesAttentionFactor(RopeStyle style) {
        Rope yarn = Rope.base(10_000).style(style).scaling(RopeScaling.Yarn.of(4, 64)).create(WIDTH);
        Tensor x = Autograd.variable(Tensors.random("x", 1, 5, 2, WIDTH));
        Tensor y = yarn.onQueries(x, Positions.range(3, 5));
        // The cotangent y itself: the gradient is a²·x.
        Tensor gradient = Autograd.gradients(y, y.detach()).of(x);
        double a = yarn.attentionFactor();
        for (long i = 0; i < x.elements(); i++) {
            assertThat(gradient.at(i)).isCloseTo(a * a * x.at(i), within(1e-12));
        }
    }

    @Test
    void interleavedWithPermutedWeightsEqualsHalfSplit() {
        int heads = 3;
        int rotary = 6;
        Tensor x = Tensors.random("x", 2, 5, 7);
        Tensor weight = Tensors.random("w", heads * WIDTH, 7);
        Tensor bias = Tensors.random("b", heads * WIDTH);
        RotaryLayout layout = new RotaryLayout(WIDTH, rotary);
        Rope.Spec spec = Rope.base(10_000).partial(rotary);
        Positions positions = Positions.range(11, 5);
        Tensor q = Layout.reshape(MatMul.linear(x, weight, bias), 2, 5, heads, WIDTH);
        Tensor interleaved = spec.interleaved().create(WIDTH).onQueries(q, positions);
        Tensor permuted =
                Layout.reshape(
                        MatMul.linear(x, layout.toHalfSplit(weight), layout.toHalfSplit(bias)), 2, 5, heads, WIDTH);
        Tensor halfSplit = spec.halfSplit().create(WIDTH).onQueries(permuted, positions);
        Tensor scores = scores(interleaved);
        assertThat(Tensors.difference(scores(halfSplit), scores)).isLessThan(1e-13);
        assertThat(Tensors.difference(scores(spec.halfSplit().create(WIDTH).onQueries(q, positions)), scores))
                .as("without the permutation the styles differ")
                .isGreaterThan(1e-3);
    }

    private static Tensor scores(Tensor x) {
        Tensor headMajor = Layout.permute(x, 0, 2, 1, 3);
        return MatMul.productTransposed(headMajor, headMajor);
    }

    @Test
    void layoutsAreInverse() {
        RotaryLayout layout = new RotaryLayout(7, 4);
        Tensor rows = Tensors.random("rows", 14, 3);
        assertThat(Tensors.difference(layout.toInterleaved(layout.toHalfSplit(rows)), rows)).isZero();
        assertThat(layout.toHalfSplit(Tensor.of(new float[] {0, 1, 2, 3, 4, 5, 6}, 7)).toFloats())
                .containsExactly(0, 2, 1, 3, 4, 5, 6);
    }

    @ParameterizedTest
    @EnumSource
    void columnsBeyondThePartPassThrough(RopeStyle style) {
        Tensor x = Tensors.random("x", 1, 3, 2, WIDTH);
        Tensor y = Rope.base(100).style(style).partial(4).create(WIDTH).onQueries(x, Positions.range(50, 3));
        assertThat(Tensors.difference(Layout.slice(y, 3, 4, WIDTH), Layout.slice(x, 3, 4, WIDTH))).isZero();
        assertThat(Tensors.difference(y, x)).isGreaterThan(1e-3);
    }

    @Test
    void partialRotationEqualsWholeRotationOfNarrowerHeads() {
        Tensor x = Tensors.random("x", 1, 3, 2, WIDTH);
        Tensor part = Rope.base(100).halfSplit().partial(4).create(WIDTH).onQueries(x, Positions.range(2, 3));
        Tensor narrow = Rope.base(100).halfSplit().create(4).onQueries(Layout.slice(x, 3, 0, 4), Positions.range(2, 3));
        assertThat(Tensors.difference(Layout.slice(part, 3, 0, 4), narrow)).isZero();
    }

    @Test
    void noRotaryColumnsIsNoPosition() {
        Tensor x = Tensors.random("x", 2, 3, 2, WIDTH);
        Rope rope = Rope.base(10_000).partial(0).create(WIDTH);
        assertThat(rope.onKeys(x, Positions.range(5, 3))).isSameAs(x);
        assertThat(rope.frequencies()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void tokenByTokenEqualsAllAtOnce(RopeStyle style) {
        int length = 200;
        Tensor x = Tensors.random("x", 2, length, 2, WIDTH);
        Tensor all = rope(style).onKeys(x, Positions.range(0, length));
        Rope fresh = rope(style);
        for (int n = 0; n < length; n++) {
            Tensor one = fresh.onKeys(Layout.slice(x, 1, n, n + 1), Positions.range(n, 1));
            assertThat(Tensors.difference(one, Layout.slice(all, 1, n, n + 1))).isZero();
        }
    }

    @Test
    void positionsOfEachSequenceEqualSequencesByThemselves() {
        Tensor x = Tensors.random("x", 2, 3, 2, WIDTH);
        Rope rope = rope(RopeStyle.HALF_SPLIT);
        Tensor together = rope.onQueries(x, Positions.of(0, 1, 2, 40, 41, 7));
        Tensor first = rope.onQueries(Layout.slice(x, 0, 0, 1), Positions.of(0, 1, 2));
        Tensor second = rope.onQueries(Layout.slice(x, 0, 1, 2), Positions.of(40, 41, 7));
        assertThat(Tensors.difference(together, Layout.concatenate(0, first, second))).isZero();
    }

    @Test
    void tablesAreTheSameInEveryOrderOfAskingAndFromEveryThread() {
        Rope grown = rope(RopeStyle.INTERLEAVED);
        Tensor far = grown.cosines(Positions.range(70_000, 3), DType.F32);
        IntStream.range(0, 64)
                .parallel()
                .forEach(
                        t -> {
                            int first = (t * 7919) % 5000;
                            Tensor rows = grown.cosines(Positions.range(first, 9), DType.F32);
                            Tensor fresh = rope(RopeStyle.INTERLEAVED).cosines(Positions.range(first, 9), DType.F32);
                            assertThat(rows.toFloats()).isEqualTo(fresh.toFloats());
                        });
        double angle = 70_002 * grown.frequencies()[1];
        assertThat(far.at(2L * WIDTH / 2 + 1)).isEqualTo((float) Math.cos(angle));
    }

    @Test
    void positionsThatAreNotARangeTakeTheSameRows() {
        Rope rope = rope(RopeStyle.INTERLEAVED);
        Tensor mixed = rope.sines(Positions.of(3, 1, 130_000), DType.F64);
        Tensor three = rope.sines(Positions.of(3), DType.F64);
        assertThat(Tensors.difference(Layout.slice(mixed, 0, 0, 1), three)).isZero();
        Tensor gathered = rope.sines(Positions.of(3, 1, 3), DType.F64);
        assertThat(Tensors.difference(Layout.slice(gathered, 0, 2, 3), three)).isZero();
    }

    @Test
    void layersOfOneSpecShareTheirTables() {
        Rope.Spec spec = Rope.base(10_000).halfSplit();
        assertThat(spec.create(8)).isSameAs(spec.create(8)).isNotSameAs(spec.create(10));
    }
}
