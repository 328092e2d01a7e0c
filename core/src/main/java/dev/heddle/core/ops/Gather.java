package dev.heddle.core.ops;

import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Kernels;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.Arrays;

/// Rows of a table by index: the embedding look-up.
public final class Gather {
    private Gather() {}

    /// `table[index]`: `[V, D]`, `[…]` I32 → `[…, D]`. A row that is used twice gets both gradients.
    ///
    /// @param what what an index is called in the error message, for example `token`
    /// @throws InputException if an index is outside `0..V−1`
    public static Tensor rows(Tensor table, Tensor index, String what) {
        if (index.dtype() != DType.I32 || table.rank() != 2) {
            throw new ShapeException(
                    what + ": a table [V, D] and I32 indices are needed, found " + table.shape() + " and " + index);
        }
        int size = table.dim(0);
        for (int i : index.toInts()) {
            if (i < 0 || i >= size) {
                throw new InputException(
                        what + ": " + i + " is outside the table of " + size + "; use 0.." + (size - 1));
            }
        }
        Kernels kernels = table.dtype().kernels();
        int cols = table.dim(1);
        int[] sizes = Arrays.copyOf(index.shape().toArray(), index.rank() + 1);
        sizes[index.rank()] = cols;
        Tensor y = Tensor.uninitialised(table.dtype(), Shape.of(sizes));
        kernels.gatherRows(table.address(), index.address(), y.address(), index.elements(), cols);
        return Autograd.record(
                y,
                dy -> {
                    Tensor dTable = Tensor.zeros(table.dtype(), table.shape());
                    kernels.scatterAddRows(dy.address(), index.address(), dTable.address(), index.elements(), cols);
                    return new @Nullable Tensor[] {dTable, null};
                },
                table,
                index);
    }
}
