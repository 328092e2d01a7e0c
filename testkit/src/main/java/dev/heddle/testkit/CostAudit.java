package dev.heddle.testkit;

import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.kernel.WorkMeter;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Holds what a catalogue entry promises to cost against what it costs: its real parameters, the multiply-adds that the
/// kernels report for one sequence, and the numbers that its state really holds.
///
/// ```java
/// CostAudit.of(subject).check(Seed.of(1), 1, 7, 64).orThrow();
/// ```
///
/// The error figure is `|found − promised| / max(1, promised)`. Parameters and state must be exact; multiply-adds too,
/// unless the entry states some padding or some is allowed here.
public final class CostAudit {
    private static final String FORMULA = "|found−promised|/max(1,promised)";

    private final Subject subject;
    private final double padding;

    private CostAudit(Subject subject, double padding) {
        this.subject = subject;
        this.padding = padding;
    }

    public static CostAudit of(Subject subject) {
        return new CostAudit(subject, 0);
    }

    /// Lets the multiply-adds differ by this share of what is promised, for kernels that fill up their tiles.
    public CostAudit padding(double share) {
        return new CostAudit(subject, share);
    }

    /// Audits one sequence of each length, in F32.
    public Report check(Seed seed, int... lengths) {
        subject.module().convert(DType.F32);
        List<Finding> findings = new ArrayList<>();
        for (int length : lengths) {
            Cost promised = subject.cost(length);
            String at = " of " + length + " tokens";
            findings.add(finding("parameters" + at, subject.module().parameterCount(), promised.parameters(), 0));
            findings.add(
                    finding(
                            "multiply-adds" + at,
                            multiplyAdds(length, seed),
                            promised.multiplyAdds(),
                            Math.max(padding, subject.padding(length))));
            findings.add(finding("state elements" + at, subject.stateElements(length), promised.stateElements(), 0));
        }
        return new Report("cost audit", FORMULA, seed, findings);
    }

    private long multiplyAdds(int length, Seed seed) {
        try (Scope _ = Scope.open()) {
            Map<String, Tensor> inputs = subject.sampleInputs(1, length, DType.F32, seed.split("inputs"));
            return WorkMeter.measure(() -> Autograd.inference(() -> subject.run(inputs, Form.PARALLEL)));
        }
    }

    private static Finding finding(String what, long found, long promised, double tolerance) {
        double error = Math.abs((double) found - promised) / Math.max(1, promised);
        return new Finding(what, error, tolerance, "found " + found + ", promised " + promised);
    }
}
