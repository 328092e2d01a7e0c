package dev.heddle.testkit;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.InputException;
import dev.heddle.core.file.Safetensors;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Scope;

import java.nio.file.Path;
import java.util.List;

/// Holds a variant against a golden file: inputs, weights, and the outputs and gradients of an official implementation.
///
/// A golden file is a safetensors file. Its metadata names the `variant`, the `case`, the `config` (JSON), the `mode`
/// and the tolerances `rtol` and `atol`. Tensors `in.*` are inputs, `w.*` weights, `out.*` what must come out, and
/// `grad.in.*`, `grad.w.*` the gradients of `Σ out.y·in.cotangent` (plus `Σ out.<o>·in.cotangent_<o>` for further
/// outputs) or, in a file without a cotangent, of `out.loss`. `grad_<name>.…` are those of the auxiliary scalar output
/// `<name>`, and `out.grad_norm` is the norm of all weight gradients together. Everything passes that satisfies
/// `|a − b| ≤ atol + rtol·|b|`; integers and booleans must be equal, and so must infinities; NaN never is.
///
/// Nothing is known about single files: whatever sizes and options one has, the variant is built from its config.
public final class Golden {
    // What a run may hold: the square of a sequence's length for each head in a short file, some hundred activations
    // for each number in a long one.
    private static final long WORKING_BYTES = 1L << 30;
    private static final long BYTES_PER_ELEMENT = 4096;

    private Golden() {}

    /// Runs one file. Never throws: whatever is wrong with the file or the variant is in the result.
    public static GoldenResult check(Path file, Catalog catalog, Precision precision) {
        return precision.types().stream()
                .map(dtype -> check(file, catalog, dtype))
                .reduce(GoldenResult::worse)
                .orElseThrow();
    }

    private static GoldenResult check(Path file, Catalog catalog, DType dtype) {
        GoldenResult draft = GoldenResult.unread(file, dtype);
        try (Safetensors tensors = Safetensors.open(file);
                Scope _ = Scope.open()) {
            GoldenFile golden = new GoldenFile(tensors);
            draft = draft.named(golden.text("variant"), golden.text("case"));
            if (!catalog.contains(draft.variant())) {
                return draft.unsupported();
            }
            Variant variant = catalog.variant(draft.variant());
            List<TensorComparison> comparisons =
                    Scope.within(
                            WORKING_BYTES + golden.elements() * BYTES_PER_ELEMENT,
                            () ->
                                    new InputException(
                                            "memory: the run needs more than a file of "
                                                    + golden.elements()
                                                    + " numbers can ask for; use sizes that fit its tensors"),
                            () -> new GoldenRun(golden, variant, dtype).compare());
            return draft.compared(comparisons);
        } catch (RuntimeException | Error e) {
            // A config out of a file can ask for anything, also for more memory or stack than there is.
            return draft.broken(e);
        }
    }
}
