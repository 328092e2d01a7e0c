package dev.heddle.attention.kernel;

import dev.heddle.core.kernel.Elements;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.kernel.WorkMeter;

import java.util.Arrays;

/// The definition, row by row in double: every score of a query at once, a two-pass softmax, no tiles, no tricks. It is
/// what the tiled kernel is compared with, what runs on 64-bit floats, and the fallback without the Vector API.
public final class ReferenceKernel implements AttentionKernel {
    /// On 64-bit floats.
    public static final ReferenceKernel F64 = new ReferenceKernel(Elements.F64);

    /// On 32-bit floats, still computing in double.
    public static final ReferenceKernel F32 = new ReferenceKernel(Elements.F32);

    private final Elements store;

    private ReferenceKernel(Elements store) {
        this.store = store;
    }

    @Override
    public void forward(AttentionCall call, Heads q, Heads k, Heads v, Heads y, long lse) {
        AttentionShape s = call.shape();
        Parallel.run(
                s.batch() * s.heads(),
                task -> {
                    int b = task / s.heads();
                    int h = task % s.heads();
                    Rows keys = rows(k, b, h / s.group(), s.keys(), s.width());
                    Rows values = rows(v, b, h / s.group(), s.keys(), s.valueWidth());
                    Row row = new Row(s);
                    double[] out = new double[s.valueWidth()];
                    long pairs = 0;
                    for (int i = 0; i < s.queries(); i++) {
                        double total = probabilities(call, q, keys, b, h, i, row);
                        Arrays.fill(out, 0);
                        for (int j = 0; j < s.keys(); j++) {
                            if (row.allowed[j]) {
                                values.addTo(out, 0, j, row.p[j]);
                                pairs++;
                            }
                        }
                        store.write(y.address(), y.index(b, h, i), out, 0, out.length);
                        store.set(lse, ((long) b * s.heads() + h) * s.queries() + i, total);
                    }
                    WorkMeter.add(pairs * (s.width() + s.valueWidth()));
                });
    }

    @Override
    public void backward(
            AttentionCall call,
            Heads q,
            Heads k,
            Heads v,
            Heads y,
            long lse,
            Heads dy,
            long dlse,
            Heads dq,
            Heads dk,
            Heads dv,
            long dbias) {
        AttentionShape s = call.shape();
        if (dbias != 0) {
            clear(call, dbias);
        }
        // A bias may be shared between heads or batch entries: then its gradient has no single owner.
        int tasks = dbias == 0 ? s.batch() * s.kvHeads() : 1;
        Parallel.run(
                tasks,
                task -> {
                    for (int pair = task; pair < s.batch() * s.kvHeads(); pair += tasks) {
                        group(call, q, k, v, dy, dlse, dq, dk, dv, dbias, pair / s.kvHeads(), pair % s.kvHeads());
                    }
                });
    }

    private void group(
            AttentionCall call,
            Heads q,
            Heads k,
            Heads v,
            Heads dy,
            long dlse,
            Heads dq,
            Heads dk,
            Heads dv,
            long dbias,
            int b,
            int g) {
        AttentionShape s = call.shape();
        Rows keys = rows(k, b, g, s.keys(), s.width());
        Rows values = rows(v, b, g, s.keys(), s.valueWidth());
        double[] keyGradients = new double[s.keys() * s.width()];
        double[] valueGradients = new double[s.keys() * s.valueWidth()];
        double[] queryGradient = new double[s.width()];
        double[] gradient = new double[s.valueWidth()];
        Row row = new Row(s);
        for (int h = g * s.group(); h < (g + 1) * s.group(); h++) {
            for (int i = 0; i < s.queries(); i++) {
                probabilities(call, q, keys, b, h, i, row);
                store.read(dy.address(), dy.index(b, h, i), gradient);
                double mean = 0;
                for (int j = 0; j < s.keys(); j++) {
                    if (row.allowed[j]) {
                        row.dp[j] = values.dot(j, gradient);
                        mean += row.p[j] * row.dp[j];
                        for (int d = 0; d < s.valueWidth(); d++) {
                            valueGradients[j * s.valueWidth() + d] += row.p[j] * gradient[d];
                        }
                    }
                }
                if (dlse != 0) {
                    mean -= store.get(dlse, ((long) b * s.heads() + h) * s.queries() + i);
                }
                Arrays.fill(queryGradient, 0);
                for (int j = 0; j < s.keys(); j++) {
                    if (row.allowed[j] && row.p[j] != 0) {
                        double dt = row.p[j] * (row.dp[j] - mean);
                        addBias(call, dbias, b, h, i, j, dt);
                        dt *= row.slope[j] * call.scale();
                        keys.addTo(queryGradient, 0, j, dt);
                        for (int d = 0; d < s.width(); d++) {
                            keyGradients[j * s.width() + d] += dt * row.query[d];
                        }
                    }
                }
                store.write(dq.address(), dq.index(b, h, i), queryGradient, 0, s.width());
            }
        }
        for (int j = 0; j < s.keys(); j++) {
            store.write(dk.address(), dk.index(b, g, j), keyGradients, j * s.width(), s.width());
            store.write(dv.address(), dv.index(b, g, j), valueGradients, j * s.valueWidth(), s.valueWidth());
        }
    }

    /// Fills the row's probabilities and returns its log-sum-exp.
    private double probabilities(AttentionCall call, Heads q, Rows keys, int b, int h, int i, Row row) {
        AttentionShape s = call.shape();
        store.read(q.address(), q.index(b, h, i), row.query);
        double max = Double.NEGATIVE_INFINITY;
        for (int j = 0; j < s.keys(); j++) {
            row.allowed[j] =
                    call.pattern().allows(h, i + s.offset(), j)
                            && (call.mask() == null || Native.getBoolean(call.mask().row(b, h, i) + j));
            if (row.allowed[j]) {
                score(call, keys, b, h, i, j, row);
                max = Math.max(max, row.p[j]);
            }
        }
        double sum = 0;
        for (int j = 0; j < s.keys(); j++) {
            boolean counts = row.allowed[j] && row.p[j] != Double.NEGATIVE_INFINITY;
            row.allowed[j] = counts;
            row.p[j] = counts ? Math.exp(row.p[j] - max) : 0;
            sum += row.p[j];
        }
        for (int j = 0; j < s.keys() && sum != 0; j++) {
            row.p[j] /= sum;
        }
        return sum == 0 ? Double.NEGATIVE_INFINITY : max + Math.log(sum);
    }

    private void score(AttentionCall call, Rows keys, int b, int h, int i, int j, Row row) {
        double t = call.scale() * keys.dot(j, row.query);
        row.slope[j] = 1;
        if (call.softcap() > 0) {
            double tanh = Math.tanh(t / call.softcap());
            row.slope[j] = 1 - tanh * tanh;
            t = call.softcap() * tanh;
        }
        row.p[j] =
                t
                        + switch (call.bias()) {
                            case ScoreBias.None none -> 0;
                            case ScoreBias.Toeplitz bias -> store.get(bias.address(), diagonal(call.shape(), h, i, j));
                            case ScoreBias.Dense bias -> store.get(bias.address(), bias.index(b, h, i, j));
                        };
    }

    private void addBias(AttentionCall call, long dbias, int b, int h, int i, int j, double gradient) {
        if (dbias != 0) {
            switch (call.bias()) {
                case ScoreBias.None none -> {}
                case ScoreBias.Toeplitz bias -> store.add(dbias, diagonal(call.shape(), h, i, j), gradient);
                case ScoreBias.Dense bias -> store.add(dbias, bias.index(b, h, i, j), gradient);
            }
        }
    }

    private void clear(AttentionCall call, long dbias) {
        AttentionShape s = call.shape();
        switch (call.bias()) {
            case ScoreBias.None none -> {}
            case ScoreBias.Toeplitz bias -> {
                for (long t = 0; t < (long) s.heads() * (s.queries() + s.keys() - 1); t++) {
                    store.set(dbias, t, 0);
                }
            }
            case ScoreBias.Dense bias -> {
                for (int b = 0; b < s.batch(); b++) {
                    for (int h = 0; h < s.heads(); h++) {
                        for (int i = 0; i < s.queries(); i++) {
                            for (int j = 0; j < s.keys(); j++) {
                                store.set(dbias, bias.index(b, h, i, j), 0);
                            }
                        }
                    }
                }
            }
        }
    }

    private static long diagonal(AttentionShape s, int h, int i, int j) {
        return (long) h * (s.queries() + s.keys() - 1) + (j - (i + s.offset())) + (s.keys() - 1);
    }

    private Rows rows(Heads heads, int b, int h, int tokens, int width) {
        double[] values = new double[tokens * width];
        double[] row = new double[width];
        for (int i = 0; i < tokens; i++) {
            store.read(heads.address(), heads.index(b, h, i), row);
            System.arraycopy(row, 0, values, i * width, width);
        }
        return new Rows(values, width);
    }

    /// The keys or values of one head.
    private record Rows(double[] values, int width) {
        double dot(int row, double[] x) {
            double sum = 0;
            for (int d = 0; d < width; d++) {
                sum += values[row * width + d] * x[d];
            }
            return sum;
        }

        void addTo(double[] out, int at, int row, double factor) {
            for (int d = 0; d < width; d++) {
                out[at + d] += factor * values[row * width + d];
            }
        }
    }

    /// One query's scores, then probabilities.
    private static final class Row {
        final double[] query;
        final double[] p;
        final double[] dp;
        final double[] slope;
        final boolean[] allowed;

        Row(AttentionShape s) {
            query = new double[s.width()];
            p = new double[s.keys()];
            dp = new double[s.keys()];
            slope = new double[s.keys()];
            allowed = new boolean[s.keys()];
        }
    }
}
