package dev.heddle.testkit;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.FileFormatException;
import dev.heddle.core.file.Safetensors;
import dev.heddle.core.file.StoredTensor;
import dev.heddle.core.file.StoredType;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// An open golden file, its names sorted into what they mean. Tensors are read when they are asked for.
final class GoldenFile {
    private static final String COTANGENT = "cotangent";
    private static final long MOST_EMPTY_SLOTS = 1L << 20;

    private final Safetensors file;
    private final List<String> inputs = new ArrayList<>();
    private final List<String> weights = new ArrayList<>();
    private final List<String> outputs = new ArrayList<>();
    private final List<GradientName> gradients = new ArrayList<>();
    private final Map<String, String> cotangents = new LinkedHashMap<>();

    /// The name of an expected gradient, for example `grad_aux.w.gate` of objective `aux` and target `w.gate`.
    ///
    /// @param tensor the whole name
    /// @param objective the auxiliary scalar that it is a gradient of; empty for the main objective
    /// @param target the input or weight, with its prefix
    record GradientName(String tensor, String objective, String target) {}

    /// @throws FileFormatException if a name has no known prefix
    GoldenFile(Safetensors file) {
        this.file = file;
        file.entries().keySet().forEach(this::sort);
    }

    private void sort(String tensor) {
        requireCountable(file.entry(tensor));
        int dot = tensor.indexOf('.');
        String prefix = dot < 0 ? tensor : tensor.substring(0, dot);
        String name = tensor.substring(dot + 1);
        switch (prefix) {
            case "in" -> sortInput(tensor, name);
            case "w" -> weights.add(name);
            case "out" -> outputs.add(name);
            case "grad" -> gradients.add(new GradientName(tensor, "", name));
            default -> {
                if (!prefix.startsWith("grad_")) {
                    throw new FileFormatException(
                            "golden file: the tensor '"
                                    + tensor
                                    + "' has no known prefix; use in., w., out., grad. or grad_<name>.");
                }
                gradients.add(new GradientName(tensor, prefix.substring("grad_".length()), name));
            }
        }
    }

    // An empty tensor can claim any other sizes, and a batch of 2^31 sequences without tokens is still gone through.
    private static void requireCountable(StoredTensor tensor) {
        double slots = Arrays.stream(tensor.shape()).mapToDouble(size -> Math.max(1, size)).reduce(1, (a, b) -> a * b);
        if (slots > Math.max(tensor.elements(), MOST_EMPTY_SLOTS) || slots > Integer.MAX_VALUE) {
            throw new FileFormatException(
                    "golden file: the tensor "
                            + tensor
                            + " has larger sizes than numbers; use at most "
                            + MOST_EMPTY_SLOTS
                            + " rows without numbers, and fewer than 2^31 numbers");
        }
    }

    private void sortInput(String tensor, String name) {
        if (name.equals(COTANGENT)) {
            cotangents.put("y", tensor);
        } else if (name.startsWith(COTANGENT + "_")) {
            cotangents.put(name.substring(COTANGENT.length() + 1), tensor);
        } else {
            inputs.add(name);
        }
    }

    /// A text of the header.
    ///
    /// @throws FileFormatException if it is missing
    String text(String key) {
        String value = file.metadata().get(key);
        if (value == null) {
            throw new FileFormatException(
                    "golden file: its metadata has no '" + key + "'; needed are variant, case, config, rtol and atol");
        }
        return value;
    }

    Config config() {
        return Config.parse(text("config"));
    }

    String mode() {
        return file.metadata().getOrDefault("mode", "parallel");
    }

    Tolerance tolerance() {
        return new Tolerance(number("rtol"), number("atol"));
    }

    private double number(String key) {
        String value = text(key);
        try {
            return Double.parseDouble(value);
        } catch (NumberFormatException e) {
            throw new FileFormatException("golden file: its " + key + " is '" + value + "'; it must be a number", e);
        }
    }

    /// Names of the inputs, without prefix and without cotangents.
    List<String> inputs() {
        return inputs;
    }

    List<String> weights() {
        return weights;
    }

    List<String> outputs() {
        return outputs;
    }

    List<GradientName> gradients() {
        return gradients;
    }

    /// Numbers in all weights together.
    long weightElements() {
        return weights.stream().mapToLong(name -> file.entry("w." + name).elements()).sum();
    }

    /// Numbers in all tensors together.
    long elements() {
        return file.entries().values().stream().mapToLong(StoredTensor::elements).sum();
    }

    /// The tensor names of the cotangents, by output.
    Map<String, String> cotangents() {
        return cotangents;
    }

    /// A tensor in the type that a run of `dtype` takes it in: integers and booleans keep theirs.
    Tensor read(String tensor, DType dtype) {
        return switch (file.entry(tensor).type()) {
            case F64, F32, F16, BF16 -> file.tensor(tensor, dtype);
            case I64, I32, I8, U8, BOOL -> file.tensor(tensor);
        };
    }

    /// A tensor as what a computed one is compared with: 64-bit integers, such as hashes, as the nearest doubles.
    TensorComparison.Expected expected(String tensor) {
        StoredTensor stored = file.entry(tensor);
        if (stored.type() == StoredType.I64) {
            Shape shape = Shape.of(Arrays.stream(stored.shape()).mapToInt(Math::toIntExact).toArray());
            double[] numbers = Arrays.stream(file.longs(tensor)).asDoubleStream().toArray();
            return new TensorComparison.Expected(shape, numbers, true);
        }
        Tensor values = read(tensor, DType.F64);
        return new TensorComparison.Expected(values.shape(), values.toDoubles(), !values.dtype().isFloating());
    }
}
