package dev.heddle.suite;

import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.tensor.DType;
import dev.heddle.testkit.Equivalence;
import dev.heddle.testkit.RandomCases;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/// All forms of a variant are one function, forward and, where they train, backward.
class FormsTest {
    private static final int LONGEST = 23;

    @TestFactory
    Stream<DynamicTest> allFormsComputeTheSame() {
        return withForms(one -> check(one, DType.F64, 1e-10));
    }

    @TestFactory
    Stream<DynamicTest> allFormsComputeTheSameInSinglePrecision() {
        return withForms(one -> check(one, DType.F32, 2e-5));
    }

    private static Stream<DynamicTest> withForms(Consumer<CatalogueCase> law) {
        return CatalogueCase.all()
                .filter(one -> forms(one).length > 0)
                .map(one -> DynamicTest.dynamicTest(one.toString(), () -> law.accept(one)));
    }

    private static void check(CatalogueCase one, DType dtype, double tolerance) {
        Subject subject = one.build();
        RandomCases random = one.random("all forms compute the same");
        int length = random.between(1, Math.min(LONGEST, subject.longest()));
        Equivalence.ofForms(subject, forms(one))
                .sample(random.between(1, 3), length, random.seed())
                .within(dtype, tolerance)
                .check()
                .orThrow();
    }

    // Chunks of one token, of a size that leaves a rest, and of more than there is; what this configuration has of
    // them.
    private static Form[] forms(CatalogueCase one) {
        List<Form> forms = new ArrayList<>();
        if (one.variant().forms().contains(Form.Kind.RECURRENT)) {
            forms.add(Form.RECURRENT);
        }
        if (one.variant().forms().contains(Form.Kind.CHUNKWISE)) {
            Stream.of(1, 4, LONGEST + 1).map(Form::chunkwise).forEach(forms::add);
        }
        Subject subject = one.build();
        return forms.stream().filter(subject::supports).toArray(Form[]::new);
    }
}
