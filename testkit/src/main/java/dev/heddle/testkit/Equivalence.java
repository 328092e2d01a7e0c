package dev.heddle.testkit;

import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/// Proves that two computations are one function: the forms of one variant, or two variants.
///
/// ```java
/// Equivalence.ofForms(subject, Form.RECURRENT, Form.chunkwise(4)).sample(2, 13, Seed.of(7)).check().orThrow();
///
/// Equivalence.between(multiHead, groupedWithOneGroupPerHead).sharingWeights().inputs(Map.of("x", x)).check().orThrow();
/// ```
///
/// Compared are all outputs that both have, among them the main one, and the gradients of a random combination of these
/// with respect to the floating inputs and, where both have the same weights, the parameters. The error figure is
/// `max|a − b| / (1 + max|b|)`, tensor by tensor.
public final class Equivalence {
    private final Computation expected;
    private final List<Computation> others;
    private final Predicate<Computation> trains;
    private final boolean sharesWeights;
    private final Sampler sampler;
    private final Seed seed;
    private final DType dtype;
    private final double tolerance;
    private final double gradientTolerance;

    private interface Sampler {
        Map<String, Tensor> draw(DType dtype);
    }

    private Equivalence(
            Computation expected,
            List<Computation> others,
            Predicate<Computation> trains,
            boolean sharesWeights,
            Sampler sampler,
            Seed seed,
            DType dtype,
            double tolerance,
            double gradientTolerance) {
        this.expected = expected;
        this.others = others;
        this.trains = trains;
        this.sharesWeights = sharesWeights;
        this.sampler = sampler;
        this.seed = seed;
        this.dtype = dtype;
        this.tolerance = tolerance;
        this.gradientTolerance = gradientTolerance;
    }

    private static Equivalence start(
            Computation expected, List<Computation> others, Predicate<Computation> trains, boolean sharesWeights) {
        Sampler none =
                type -> {
                    throw new ConfigException("equivalence: no inputs; give some by sample(…) or inputs(…)");
                };
        return new Equivalence(
                expected, others, trains, sharesWeights, none, RandomCases.base(), DType.F64, 1e-10, 1e-9);
    }

    /// Forms of one catalogue entry against its parallel form. Gradients are compared where the entry says that the form
    /// trains.
    public static Subjects ofForms(Subject subject, Form... forms) {
        return new Subjects(subject, List.of(forms));
    }

    /// Two computations; `actual` is the one that is blamed.
    public static Equivalence between(Computation expected, Computation actual) {
        return start(expected, List.of(actual), computation -> true, false);
    }

    /// The first half of [#ofForms]: what is missing are the sizes.
    public static final class Subjects {
        private final Subject subject;
        private final List<Form> forms;

        private Subjects(Subject subject, List<Form> forms) {
            this.subject = subject;
            this.forms = forms;
        }

        /// On random inputs of `batch` sequences of `length` tokens.
        public Equivalence sample(int batch, int length, Seed seed) {
            Set<String> training = new LinkedHashSet<>();
            List<Computation> others = new ArrayList<>();
            for (Form form : forms) {
                Computation computation = Computation.of(subject, form);
                others.add(computation);
                if (subject.trains(form)) {
                    training.add(computation.name());
                }
            }
            return start(
                            Computation.of(subject, Form.PARALLEL),
                            others,
                            computation -> training.contains(computation.name()),
                            true)
                    .with(type -> subject.sampleInputs(batch, length, type, seed.split("inputs")), seed);
        }
    }

    private Equivalence with(Sampler inputs, Seed newSeed) {
        return new Equivalence(
                expected, others, trains, sharesWeights, inputs, newSeed, dtype, tolerance, gradientTolerance);
    }

    /// On these inputs; floating ones are converted to the type of the run.
    public Equivalence inputs(Map<String, Tensor> tensors) {
        return with(type -> Computation.convert(tensors, type), seed);
    }

    /// Draws cotangents from this seed.
    public Equivalence seed(Seed newSeed) {
        return with(sampler, newSeed);
    }

    /// Gives both computations the same weights, those of the expected one, and compares their gradients too. Both must
    /// have the same parameter names.
    public Equivalence sharingWeights() {
        return new Equivalence(expected, others, trains, true, sampler, seed, dtype, tolerance, gradientTolerance);
    }

    /// In this type (F64 unless told otherwise) with this largest error for outputs and ten times it for gradients.
    public Equivalence within(DType type, double largestError) {
        return new Equivalence(
                expected, others, trains, sharesWeights, sampler, seed, type, largestError, 10 * largestError);
    }

    /// Runs everything. The parameters of both computations are in the type of the run afterwards.
    public Report check() {
        List<Finding> findings = new ArrayList<>();
        expected.module().convert(dtype);
        for (Computation other : others) {
            if (other.module() != expected.module()) {
                other.module().convert(dtype);
                if (sharesWeights) {
                    other.module().load(expected.weights());
                }
            }
            try (Scope _ = Scope.open()) {
                Map<String, Tensor> inputs = sampler.draw(dtype);
                compare(other, inputs, findings);
            }
        }
        return new Report("equivalence with " + expected.name() + " in " + dtype, ErrorFigure.FORMULA, seed, findings);
    }

    private void compare(Computation other, Map<String, Tensor> inputs, List<Finding> findings) {
        Evaluation reference = new Evaluation(expected, inputs);
        Evaluation candidate = new Evaluation(other, inputs);
        String prefix = other.name() + " ";
        Set<String> main = Evaluation.main(reference.outputs());
        Set<String> differentiable = new LinkedHashSet<>();
        reference
                .outputs()
                .forEach(
                        (name, b) -> {
                            Tensor a = candidate.outputs().get(name);
                            if (a != null) {
                                findings.add(ErrorFigure.compare(prefix + "out." + name, a, b, tolerance));
                                if (b.isDifferentiable() && a.shape().equals(b.shape())) {
                                    differentiable.add(name);
                                }
                            } else if (main.contains(name)) {
                                findings.add(
                                        new Finding(
                                                prefix + "out." + name,
                                                Double.NaN,
                                                tolerance,
                                                "missing; there are " + candidate.outputs().keySet()));
                            }
                        });
        if (trains.test(other) && !differentiable.isEmpty()) {
            compareGradients(reference, candidate, differentiable, prefix, findings);
        }
    }

    private void compareGradients(
            Evaluation reference, Evaluation candidate, Set<String> outputs, String prefix, List<Finding> findings) {
        Map<String, Tensor> b = reference.gradients(outputs, seed);
        Map<String, Tensor> a = candidate.gradients(outputs, seed);
        a.forEach(
                (name, gradient) -> {
                    Tensor wanted = b.get(name);
                    if (wanted != null && (sharesWeights || name.startsWith("in."))) {
                        findings.add(ErrorFigure.compare(prefix + "grad." + name, gradient, wanted, gradientTolerance));
                    }
                });
    }
}
