package dev.heddle.attention.kernel;

import dev.heddle.core.kernel.KernelProvider;
import dev.heddle.core.tensor.DType;

/// Chooses the kernel, once, as core chooses its own: the tiled one for 32-bit floats where the Vector API's module is
/// present, the reference otherwise and for 64-bit floats.
public final class AttentionKernels {
    // No type of the Vector API may be loaded to decide whether it is there.
    private static final AttentionKernel F32 = KernelProvider.isVector() ? new TiledKernel() : ReferenceKernel.F32;

    private AttentionKernels() {}

    /// The kernel for a floating type.
    public static AttentionKernel of(DType dtype) {
        return dtype == DType.F64 ? ReferenceKernel.F64 : F32;
    }
}
