package dev.heddle.core.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;

/// Runs one kernel call in f32 and in the f64 reference on the same numbers and compares every output; then again on
/// another number of threads, where the bits must not change.
///
/// The error figure is `|got − wanted| / (|wanted| + scale)`, and must stay below `tolerance`.
final class KernelCheck {
    /// One call: `in` are the addresses of the inputs, `out` those of the outputs.
    @FunctionalInterface
    interface Call {
        void run(Kernels kernels, long[] in, long[] out);
    }

    private final String name;
    private double tolerance = 2e-6;
    private double scale = 1;
    private float[][] inputs = {};
    private int[] outputs = {};

    private KernelCheck(String name) {
        this.name = name;
    }

    static KernelCheck of(String name) {
        return new KernelCheck(name);
    }

    KernelCheck tolerance(double tolerance) {
        this.tolerance = tolerance;
        return this;
    }

    /// The size of numbers whose rounding an output near zero may carry.
    KernelCheck scale(double scale) {
        this.scale = scale;
        return this;
    }

    KernelCheck inputs(float[]... inputs) {
        this.inputs = inputs;
        return this;
    }

    /// The sizes of the outputs; a negative one, −i−1, says that the output is the i-th input itself.
    KernelCheck outputs(int... sizes) {
        this.outputs = sizes;
        return this;
    }

    void run(Call call) {
        double[][] wanted = reference(call);
        float[][] got = floats(call);
        for (int o = 0; o < wanted.length; o++) {
            compare(o, got[o], wanted[o]);
        }
        int threads = Parallel.threads();
        try {
            Parallel.setThreads(threads == 1 ? 3 : 1);
            float[][] again = floats(call);
            for (int o = 0; o < got.length; o++) {
                assertThat(again[o]).as("%s, output %d, other number of threads", name, o).isEqualTo(got[o]);
            }
        } finally {
            Parallel.setThreads(threads);
        }
    }

    private void compare(int output, float[] got, double[] wanted) {
        for (int i = 0; i < got.length; i++) {
            if (Double.isNaN(wanted[i]) ? Float.isNaN(got[i]) : (double) got[i] == wanted[i]) {
                continue;
            }
            double error = Math.abs(got[i] - wanted[i]) / (Math.abs(wanted[i]) + scale);
            assertThat(error)
                    .as(
                            "%s, output %d, element %d of %d: %s, wanted %s",
                            name, output, i, got.length, got[i], wanted[i])
                    .isLessThanOrEqualTo(tolerance);
        }
    }

    private double[][] reference(Call call) {
        try (Buffers memory = new Buffers()) {
            long[] in = new long[inputs.length];
            for (int i = 0; i < in.length; i++) {
                in[i] = memory.doubles(inputs[i]);
            }
            long[] out = new long[outputs.length];
            for (int i = 0; i < out.length; i++) {
                out[i] = outputs[i] < 0 ? in[-outputs[i] - 1] : memory.doubles(outputs[i]);
            }
            call.run(KernelProvider.f64(), in, out);
            double[][] results = new double[out.length][];
            for (int i = 0; i < out.length; i++) {
                results[i] = Buffers.doublesAt(out[i], size(i));
            }
            return results;
        }
    }

    private float[][] floats(Call call) {
        try (Buffers memory = new Buffers()) {
            long[] in = new long[inputs.length];
            for (int i = 0; i < in.length; i++) {
                in[i] = memory.floats(inputs[i]);
            }
            long[] out = new long[outputs.length];
            for (int i = 0; i < out.length; i++) {
                out[i] = outputs[i] < 0 ? in[-outputs[i] - 1] : memory.floats(outputs[i]);
            }
            call.run(KernelProvider.f32(), in, out);
            float[][] results = new float[out.length][];
            for (int i = 0; i < out.length; i++) {
                results[i] = Buffers.floatsAt(out[i], size(i));
            }
            return results;
        }
    }

    private int size(int output) {
        return outputs[output] < 0 ? inputs[-outputs[output] - 1].length : outputs[output];
    }

    /// `n` normal numbers of a seed.
    static float[] normal(long seed, int n) {
        return normal(seed, n, 1);
    }

    static float[] normal(long seed, int n, double deviation) {
        Random random = new Random(seed);
        float[] values = new float[n];
        for (int i = 0; i < n; i++) {
            values[i] = (float) (random.nextGaussian() * deviation);
        }
        return values;
    }
}
