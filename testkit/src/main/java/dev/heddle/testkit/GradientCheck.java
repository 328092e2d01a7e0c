package dev.heddle.testkit;

import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.random.RandomGenerator;

/// Holds the gradients of a backward pass against central differences, in double precision.
///
/// ```java
/// GradientCheck.of(subject, Form.PARALLEL).sample(2, 7, Seed.of(1)).orThrow();
/// ```
///
/// The objective is a random combination of all differentiable outputs. Of every floating input and every parameter one
/// random direction is tried, which touches all elements, and some single elements. The error figure is
/// `|a − n| / (10⁻³ + max|a|)` with a the gradient and n the difference quotient. A quotient that disagrees is tried
/// again with shorter steps: a kink (of a ReLU, of a maximum) inside the step goes away, a wrong gradient does not.
public final class GradientCheck {
    private static final String FORMULA = "|a−n|/(1e-3+max|a|)";
    private static final double[] STEPS = {1e-5, 1e-6, 1e-7};

    private final Computation computation;
    private final int elements;
    private final double tolerance;

    private GradientCheck(Computation computation, int elements, double tolerance) {
        this.computation = computation;
        this.elements = elements;
        this.tolerance = tolerance;
    }

    /// Of one form of a catalogue entry.
    public static Sampled of(Subject subject, Form form) {
        return new Sampled(subject, new GradientCheck(Computation.of(subject, form), 6, 1e-6));
    }

    /// Of anything.
    public static GradientCheck of(Computation computation) {
        return new GradientCheck(computation, 6, 1e-6);
    }

    /// With this many single elements of each tensor (6 unless told otherwise) and this largest error (1e-6).
    public GradientCheck with(int elementsEach, double largestError) {
        return new GradientCheck(computation, elementsEach, largestError);
    }

    /// A check of a catalogue entry, which can draw its own inputs.
    public static final class Sampled {
        private final Subject subject;
        private final GradientCheck check;

        private Sampled(Subject subject, GradientCheck check) {
            this.subject = subject;
            this.check = check;
        }

        /// As [GradientCheck#with].
        public Sampled with(int elementsEach, double largestError) {
            return new Sampled(subject, check.with(elementsEach, largestError));
        }

        /// Checks on random inputs of `batch` sequences of `length` tokens.
        public Report sample(int batch, int length, Seed seed) {
            // Outside the scope: the parameters stay when it ends.
            subject.module().convert(DType.F64);
            try (Scope _ = Scope.open()) {
                return check.check(subject.sampleInputs(batch, length, DType.F64, seed.split("inputs")), seed);
            }
        }
    }

    /// Checks at these inputs. The module's parameters are F64 afterwards.
    public Report check(Map<String, Tensor> inputs, Seed seed) {
        computation.module().convert(DType.F64);
        try (Scope _ = Scope.open()) {
            Map<String, Tensor> point = new LinkedHashMap<>();
            inputs.forEach(
                    (name, tensor) ->
                            point.put(name, tensor.dtype().isFloating() ? tensor.cast(DType.F64).copy() : tensor));
            return new Report(
                    "gradient check of " + computation.name(), FORMULA, seed, new Probe(point, seed).findings());
        }
    }

    /// The check at one point.
    private final class Probe {
        private final Map<String, Tensor> point;
        private final Seed seed;
        private final Evaluation evaluation;
        private final Set<String> objective = new LinkedHashSet<>();
        private final Map<String, double[]> cotangents = new LinkedHashMap<>();
        private final List<Finding> findings = new ArrayList<>();

        Probe(Map<String, Tensor> point, Seed seed) {
            this.point = point;
            this.seed = seed;
            this.evaluation = new Evaluation(computation, point);
            evaluation
                    .outputs()
                    .forEach(
                            (name, output) -> {
                                if (output.isDifferentiable()) {
                                    objective.add(name);
                                    cotangents.put(
                                            name,
                                            Cotangents.draw(DType.F64, output.shape(), seed.split(name)).toDoubles());
                                }
                            });
        }

        List<Finding> findings() {
            if (!evaluation.leaves().isEmpty()) {
                for (String name : Evaluation.main(evaluation.outputs())) {
                    if (!objective.contains(name)) {
                        findings.add(new Finding("out." + name, Double.NaN, tolerance, "no gradient flows through it"));
                    }
                }
            }
            if (!objective.isEmpty()) {
                Map<String, Tensor> gradients = evaluation.gradients(objective, seed);
                gradients.forEach(
                        (name, gradient) -> {
                            Tensor leaf = evaluation.leaves().get(name);
                            if (leaf != null) {
                                check(name, leaf, gradient.toDoubles());
                            }
                        });
            }
            return findings;
        }

        private void check(String name, Tensor leaf, double[] gradient) {
            int size = gradient.length;
            if (size == 0) {
                return;
            }
            RandomGenerator random = seed.split("probe " + name).generator();
            double scale = 1e-3;
            for (double g : gradient) {
                scale = Math.max(scale, 1e-3 + Math.abs(g));
            }
            double[] direction = new double[size];
            double norm = 0;
            for (int i = 0; i < size; i++) {
                direction[i] = random.nextGaussian();
                norm += direction[i] * direction[i];
            }
            for (int i = 0; i < size; i++) {
                direction[i] /= Math.sqrt(norm);
            }
            findings.add(probe(name + " along a random direction", leaf, direction, gradient, scale));
            for (int n = 0; n < Math.min(elements, size); n++) {
                int index = size <= elements ? n : random.nextInt(size);
                double[] unit = new double[size];
                unit[index] = 1;
                findings.add(probe(name + "[" + index + "]", leaf, unit, gradient, scale));
            }
        }

        private Finding probe(String what, Tensor leaf, double[] direction, double[] gradient, double scale) {
            double analytic = 0;
            for (int i = 0; i < direction.length; i++) {
                analytic += direction[i] * gradient[i];
            }
            double best = Double.NaN;
            double numeric = Double.NaN;
            for (double step : STEPS) {
                double quotient = quotient(leaf, direction, step);
                double error = Math.abs(analytic - quotient) / scale;
                if (!(error >= best)) {
                    best = error;
                    numeric = quotient;
                }
                if (best <= tolerance) {
                    break;
                }
            }
            String detail = String.format(Locale.ROOT, "gradient %.9g, difference quotient %.9g", analytic, numeric);
            return new Finding("grad." + what, best, tolerance, detail);
        }

        // The difference is taken output by output before it is summed: the sum itself would lose the digits.
        private double quotient(Tensor leaf, double[] direction, double step) {
            try (Scope _ = Scope.open()) {
                Tensor original = leaf.detach().copy();
                try {
                    move(leaf, original, direction, step);
                    Map<String, double[]> ahead = run();
                    move(leaf, original, direction, -step);
                    Map<String, double[]> behind = run();
                    double[] change = {0};
                    cotangents.forEach(
                            (name, cotangent) -> {
                                double[] up = ahead.getOrDefault(name, new double[0]);
                                double[] down = behind.getOrDefault(name, new double[0]);
                                for (int i = 0; i < cotangent.length; i++) {
                                    change[0] += up[i] == down[i] ? 0 : cotangent[i] * (up[i] - down[i]);
                                }
                            });
                    return change[0] / (2 * step);
                } finally {
                    leaf.copyFrom(original);
                }
            }
        }

        // The values are read inside: an output may only be computed when it is looked at.
        private Map<String, double[]> run() {
            return Autograd.inference(
                    () -> {
                        Map<String, double[]> values = new LinkedHashMap<>();
                        computation.run(point).forEach((name, output) -> values.put(name, output.toDoubles()));
                        return values;
                    });
        }

        private void move(Tensor leaf, Tensor original, double[] direction, double step) {
            for (int i = 0; i < direction.length; i++) {
                if (direction[i] != 0) {
                    leaf.viewAt(i, Shape.of()).fill(original.at(i) + step * direction[i]);
                }
            }
        }
    }
}
