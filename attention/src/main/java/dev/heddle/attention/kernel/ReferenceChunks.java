package dev.heddle.attention.kernel;

import dev.heddle.core.kernel.Elements;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.kernel.WorkMeter;

/// The definition, query by query in double: all keys that a query meets in any round, one softmax over them.
final class ReferenceChunks implements ChunkKernel {
    static final ReferenceChunks F64 = new ReferenceChunks(Elements.F64);
    static final ReferenceChunks F32 = new ReferenceChunks(Elements.F32);

    /// Norms below this one count as this one.
    static final double LEAST_NORM = 1e-12;

    private final Elements store;

    private ReferenceChunks(Elements store) {
        this.store = store;
    }

    @Override
    public void forward(SortedChunks chunks, Heads qk, Heads v, int width, Heads y, long lse) {
        Parallel.run(
                chunks.batch() * chunks.heads(),
                head -> {
                    Pass pass = new Pass(chunks, head, rows(chunks, qk, head, width), rows(chunks, v, head, width));
                    for (int i = 0; i < chunks.tokens(); i++) {
                        double total = pass.probabilities(i);
                        double[] out = total == Double.NEGATIVE_INFINITY ? pass.values[i].clone() : pass.mix();
                        write(chunks, y, head, i, out);
                        store.set(lse, (long) head * chunks.tokens() + i, total);
                    }
                    // What is met is computed whether it is allowed or not in the other kernel; so it is counted here.
                    WorkMeter.add(4L * chunks.rounds() * chunks.tokens() * chunks.size() * width);
                });
    }

    @Override
    public void backward(
            SortedChunks chunks, Heads qk, Heads v, int width, Heads y, long lse, Heads dy, Heads dqk, Heads dv) {
        Parallel.run(
                chunks.batch() * chunks.heads(),
                head -> {
                    Pass pass = new Pass(chunks, head, rows(chunks, qk, head, width), rows(chunks, v, head, width));
                    double[][] outputs = rows(chunks, y, head, width);
                    double[][] slopes = rows(chunks, dy, head, width);
                    Slopes gradients = new Slopes(chunks.tokens(), width);
                    for (int i = 0; i < chunks.tokens(); i++) {
                        if (pass.probabilities(i) == Double.NEGATIVE_INFINITY) {
                            add(gradients.values[i], 1, slopes[i]);
                        } else {
                            pass.back(i, slopes[i], dot(slopes[i], outputs[i]), gradients);
                        }
                    }
                    for (int i = 0; i < chunks.tokens(); i++) {
                        pass.throughNorm(i, gradients.keys[i], gradients.queries[i]);
                        write(chunks, dqk, head, i, gradients.queries[i]);
                        write(chunks, dv, head, i, gradients.values[i]);
                    }
                });
    }

    /// The share that each key has in a query's output.
    ///
    /// @param out address that receives dense `[B, H, N, N]`
    void probabilities(SortedChunks chunks, Heads qk, int width, long out) {
        long tokens = chunks.tokens();
        Parallel.run(
                chunks.batch() * chunks.heads(),
                head -> {
                    double[][] queries = rows(chunks, qk, head, width);
                    Pass pass = new Pass(chunks, head, queries, queries);
                    for (int i = 0; i < tokens; i++) {
                        double[] shares = new double[chunks.tokens()];
                        if (pass.probabilities(i) == Double.NEGATIVE_INFINITY) {
                            shares[i] = 1;
                        }
                        for (int n = 0; n < pass.count; n++) {
                            shares[pass.seen[n]] += pass.p[n];
                        }
                        store.write(out, (head * tokens + i) * tokens, shares, 0, shares.length);
                    }
                });
    }

    private double[][] rows(SortedChunks chunks, Heads heads, int head, int width) {
        double[][] rows = new double[chunks.tokens()][width];
        for (int i = 0; i < rows.length; i++) {
            store.read(heads.address(), heads.index(head / chunks.heads(), head % chunks.heads(), i), rows[i]);
        }
        return rows;
    }

    private void write(SortedChunks chunks, Heads heads, int head, int i, double[] row) {
        long at = heads.index(head / chunks.heads(), head % chunks.heads(), i);
        store.write(heads.address(), at, row, 0, row.length);
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int d = 0; d < a.length; d++) {
            sum += a[d] * b[d];
        }
        return sum;
    }

    private static void add(double[] sum, double factor, double[] row) {
        for (int d = 0; d < sum.length; d++) {
            sum[d] += factor * row[d];
        }
    }

    /// Gradients of one head's rows.
    private static final class Slopes {
        final double[][] queries;
        final double[][] keys;
        final double[][] values;

        Slopes(int tokens, int width) {
            queries = new double[tokens][width];
            keys = new double[tokens][width];
            values = new double[tokens][width];
        }
    }

    /// One head.
    private static final class Pass {
        final SortedChunks chunks;
        final int head;
        final double[][] queries;
        final double[][] keys;
        final double[][] values;
        final double scale;
        final int[] seen;
        final double[] p;
        int count;

        Pass(SortedChunks chunks, int head, double[][] queries, double[][] values) {
            this.chunks = chunks;
            this.head = head;
            this.queries = queries;
            this.values = values;
            keys = new double[queries.length][];
            int width = queries.length == 0 ? 1 : queries[0].length;
            scale = 1 / Math.sqrt(width);
            for (int i = 0; i < queries.length; i++) {
                keys[i] = new double[width];
                add(keys[i], 1 / norm(i), queries[i]);
            }
            seen = new int[2 * chunks.rounds() * chunks.size()];
            p = new double[seen.length];
        }

        double norm(int i) {
            return Math.max(LEAST_NORM, Math.sqrt(dot(queries[i], queries[i])));
        }

        /// The probabilities of the keys that a query sees; returns the logarithm of their sum before they were divided.
        double probabilities(int i) {
            count = chunks.visible(head, i, seen);
            double max = Double.NEGATIVE_INFINITY;
            for (int n = 0; n < count; n++) {
                p[n] = scale * dot(queries[i], keys[seen[n]]);
                if (!chunks.rules().allowDuplicates()) {
                    p[n] -= SortedChunks.correction(chunks.meetings(head, i, seen[n]));
                }
                max = Math.max(max, p[n]);
            }
            double sum = 0;
            for (int n = 0; n < count; n++) {
                p[n] = Math.exp(p[n] - max);
                sum += p[n];
            }
            for (int n = 0; n < count; n++) {
                p[n] /= sum;
            }
            return count == 0 ? Double.NEGATIVE_INFINITY : max + Math.log(sum);
        }

        double[] mix() {
            double[] out = new double[values[0].length];
            for (int n = 0; n < count; n++) {
                add(out, p[n], values[seen[n]]);
            }
            return out;
        }

        void back(int i, double[] dy, double delta, Slopes gradients) {
            for (int n = 0; n < count; n++) {
                int j = seen[n];
                double ds = scale * p[n] * (dot(dy, values[j]) - delta);
                add(gradients.queries[i], ds, keys[j]);
                add(gradients.keys[j], ds, queries[i]);
                add(gradients.values[j], p[n], dy);
            }
        }

        /// Adds what the gradient of a normalised key means for the vector it was made from.
        void throughNorm(int i, double[] dkey, double[] dquery) {
            double norm = norm(i);
            double along = norm > LEAST_NORM ? dot(dkey, keys[i]) : 0;
            for (int d = 0; d < dkey.length; d++) {
                dquery[d] += (dkey[d] - along * keys[i][d]) / norm;
            }
        }
    }
}
