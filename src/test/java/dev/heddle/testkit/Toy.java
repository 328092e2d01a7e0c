package dev.heddle.testkit;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Module;
import dev.heddle.core.nn.Parameter;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.ops.Reduction;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A mixer small enough to see through, `y_t = W·Σ_{s≤t} x_s`, that can be told to lie: what a tool is worth shows when
/// something is wrong.
final class Toy implements Subject {
    /// What is wrong with it, or at least different: a form that records no gradients says so.
    enum Lie {
        NOTHING,
        OUTPUT,
        GRADIENT,
        FORM,
        FORM_GRADIENT,
        FORM_UNTRAINED,
        NOT_A_NUMBER,
        MISSING_OUTPUT,
        DETACHED,
        CRASH,
        PARAMETERS,
        MULTIPLY_ADDS,
        STATE
    }

    private final int width;
    private final Lie lie;
    private final Weights weights;

    private Toy(int width, Lie lie, Seed seed) {
        this.width = width;
        this.lie = lie;
        this.weights = new Weights(width, seed);
    }

    private static final class Weights extends Module {
        private final Parameter w;

        Weights(int width, Seed seed) {
            w = parameter("w", Initialiser.normal(1).create(Shape.of(width, width), seed));
        }
    }

    static Toy honest(int width) {
        return lying(width, Lie.NOTHING);
    }

    static Toy lying(int width, Lie lie) {
        return new Toy(width, lie, Seed.of(5));
    }

    static Catalog catalog() {
        return catalog(Lie.NOTHING);
    }

    /// A catalogue whose variant `toy` tells this lie.
    static Catalog catalog(Lie lie) {
        Variant variant =
                Variant.of("toy", "attention")
                        .schema(Schema.builder().required("width", "model width"))
                        .forms(Form.Kind.CHUNKWISE, Form.Kind.RECURRENT)
                        .factory((config, seed) -> new Toy(config.integer("width"), lie, seed))
                        .example("{\"width\": 5}")
                        .build();
        return Catalog.of(List.of(() -> List.of(variant)));
    }

    static Config config(int width) {
        return Config.empty().with("width", width);
    }

    @Override
    public Module module() {
        return weights;
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        if (lie == Lie.CRASH) {
            throw new StackOverflowError();
        }
        Tensor x = inputs.get("x");
        boolean parallel = form instanceof Form.Parallel;
        Tensor y = MatMul.linear(parallel ? prefixSums(x) : runningSums(x, form), weights.w.value(), null);
        Tensor told = tell(y, parallel);
        Map<String, Tensor> outputs = new LinkedHashMap<>();
        outputs.put(lie == Lie.MISSING_OUTPUT ? "z" : "y", told);
        if (parallel) {
            outputs.put("energy", Reduction.sum(Arithmetic.square(told)));
        }
        return outputs;
    }

    private Tensor tell(Tensor y, boolean parallel) {
        return switch (lie) {
            case OUTPUT -> Arithmetic.affine(y, 1, 1e-3);
            case FORM -> parallel ? y : Arithmetic.scale(y, 1 + 1e-6);
            case GRADIENT -> wrongBackward(y);
            case FORM_GRADIENT -> parallel ? y : wrongBackward(y);
            case NOT_A_NUMBER -> Arithmetic.affine(y, 1, Double.NaN);
            case DETACHED -> y.detach();
            case FORM_UNTRAINED -> parallel ? y : y.detach();
            default -> y;
        };
    }

    private static Tensor wrongBackward(Tensor y) {
        return Autograd.record(y.copy(), dy -> new Tensor[] {Arithmetic.scale(dy, 1.0001)}, y);
    }

    private static Tensor prefixSums(Tensor x) {
        int batch = x.dim(0);
        int length = x.dim(1);
        double[] ones = new double[batch * length * length];
        for (int row = 0; row < batch * length; row++) {
            for (int s = 0; s <= row % length; s++) {
                ones[row * length + s] = 1;
            }
        }
        return MatMul.product(Tensor.of(ones, batch, length, length).cast(x.dtype()), x);
    }

    private static Tensor runningSums(Tensor x, Form form) {
        int size = form instanceof Form.Chunkwise chunks ? chunks.size() : 1;
        Tensor state = Tensor.zeros(x.dtype(), x.shape().with(1, 1));
        List<Tensor> parts = new ArrayList<>();
        for (int from = 0; from < x.dim(1); from += size) {
            int to = Math.min(x.dim(1), from + size);
            Tensor sums = Arithmetic.add(prefixSums(Layout.slice(x, 1, from, to)), state);
            parts.add(sums);
            state = Layout.slice(sums, 1, to - from - 1, to - from);
        }
        return Layout.concatenate(1, parts.toArray(Tensor[]::new));
    }

    @Override
    public boolean trains(Form form) {
        return lie != Lie.FORM_UNTRAINED || form instanceof Form.Parallel;
    }

    @Override
    public Form form(String mode) {
        return mode.equals("recurrent") ? Form.RECURRENT : Form.PARALLEL;
    }

    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        return Map.of("x", Initialiser.normal(1).create(Shape.of(batch, length, width), seed).cast(dtype));
    }

    @Override
    public Cost cost(int length) {
        long n = length;
        return new Cost(
                (long) width * width + (lie == Lie.PARAMETERS ? 1 : 0),
                n * n * width + n * width * width - (lie == Lie.MULTIPLY_ADDS ? 1 : 0),
                width);
    }

    @Override
    public long stateElements(int length) {
        return lie == Lie.STATE ? 2L * width : width;
    }
}
