package dev.heddle.core.kernel;

/// The kernels for 32-bit floats on the Vector API: how each is cut into tasks; the loops are in the `Vector…` classes.
///
/// How work is cut depends on sizes only, and everything smaller than a task runs in the calling thread.
final class VectorKernels implements Kernels {
    /// Elements of one task: some microseconds of work.
    private static final long GRAIN = 1 << 14;

    /// One thread's share of an element-wise kernel: `n` elements from element `offset / 4` on.
    @FunctionalInterface
    private interface Share {
        void run(long offset, int n);
    }

    @FunctionalInterface
    private interface Row {
        void run(long row);
    }

    private static void elements(long n, Share share) {
        Parallel.ranges(n, GRAIN, (from, to) -> share.run(4 * from, (int) (to - from)));
    }

    private static void chunks(long n, Share share) {
        elements(
                n,
                (offset, size) -> {
                    for (int i = 0; i < size; i += Lanes.CHUNK) {
                        share.run(offset + 4L * i, Math.min(Lanes.CHUNK, size - i));
                    }
                });
    }

    private static void rows(long rows, int cols, Row row) {
        Parallel.ranges(
                rows,
                Math.max(1, GRAIN / Math.max(1, cols)),
                (from, to) -> {
                    for (long r = from; r < to; r++) {
                        row.run(r);
                    }
                });
    }

    private static float orZero(long address, long index) {
        return address == 0 ? 0 : Native.getFloat(address + 4 * index);
    }

    private static void storeIfWanted(long address, long index, float value) {
        if (address != 0) {
            Native.setFloat(address + 4 * index, value);
        }
    }

    // ---- element-wise ----

    @Override
    public void binary(Binary op, long a, long b, long out, long n) {
        elements(n, (at, size) -> VectorElementwise.binary(op, a + at, b + at, out + at, size));
    }

    @Override
    public void binaryRow(Binary op, long a, long b, long out, long rows, int cols) {
        rows(
                rows,
                cols,
                r -> {
                    long at = 4 * r * cols;
                    VectorElementwise.binary(op, a + at, b, out + at, cols);
                });
    }

    @Override
    public void affine(long a, double scale, double shift, long out, long n) {
        elements(n, (at, size) -> VectorElementwise.affine(a + at, (float) scale, (float) shift, out + at, size));
    }

    @Override
    public void accumulate(long a, double scale, long out, long n) {
        elements(n, (at, size) -> VectorElementwise.accumulate(a + at, (float) scale, out + at, size));
    }

    @Override
    public void unary(Unary op, long a, long out, long n) {
        elements(n, (at, size) -> VectorUnary.apply(op, a + at, out + at, size));
    }

    @Override
    public void activation(Activation act, long a, long out, long n) {
        elements(n, (at, size) -> VectorActivation.apply(act, a + at, out + at, size));
    }

    @Override
    public void activationBackward(Activation act, long x, long dy, long dx, long n) {
        chunks(
                n,
                (at, size) -> {
                    long slope = Scratch.own().slope;
                    VectorActivationSlope.apply(act, x + at, slope, size);
                    VectorElementwise.multiply(slope, dy + at, dx + at, size);
                });
    }

    @Override
    public void biasActivation(Activation act, long a, long bias, long pre, long out, long rows, int cols) {
        rows(
                rows,
                cols,
                r -> {
                    long at = 4 * r * cols;
                    if (bias != 0) {
                        VectorElementwise.add(a + at, bias, pre + at, cols);
                    } else if (pre != a) {
                        Native.copy(a + at, pre + at, 4L * cols);
                    }
                    VectorActivation.apply(act, pre + at, out + at, cols);
                });
    }

    @Override
    public void gated(Activation act, long gate, long up, long out, long n) {
        chunks(
                n,
                (at, size) -> {
                    long value = Scratch.own().value;
                    VectorActivation.apply(act, gate + at, value, size);
                    VectorElementwise.multiply(value, up + at, out + at, size);
                });
    }

    @Override
    public void gatedBackward(Activation act, long gate, long up, long dy, long dGate, long dUp, long n) {
        chunks(
                n,
                (at, size) -> {
                    long value = Scratch.own().value;
                    long slope = Scratch.own().slope;
                    VectorActivation.apply(act, gate + at, value, size);
                    VectorActivationSlope.apply(act, gate + at, slope, size);
                    VectorElementwise.gatedBackward(value, slope, up + at, dy + at, dGate + at, dUp + at, size);
                });
    }

    // ---- sums ----

    @Override
    public double sum(long a, long n) {
        return VectorReduce.sumAll(a, n);
    }

    @Override
    public void sumRows(long a, long out, long rows, int cols) {
        VectorReduce.sumRows(a, out, rows, cols);
    }

    @Override
    public void sumCols(long a, long out, long rows, int cols) {
        rows(rows, cols, r -> Native.setFloat(out + 4 * r, VectorReduce.sum(a + 4 * r * cols, cols)));
    }

    // ---- softmax and cross-entropy ----

    @Override
    public void softmax(long x, long y, long rows, int cols) {
        rows(rows, cols, r -> VectorSoftmax.row(x + 4 * r * cols, y + 4 * r * cols, cols));
    }

    @Override
    public void softmaxBackward(long y, long dy, long dx, long rows, int cols) {
        rows(
                rows,
                cols,
                r -> {
                    long at = 4 * r * cols;
                    VectorSoftmax.backwardRow(y + at, dy + at, dx + at, cols);
                });
    }

    @Override
    public void crossEntropy(
            long logits, long targets, int ignore, double smoothing, long loss, long lse, long rows, int cols) {
        rows(
                rows,
                cols,
                r -> {
                    long x = logits + 4 * r * cols;
                    float logSum = VectorSoftmax.logSumExp(x, cols);
                    int target = Native.getInt(targets + 4 * r);
                    Native.setFloat(lse + 4 * r, logSum);
                    Native.setFloat(
                            loss + 4 * r,
                            target == ignore ? 0 : VectorSoftmax.loss(x, target, smoothing, logSum, cols));
                });
    }

    @Override
    public void crossEntropyBackward(
            long logits,
            long targets,
            long lse,
            int ignore,
            double smoothing,
            double scale,
            long dLogits,
            long rows,
            int cols) {
        rows(
                rows,
                cols,
                r -> {
                    long at = 4 * r * cols;
                    int target = Native.getInt(targets + 4 * r);
                    if (target == ignore) {
                        Native.zero(dLogits + at, 4L * cols);
                    } else {
                        VectorSoftmax.lossGradient(
                                logits + at,
                                target,
                                Native.getFloat(lse + 4 * r),
                                smoothing,
                                scale,
                                dLogits + at,
                                cols);
                    }
                });
    }

    // ---- norms ----

    @Override
    public void layerNorm(
            long x, long weight, long bias, double eps, long y, long mean, long rstd, long rows, int cols) {
        rows(
                rows,
                cols,
                r -> {
                    long at = 4 * r * cols;
                    float centre = VectorNorm.mean(x + at, cols);
                    float scale = VectorNorm.reciprocalDeviation(x + at, centre, eps, cols);
                    VectorNorm.apply(x + at, centre, scale, weight, 0, bias, y + at, cols);
                    storeIfWanted(mean, r, centre);
                    storeIfWanted(rstd, r, scale);
                });
    }

    @Override
    public void layerNormBackward(
            long x,
            long weight,
            long mean,
            long rstd,
            long dy,
            long dx,
            long dWeight,
            long dBias,
            long rows,
            int cols) {
        normWeightGradient(x, mean, rstd, dy, dWeight, rows, cols);
        if (dBias != 0) {
            VectorReduce.sumRows(dy, dBias, rows, cols);
        }
        normBackward(x, weight, 0, mean, rstd, dy, dx, rows, cols);
    }

    @Override
    public void rmsNorm(long x, long weight, double weightOffset, double eps, long y, long rstd, long rows, int cols) {
        rows(
                rows,
                cols,
                r -> {
                    long at = 4 * r * cols;
                    float scale = VectorNorm.reciprocalDeviation(x + at, 0, eps, cols);
                    VectorNorm.apply(x + at, 0, scale, weight, (float) weightOffset, 0, y + at, cols);
                    storeIfWanted(rstd, r, scale);
                });
    }

    @Override
    public void rmsNormBackward(
            long x, long weight, double weightOffset, long rstd, long dy, long dx, long dWeight, long rows, int cols) {
        normWeightGradient(x, 0, rstd, dy, dWeight, rows, cols);
        normBackward(x, weight, (float) weightOffset, 0, rstd, dy, dx, rows, cols);
    }

    /// A `mean` of 0 means none: the rows were not centred.
    private static void normWeightGradient(long x, long mean, long rstd, long dy, long dWeight, long rows, int cols) {
        if (dWeight == 0) {
            return;
        }
        VectorReduce.overRows(
                rows,
                cols,
                dWeight,
                (from, to, sum) -> {
                    for (long r = from; r < to; r++) {
                        long at = 4 * r * cols;
                        float scale = Native.getFloat(rstd + 4 * r);
                        VectorNorm.addWeightGradient(x + at, orZero(mean, r), scale, dy + at, sum, cols);
                    }
                });
    }

    private static void normBackward(
            long x, long weight, float offset, long mean, long rstd, long dy, long dx, long rows, int cols) {
        rows(
                rows,
                cols,
                r -> {
                    long at = 4 * r * cols;
                    float scale = Native.getFloat(rstd + 4 * r);
                    VectorNorm.backwardRow(
                            x + at, orZero(mean, r), scale, weight, offset, mean != 0, dy + at, dx + at, cols);
                });
    }

    // ---- the rest ----

    @Override
    public void rotary(
            long x,
            long y,
            long cos,
            long sin,
            long tokens,
            int positions,
            int heads,
            int width,
            int rotary,
            boolean interleaved,
            boolean inverse) {
        int half = rotary / 2;
        float sign = inverse ? -1 : 1;
        rows(
                tokens,
                heads * width,
                t -> {
                    long angle = 4 * (t % positions) * half;
                    for (int h = 0; h < heads; h++) {
                        long at = 4 * (t * heads + h) * width;
                        if (interleaved) {
                            VectorRotary.pairs(x + at, y + at, cos + angle, sin + angle, sign, half);
                        } else {
                            VectorRotary.halves(x + at, y + at, cos + angle, sin + angle, sign, half);
                        }
                        if (rotary < width && x != y) {
                            Native.copy(x + at + 4L * rotary, y + at + 4L * rotary, 4L * (width - rotary));
                        }
                    }
                });
    }

    @Override
    public void adamW(
            long p,
            long g,
            long m,
            long v,
            long n,
            double gradientScale,
            double lr,
            double beta1,
            double beta2,
            double eps,
            double decay,
            double correction1,
            double correction2) {
        VectorOptimizer update =
                new VectorOptimizer(
                        (float) gradientScale,
                        (float) beta1,
                        (float) beta2,
                        (float) eps,
                        (float) (1 - lr * decay),
                        (float) (lr / correction1),
                        (float) (1 / Math.sqrt(correction2)));
        elements(n, (at, size) -> update.step(p + at, g + at, m + at, v + at, size));
    }

    @Override
    public void matVec(long w, long x, long bias, long y, int rows, int cols) {
        long height = Math.max(4, GRAIN / Math.max(1, cols) / 4 * 4);
        Parallel.ranges(rows, height, (from, to) -> VectorMatrix.matVec(w, x, bias, y, (int) from, (int) to, cols));
    }

    @Override
    public void transpose(long a, long out, long batch, int rows, int cols) {
        long size = 4L * rows * cols;
        if ((long) rows * cols <= GRAIN) {
            rows(batch, rows * cols, b -> VectorMatrix.transpose(a + b * size, out + b * size, 0, rows, rows, cols));
            return;
        }
        long height = Math.max(16, GRAIN / cols / 16 * 16);
        for (long b = 0; b < batch; b++) {
            long from = a + b * size;
            long to = out + b * size;
            Parallel.ranges(
                    rows,
                    height,
                    (first, last) -> VectorMatrix.transpose(from, to, (int) first, (int) last, rows, cols));
        }
    }

    @Override
    public void gatherRows(long table, long index, long out, long n, int cols) {
        long bytes = 4L * cols;
        rows(n, cols, i -> Native.copy(table + Native.getInt(index + 4 * i) * bytes, out + i * bytes, bytes));
    }

    /// Columns are shared out, so that rows with one index are added in order.
    @Override
    public void scatterAddRows(long rows, long index, long table, long n, int cols) {
        long bytes = 4L * cols;
        long width = Math.max(64, GRAIN / Math.max(1, n) / 16 * 16);
        Parallel.ranges(
                cols,
                width,
                (from, to) -> {
                    for (long i = 0; i < n; i++) {
                        long row = table + Native.getInt(index + 4 * i) * bytes + 4 * from;
                        VectorElementwise.add(row, rows + i * bytes + 4 * from, row, (int) (to - from));
                    }
                });
    }
}
