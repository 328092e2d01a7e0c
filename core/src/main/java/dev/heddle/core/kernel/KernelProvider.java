package dev.heddle.core.kernel;

import dev.heddle.core.error.ConfigException;

import java.lang.System.Logger.Level;
import java.util.List;

/// Chooses, once at start-up, which kernels run: on the Vector API where its module is present, otherwise scalar.
///
/// System properties: `heddle.kernels` = `vector` or `scalar` forces the provider, `heddle.vector.bits` = 128, 256 or
/// 512 the vector width (otherwise the processor's preferred one).
public final class KernelProvider {
    private static final String MODULE = "jdk.incubator.vector";
    private static final String KERNELS = "heddle.kernels";
    private static final String BITS = "heddle.vector.bits";

    private static final Kernels DOUBLES = new ScalarKernels(Elements.F64);
    private static final Choice CHOICE = choose();

    private KernelProvider() {}

    /// What was chosen and why.
    private record Choice(Kernels floats, String description) {}

    /// The kernels for 32-bit floats.
    public static Kernels f32() {
        return CHOICE.floats;
    }

    /// Whether the kernels for 32-bit floats run on the Vector API: other modules' kernels follow the same choice.
    public static boolean isVector() {
        return CHOICE.floats instanceof VectorKernels;
    }

    /// The scalar kernels for 64-bit floats: the reference that the others are compared with.
    public static Kernels f64() {
        return DOUBLES;
    }

    /// The provider, its vector width and the reason, for people: `vector, 512 bits (the module … is present)`.
    public static String description() {
        return CHOICE.description;
    }

    /// The vector width asked for, or 0.
    ///
    /// @throws ConfigException if it is none that vectors have
    static int forcedBits() {
        String bits = System.getProperty(BITS, "");
        if (bits.isEmpty()) {
            return 0;
        }
        if (!List.of("128", "256", "512").contains(bits)) {
            throw new ConfigException(BITS + ": '" + bits + "' is no vector width; use 128, 256 or 512");
        }
        return Integer.parseInt(bits);
    }

    private static Choice choose() {
        String wanted = System.getProperty(KERNELS, "");
        if (!List.of("", "vector", "scalar").contains(wanted)) {
            throw new ConfigException(KERNELS + ": '" + wanted + "' is not known; use vector or scalar");
        }
        if (wanted.equals("scalar")) {
            return scalar("asked for by " + KERNELS);
        }
        if (!modulePresent()) {
            String reason = "the module " + MODULE + " is not present";
            System.getLogger(KernelProvider.class.getName())
                    .log(
                            Level.WARNING,
                            reason
                                    + ": the scalar kernels run, which are many times slower; start Java with --add-modules "
                                    + MODULE);
            return scalar(reason);
        }
        return Vectors.choice(wanted.isEmpty() ? "the module " + MODULE + " is present" : "asked for by " + KERNELS);
    }

    private static boolean modulePresent() {
        Module own = KernelProvider.class.getModule();
        return ModuleLayer.boot().findModule(MODULE).filter(own::canRead).isPresent();
    }

    private static Choice scalar(String reason) {
        return new Choice(new ScalarKernels(Elements.F32), "scalar (" + reason + ")");
    }

    /// Loaded only when the module is there, since loading it resolves classes of the module.
    private static final class Vectors {
        static Choice choice(String reason) {
            return new Choice(
                    new VectorKernels(), "vector, " + Lanes.FLOATS.vectorBitSize() + " bits (" + reason + ")");
        }
    }
}
