package dev.heddle.attention.composed;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.attention.pattern.Window;
import dev.heddle.core.kernel.Elements;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// The fused product against its composition from primitive operations: output and every gradient, in both types, over
/// sizes below, at and above those of tiles and chunks, and windows on either side of them.
class FusedEqualsWrittenOutTest {
    private static final double DOUBLE = 1e-12;
    private static final double SINGLE = 1e-5;

    private static final Window CAUSAL = new Window(Window.UNLIMITED, 0, 1);
    private static final Window FULL = new Window(Window.UNLIMITED, Window.UNLIMITED, 1);

    private static Window window(int size) {
        return new Window(size - 1, 0, 1);
    }

    @TestFactory
    Stream<DynamicTest> onAwkwardSizes() {
        List<ComposedCase> cases = new ArrayList<>();
        int[][] sizes = {{2, 1, 2, 3}, {3, 7, 4, 5}, {1, 31, 6, 2}, {2, 64, 2, 7}, {1, 65, 4, 3}, {1, 131, 2, 5}};
        for (int[] size : sizes) {
            for (Window window : List.of(CAUSAL, FULL, window(1), window(5), window(33), window(97))) {
                Seed seed = Seed.of(cases.size());
                cases.add(
                        new ComposedCase(
                                seed, size[0], size[1], size[1], size[2], size[3], 2, window, "srg", "qk", "01"));
            }
        }
        return tests(cases);
    }

    @TestFactory
    Stream<DynamicTest> withEveryChoiceOfTerms() {
        List<ComposedCase> cases = new ArrayList<>();
        for (String terms : List.of("s", "r", "g", "rg", "sg", "srg")) {
            for (String sides : List.of("q", "k", "qk")) {
                for (String stages : List.of("0", "1", "01")) {
                    int rank = 1 + cases.size() % 3;
                    Seed seed = Seed.of(cases.size());
                    cases.add(new ComposedCase(seed, 2, 71, 71, 4, 3, rank, CAUSAL, terms, sides, stages));
                }
            }
        }
        return tests(cases);
    }

    @TestFactory
    Stream<DynamicTest> withFewerQueriesThanKeys() {
        return tests(
                List.of(
                        new ComposedCase(Seed.of(1), 2, 1, 77, 4, 5, 2, CAUSAL, "srg", "qk", "01"),
                        new ComposedCase(Seed.of(2), 1, 67, 101, 2, 3, 2, CAUSAL, "srg", "qk", "01"),
                        new ComposedCase(Seed.of(3), 2, 3, 149, 4, 5, 2, window(40), "srg", "qk", "01"),
                        new ComposedCase(Seed.of(4), 1, 11, 40, 2, 3, 2, FULL, "rg", "k", "01")));
    }

    // So many heads and keys that tiles have their fewest rows.
    @TestFactory
    Stream<DynamicTest> withSmallTiles() {
        assertThat(Arrangement.of(CAUSAL, 523, 523).plan(16).tiles()).hasSizeGreaterThan(523 / 33);
        return tests(List.of(new ComposedCase(Seed.of(5), 1, 523, 523, 16, 3, 2, CAUSAL, "srg", "qk", "01")));
    }

    private static Stream<DynamicTest> tests(List<ComposedCase> cases) {
        return cases.stream().map(one -> DynamicTest.dynamicTest(one.toString(), () -> check(one)));
    }

    private static void check(ComposedCase one) {
        try (Scope _ = Scope.open()) {
            Map<String, Tensor> expected = one.writtenOut(DType.F64);
            assertThat(ComposedCase.difference(one.fused(DType.F64), expected)).isLessThanOrEqualTo(DOUBLE);
            assertThat(ComposedCase.difference(one.fused(DType.F32), expected)).isLessThanOrEqualTo(SINGLE);
        }
    }

    @Test
    void threadsChangeNoBit() {
        ComposedCase one = new ComposedCase(Seed.of(6), 2, 331, 331, 4, 5, 2, CAUSAL, "srg", "qk", "01");
        int usual = Parallel.threads();
        try {
            Parallel.setThreads(1);
            Map<String, Tensor> single = one.fused(DType.F32);
            Parallel.setThreads(5);
            one.fused(DType.F32)
                    .forEach((name, many) -> assertThat(many.toFloats()).isEqualTo(single.get(name).toFloats()));
        } finally {
            Parallel.setThreads(usual);
        }
    }

    /// Without the Vector API heads are mixed by plain loops.
    @Test
    void scalarMixingEqualsVectorMixing() {
        int rows = 5;
        int columns = 3 * TilePlan.PAD;
        int heads = 4;
        int stride = rows * columns + 16;
        Mixing.Operands shape = new Mixing.Operands(heads, 2, true, rows, columns, columns, stride, 0, 0, 0, 0);
        int size = heads * stride;
        Tensor in = random("in", size);
        Tensor slope = random("slope", size);
        Tensor query = random("query", rows * shape.factors());
        Tensor key = random("key", shape.factors() * columns);
        Mixing.Operands operands =
                new Mixing.Operands(
                        heads,
                        2,
                        true,
                        rows,
                        columns,
                        columns,
                        stride,
                        query.address(),
                        shape.factors(),
                        key.address(),
                        columns);
        List<List<Tensor>> results = new ArrayList<>();
        for (Mixing mixing : List.of(Mixing.of(DType.F32), new ScalarMixing(Elements.F32))) {
            List<Tensor> all = new ArrayList<>();
            for (int length : new int[] {size, size, rows * shape.factors(), shape.factors() * columns}) {
                all.add(Tensor.zeros(DType.F32, length));
            }
            mixing.forward(operands, in.address(), all.get(0).address());
            mixing.backward(
                    operands,
                    in.address(),
                    slope.address(),
                    all.get(1).address(),
                    all.get(2).address(),
                    all.get(3).address());
            results.add(all);
        }
        for (int i = 0; i < 4; i++) {
            assertThat(ComposedCase.difference(results.get(0).get(i), results.get(1).get(i))).isLessThanOrEqualTo(1e-6);
        }
    }

    private static Tensor random(String name, int size) {
        return new ComposedCase(Seed.of(7).split(name), 1, 1, 1, 1, size, 1, CAUSAL, "", "", "")
                .operands()
                .get("q")
                .cast(DType.F32)
                .viewAs(Shape.of(size));
    }

    /// Working memory grows with the length, not with its square.
    @Test
    void noArrayOfAllPairsIsHeld() {
        long half = peak(1024);
        long whole = peak(2048);
        assertThat(whole).isLessThan(half * 9 / 4);
    }

    private static long peak(int length) {
        ComposedCase one = new ComposedCase(Seed.of(8), 1, length, length, 2, 4, 2, CAUSAL, "srg", "qk", "01");
        int usual = Parallel.threads();
        try (Scope scope = Scope.open()) {
            Parallel.setThreads(1);
            one.fused(DType.F32);
            return scope.peakBytes();
        } finally {
            Parallel.setThreads(usual);
        }
    }
}
