package dev.heddle.core.tensor;

import dev.heddle.core.kernel.Blas;
import dev.heddle.core.kernel.KernelProvider;
import dev.heddle.core.kernel.Kernels;

/// Element types of a [Tensor].
public enum DType {
    /// 32-bit float: the working type.
    F32(4),
    /// 64-bit float: references and gradient checks.
    F64(8),
    /// 32-bit integer: tokens and positions.
    I32(4),
    /// One byte, 0 or 1: masks, true = may attend.
    BOOL(1);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /// Bytes of one element.
    public int bytes() {
        return bytes;
    }

    /// True for the types that can carry gradients.
    public boolean isFloating() {
        return this == F32 || this == F64;
    }

    /// The kernels that compute on this type.
    ///
    /// @throws IllegalStateException for I32 and BOOL, which no kernel computes on
    public Kernels kernels() {
        return switch (this) {
            case F32 -> KernelProvider.f32();
            case F64 -> KernelProvider.f64();
            case I32, BOOL -> throw new IllegalStateException("no kernels compute on " + this);
        };
    }

    /// The matrix products of this type.
    ///
    /// @throws IllegalStateException for I32 and BOOL
    public Blas blas() {
        return switch (this) {
            case F32 -> Blas.f32();
            case F64 -> Blas.f64();
            case I32, BOOL -> throw new IllegalStateException("no matrix products of " + this);
        };
    }
}
