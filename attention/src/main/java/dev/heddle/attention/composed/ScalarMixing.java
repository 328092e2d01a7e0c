package dev.heddle.attention.composed;

import dev.heddle.core.kernel.Elements;

/// Mixes heads pair by pair, in double.
final class ScalarMixing implements Mixing {
    private final Elements store;

    ScalarMixing(Elements store) {
        this.store = store;
    }

    @Override
    public void forward(Operands p, long in, long out) {
        double[] a = new double[p.heads()];
        double[] mixed = new double[p.heads()];
        double[] query = new double[p.factors()];
        double[] key = new double[p.factors()];
        for (int r = 0; r < p.rows(); r++) {
            read(p.queryFactors(), r * p.queryStride(), 1, query);
            for (int s = 0; s < p.columns(); s++) {
                long pair = (long) r * p.rowStride() + s;
                read(in, pair, p.headStride(), a);
                read(p.keyFactors(), s, p.keyStride(), key);
                System.arraycopy(a, 0, mixed, 0, a.length);
                mix(p, a, query, mixed);
                mix(p, a, key, mixed);
                write(mixed, out, pair, p.headStride());
            }
        }
    }

    @Override
    public void backward(Operands p, long in, long dOut, long dIn, long dQuery, long dKey) {
        double[] a = new double[p.heads()];
        double[] slope = new double[p.heads()];
        double[] da = new double[p.heads()];
        double[] query = new double[p.factors()];
        double[] key = new double[p.factors()];
        double[] queryGradient = new double[p.factors()];
        double[] keyGradient = new double[p.factors()];
        for (int r = 0; r < p.rows(); r++) {
            read(p.queryFactors(), r * p.queryStride(), 1, query);
            read(dQuery, r * p.queryStride(), 1, queryGradient);
            for (int s = 0; s < p.columns(); s++) {
                long pair = (long) r * p.rowStride() + s;
                read(in, pair, p.headStride(), a);
                read(dOut, pair, p.headStride(), slope);
                read(p.keyFactors(), s, p.keyStride(), key);
                read(dKey, s, p.keyStride(), keyGradient);
                System.arraycopy(slope, 0, da, 0, da.length);
                unmix(p, a, slope, query, da, queryGradient);
                unmix(p, a, slope, key, da, keyGradient);
                write(keyGradient, dKey, s, p.keyStride());
                write(da, dIn, pair, p.headStride());
            }
            write(queryGradient, dQuery, r * p.queryStride(), 1);
        }
    }

    /// `mixed += W2ᵀ·W1·a + g∘a` for one side.
    private static void mix(Operands p, double[] a, double[] factors, double[] mixed) {
        int heads = p.heads();
        for (int r = 0; r < p.rank(); r++) {
            addScaled(mixed, 0, dot(a, factors, r * heads), factors, (p.rank() + r) * heads, heads);
        }
        for (int h = 0; p.gated() && h < heads; h++) {
            mixed[h] += factors[2 * p.rank() * heads + h] * a[h];
        }
    }

    /// Adds to `da` and `gradient` what [#mix] sends back of `slope`.
    private static void unmix(
            Operands p, double[] a, double[] slope, double[] factors, double[] da, double[] gradient) {
        int heads = p.heads();
        for (int r = 0; r < p.rank(); r++) {
            int w1 = r * heads;
            int w2 = (p.rank() + r) * heads;
            double back = dot(slope, factors, w2);
            addScaled(da, 0, back, factors, w1, heads);
            addScaled(gradient, w1, back, a, 0, heads);
            addScaled(gradient, w2, dot(a, factors, w1), slope, 0, heads);
        }
        for (int h = 0; p.gated() && h < heads; h++) {
            int gate = 2 * p.rank() * heads + h;
            da[h] += factors[gate] * slope[h];
            gradient[gate] += a[h] * slope[h];
        }
    }

    private static double dot(double[] a, double[] factors, int at) {
        double sum = 0;
        for (int h = 0; h < a.length; h++) {
            sum += a[h] * factors[at + h];
        }
        return sum;
    }

    private static void addScaled(double[] sum, int to, double scale, double[] x, int from, int count) {
        for (int h = 0; h < count; h++) {
            sum[to + h] += scale * x[from + h];
        }
    }

    private void read(long address, long index, long stride, double[] to) {
        for (int i = 0; i < to.length; i++) {
            to[i] = store.get(address, index + i * stride);
        }
    }

    private void write(double[] from, long address, long index, long stride) {
        for (int i = 0; i < from.length; i++) {
            store.set(address, index + i * stride, from[i]);
        }
    }
}
