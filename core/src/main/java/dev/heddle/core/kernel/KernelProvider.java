package dev.heddle.core.kernel;

/// Chooses, once at start-up, which kernels run.
public final class KernelProvider {
    private static final Kernels DOUBLES = null;

    private KernelProvider() {}

    /// The kernels for 32-bit floats: on the Vector API where its module is present, otherwise scalar.
    public static Kernels f32() {
        throw new IllegalStateException("no provider");
    }

    /// The scalar kernels for 64-bit floats: the reference that the others are compared with.
    public static Kernels f64() {
        throw new IllegalStateException("no provider " + DOUBLES);
    }
}
