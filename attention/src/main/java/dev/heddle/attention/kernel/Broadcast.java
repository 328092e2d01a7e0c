package dev.heddle.attention.kernel;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.Tensor;

/// Strides of a tensor that is broadcast to `[B, H, N, M]`.
final class Broadcast {
    private Broadcast() {}

    /// Elements from one entry to the next along each of the four axes; 0 where the tensor has one entry.
    ///
    /// @throws ShapeException if an axis is neither 1 nor the full size
    static long[] strides(String subject, Tensor tensor, AttentionShape shape) {
        int[] full = {shape.batch(), shape.heads(), shape.queries(), shape.keys()};
        long[] strides = new long[full.length];
        int missing = full.length - tensor.rank();
        long stride = 1;
        for (int axis = full.length - 1; axis >= 0; axis--) {
            int size = axis < missing ? 1 : tensor.dim(axis - missing);
            if (missing < 0 || (size != 1 && size != full[axis])) {
                throw new ShapeException(
                        subject
                                + ": "
                                + tensor.shape()
                                + " does not broadcast to ["
                                + full[0]
                                + ", "
                                + full[1]
                                + ", "
                                + full[2]
                                + ", "
                                + full[3]
                                + "]; each axis must be 1 or that size");
            }
            strides[axis] = size == 1 ? 0 : stride;
            stride *= size;
        }
        return strides;
    }
}
