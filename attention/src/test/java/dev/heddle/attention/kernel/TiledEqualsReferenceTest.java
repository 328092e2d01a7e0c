package dev.heddle.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.attention.pattern.Window;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// The tiled kernel in 32-bit floats against the definition in double: outputs and every gradient, for every pattern,
/// bias, mask and cap, over sizes that fit no tile.
class TiledEqualsReferenceTest {
    private static final double ATOL = 2e-5;
    private static final double RTOL = 1e-4;

    private static Map<String, AttentionPattern> patterns() {
        AttentionPattern odd = (head, query, key) -> Math.floorMod(query * 3 + key + head, 5) < 2;
        Map<String, AttentionPattern> all = new LinkedHashMap<>();
        all.put("full", Patterns.full());
        all.put("causal", Patterns.causal());
        all.put("local", Patterns.local(17).and(Patterns.causal()));
        all.put("both sides", Patterns.local(70));
        all.put("dilated", Patterns.local(9, 7));
        all.put("two bands", Patterns.local(5).or(Patterns.window(-1, -1).and(Patterns.local(90).not())));
        all.put("strided", new Window(Window.UNLIMITED, 0, 9));
        all.put("local or strided", Patterns.local(11).or(new Window(-1, -1, 12)).and(Patterns.causal()));
        all.put("three strides", new Window(-1, -1, 5).or(new Window(6, 2, 3)).or(new Window(-1, 0, 31)));
        all.put("strided but not near", new Window(-1, -1, 4).and(Patterns.local(30).not()));
        all.put("strided by head", new Window(-1, -1, 3).and(odd));
        all.put("by head", odd);
        return all;
    }

    private static List<AttentionCase> cases(long seed) {
        List<AttentionCase> all = new ArrayList<>();
        all.add(new AttentionCase(seed, 1, 1, 1, 1, 1, 1, 1));
        all.add(new AttentionCase(seed, 2, 6, 2, 37, 37, 13, 13));
        all.add(new AttentionCase(seed, 1, 3, 3, 211, 211, 64, 64));
        all.add(new AttentionCase(seed, 1, 4, 1, 101, 199, 64, 48));
        all.add(new AttentionCase(seed, 1, 2, 2, 199, 101, 80, 31));
        all.add(new AttentionCase(seed, 3, 2, 1, 1, 613, 64, 64));
        all.add(new AttentionCase(seed, 2, 14, 2, 1, 211, 45, 37));
        all.add(new AttentionCase(seed, 1, 4, 2, 5, 67, 128, 160));
        return all;
    }

    @TestFactory
    Stream<DynamicTest> outputsAndGradientsAgree() {
        List<DynamicTest> tests = new ArrayList<>();
        patterns()
                .forEach(
                        (name, pattern) -> {
                            for (int size = 0; size < cases(0).size(); size++) {
                                for (String kind :
                                        List.of(
                                                "plain",
                                                "toeplitz",
                                                "dense",
                                                "shared bias",
                                                "mask",
                                                "key mask",
                                                "all")) {
                                    long seed = tests.size();
                                    int index = size;
                                    tests.add(
                                            DynamicTest.dynamicTest(
                                                    name + ", size " + size + ", " + kind + ", seed " + seed,
                                                    () -> check(dress(cases(seed).get(index), kind), pattern)));
                                }
                            }
                        });
        return tests.stream();
    }

    private static AttentionCase dress(AttentionCase c, String kind) {
        return switch (kind) {
            case "toeplitz" -> c.toeplitz();
            case "dense" -> c.dense(c.batch, c.heads, c.queries, c.keys);
            case "shared bias" -> c.dense(c.heads, 1, c.keys);
            case "mask" -> c.mask(0.5, 1, c.heads, c.queries, c.keys);
            case "key mask" -> c.mask(0.7, c.batch, 1, 1, c.keys);
            case "all" -> c.dense(c.batch, 1, c.queries, 1).mask(0.1, c.queries, c.keys).softcap(1.5);
            default -> c;
        };
    }

    private static void check(AttentionCase c, AttentionPattern pattern) {
        AttentionCase.assertClose(c.run(DType.F32, pattern), c.run(DType.F64, pattern), ATOL, RTOL);
    }

    @Test
    void maskThatIsOneForAllKeysIsRepeatedAlongThem() {
        AttentionCase one = new AttentionCase(4, 2, 2, 1, 75, 140, 8, 8).mask(0.6, 2, 1, 75, 1);
        AttentionCase repeated = new AttentionCase(4, 2, 2, 1, 75, 140, 8, 8);
        boolean[] values = new boolean[2 * 75 * 140];
        for (int i = 0; i < values.length; i++) {
            values[i] = one.mask.at(i / 140) != 0;
        }
        repeated.mask = Tensor.of(values, 2, 1, 75, 140);
        for (DType dtype : List.of(DType.F32, DType.F64)) {
            AttentionCase.assertClose(one.run(dtype, Patterns.causal()), repeated.run(dtype, Patterns.causal()), 0, 0);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "F64"})
    void emptySequencesHaveDeadRows(DType dtype) {
        AttentionOptions options = AttentionOptions.of(Patterns.causal());
        Tensor q = Autograd.variable(Tensor.full(dtype, Shape.of(2, 3, 4, 8), 1));
        Tensor none = Tensor.zeros(dtype, 2, 0, 2, 8);
        ScaledDotProduct.Result dead = ScaledDotProduct.attend(q, none, Tensor.zeros(dtype, 2, 0, 2, 5), options);
        assertThat(dead.y().shape()).isEqualTo(Shape.of(2, 3, 4, 5));
        assertThat(dead.y().toDoubles()).containsOnly(0);
        assertThat(dead.lse().shape()).isEqualTo(Shape.of(2, 4, 3));
        assertThat(dead.lse().toDoubles()).containsOnly(Double.NEGATIVE_INFINITY);
        assertThat(Autograd.gradients(dead.y(), dead.y()).of(q).toDoubles()).containsOnly(0);
        assertThat(ScaledDotProduct.attend(none, none, none, options).y().shape()).isEqualTo(Shape.of(2, 0, 2, 8));
    }

    @Test
    void headMajorTensorsWork() {
        // Head-major with the sizes of tokens and heads exchanged is the same memory order.
        AttentionCase c = new AttentionCase(3, 2, 4, 4, 4, 4, 16, 16);
        c.layout = AttentionOptions.Layout.HEAD_MAJOR;
        check(c, Patterns.causal());
    }

    @Test
    void capThatHardlyBindsTendsToNoCap() {
        AttentionCase plain = new AttentionCase(5, 1, 2, 2, 40, 40, 16, 16);
        AttentionCase capped = new AttentionCase(5, 1, 2, 2, 40, 40, 16, 16).softcap(1e5);
        AttentionCase.assertClose(
                capped.run(DType.F64, Patterns.causal()), plain.run(DType.F64, Patterns.causal()), 1e-6, 1e-6);
    }
}
