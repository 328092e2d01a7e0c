package dev.heddle.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.attention.kernel.ScaledDotProduct.Result;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.file.Safetensors;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// The official implementation's numbers, in both types.
class FlashGoldenTest {
    @TestFactory
    Stream<DynamicTest> goldenFilesAgree() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("../src/test/resources/golden/flash"))) {
            return files.sorted().toList().stream()
                    .flatMap(
                            file ->
                                    Stream.of(DType.F32, DType.F64)
                                            .map(
                                                    dtype ->
                                                            DynamicTest.dynamicTest(
                                                                    file.getFileName() + " " + dtype,
                                                                    () -> check(file, dtype))));
        }
    }

    private static void check(Path path, DType dtype) {
        try (Safetensors file = Safetensors.open(path)) {
            String config = file.metadata().get("config");
            List<Tensor> inputs = new ArrayList<>();
            for (String name : List.of("in.q", "in.k", "in.v")) {
                inputs.add(Autograd.variable(file.tensor(name, dtype)));
            }
            AttentionOptions options = AttentionOptions.of(pattern(config)).laidOut(AttentionOptions.Layout.HEAD_MAJOR);
            if (number(config, "scale") != null) {
                options = options.scaled(Double.parseDouble(number(config, "scale")));
            }
            if (number(config, "softcap") != null) {
                options = options.capped(Double.parseDouble(number(config, "softcap")));
            }
            if (file.entries().containsKey("in.bias")) {
                inputs.add(Autograd.variable(file.tensor("in.bias", dtype)));
                options = options.biased(new AttentionBias.Dense(inputs.getLast()));
            }
            if (file.entries().containsKey("in.mask")) {
                options = options.masked(file.tensor("in.mask"));
            }
            Result result = ScaledDotProduct.attend(inputs.get(0), inputs.get(1), inputs.get(2), options);
            Tensor dlse =
                    file.entries().containsKey("in.cotangent_lse")
                            ? file.tensor("in.cotangent_lse", dtype)
                            : Tensor.zeros(dtype, result.lse().shape());
            Gradients gradients =
                    Autograd.gradients(
                            List.of(result.y(), result.lse()), List.of(file.tensor("in.cotangent", dtype), dlse));
            double atol = dtype == DType.F32 ? Double.parseDouble(file.metadata().get("atol")) : 1e-10;
            double rtol = dtype == DType.F32 ? Double.parseDouble(file.metadata().get("rtol")) : 1e-10;
            close("y", result.y(), file.tensor("out.y", DType.F64), atol, rtol);
            close("lse", result.lse(), file.tensor("out.lse", DType.F64), atol, rtol);
            List<String> names = List.of("grad.in.q", "grad.in.k", "grad.in.v", "grad.in.bias");
            for (int i = 0; i < inputs.size(); i++) {
                close(names.get(i), gradients.of(inputs.get(i)), file.tensor(names.get(i), DType.F64), atol, rtol);
            }
        }
    }

    private static void close(String name, Tensor actual, Tensor expected, double atol, double rtol) {
        assertThat(AttentionCase.difference(actual, expected, atol, rtol)).as(name).isEmpty();
    }

    private static AttentionPattern pattern(String config) {
        AttentionPattern pattern =
                Pattern.compile("\"causal\":\\s*true").matcher(config).find() ? Patterns.causal() : Patterns.full();
        Matcher window = Pattern.compile("\"window\":\\s*\\[\\s*(-?\\d+)\\s*,\\s*(-?\\d+)\\s*]").matcher(config);
        return window.find()
                ? pattern.and(Patterns.window(Integer.parseInt(window.group(1)), Integer.parseInt(window.group(2))))
                : pattern;
    }

    private static @org.jspecify.annotations.Nullable String number(String config, String key) {
        Matcher matcher = Pattern.compile("\"" + key + "\":\\s*([-0-9.eE+]+)").matcher(config);
        return matcher.find() ? matcher.group(1) : null;
    }
}
