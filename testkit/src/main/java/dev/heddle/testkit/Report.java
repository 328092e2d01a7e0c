package dev.heddle.testkit;

import dev.heddle.core.tensor.Seed;

import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/// What a check found.
///
/// @param check what was checked
/// @param figure the one error figure that all findings are in, as a formula
/// @param seed what the random numbers came from
/// @param findings everything that was looked at
public record Report(String check, String figure, Seed seed, List<Finding> findings) {

    /// @throws NullPointerException if a finding is null
    public Report {
        findings = List.copyOf(findings);
    }

    /// True if there were findings and all of them pass: a check that looked at nothing has not passed.
    public boolean passed() {
        return !findings.isEmpty() && findings.stream().allMatch(Finding::passed);
    }

    /// The largest error in units of its tolerance.
    ///
    /// @throws java.util.NoSuchElementException if nothing was looked at
    public Finding worst() {
        return findings.stream()
                .max(Comparator.comparing(Finding::passed).reversed().thenComparing(Finding::error))
                .orElseThrow();
    }

    /// The largest error; 0 if nothing was looked at.
    public double error() {
        return findings.stream().mapToDouble(Finding::error).max().orElse(0);
    }

    /// Passes on.
    ///
    /// @return this
    /// @throws AssertionError if the check did not pass; it names what is wrong, by how much, and how to run it again
    public Report orThrow() {
        if (!passed()) {
            throw new AssertionError(toString());
        }
        return this;
    }

    /// What failed, worst first, or the worst of what passed.
    @Override
    public String toString() {
        String lines =
                findings.stream()
                        .filter(finding -> !finding.passed())
                        .sorted(Comparator.comparingDouble(Finding::error).reversed())
                        .map(finding -> "\n  " + finding)
                        .collect(Collectors.joining());
        String verdict;
        if (findings.isEmpty()) {
            verdict = "nothing was checked";
        } else if (lines.isEmpty()) {
            verdict = "passed, worst " + worst();
        } else {
            verdict = "failed" + lines + "\n";
        }
        return check
                + ", error "
                + figure
                + ": "
                + verdict
                + " [seed "
                + seed.value()
                + "; run all cases again with -D"
                + RandomCases.PROPERTY
                + "="
                + RandomCases.base().value()
                + "]";
    }
}
