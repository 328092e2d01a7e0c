package dev.heddle.training;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.file.Safetensors;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.net.URISyntaxException;
import java.nio.file.Path;

/// A golden file of the training rules, which are no variants and so are driven by tests of their own.
final class GoldenTensors implements AutoCloseable {
    private final Safetensors file;

    GoldenTensors(String name) {
        try {
            file =
                    Safetensors.open(
                            Path.of(
                                    GoldenTensors.class
                                            .getResource("/golden/training/" + name + ".safetensors")
                                            .toURI()));
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    Config config() {
        return Config.parse(file.metadata().get("config"));
    }

    Tensor tensor(String name, DType dtype) {
        return file.tensor(name, dtype);
    }

    double[] numbers(String name) {
        return file.doubles(name);
    }

    /// The largest `|a − b| / (atol + rtol·|b|)`; 1 or less passes.
    double ratio(String name, double[] found) {
        double rtol = Double.parseDouble(file.metadata().get("rtol"));
        double atol = Double.parseDouble(file.metadata().get("atol"));
        double[] expected = numbers(name);
        if (found.length != expected.length) {
            throw new AssertionError(name + ": " + found.length + " numbers, expected " + expected.length);
        }
        double worst = 0;
        for (int i = 0; i < found.length; i++) {
            double ratio = Math.abs(found[i] - expected[i]) / (atol + rtol * Math.abs(expected[i]));
            worst = Double.isNaN(ratio) ? Double.POSITIVE_INFINITY : Math.max(worst, ratio);
        }
        return worst;
    }

    @Override
    public void close() {
        file.close();
    }
}
