package dev.heddle.core.kernel;

/// Every kernel as its formula says, one element after the other, computed in double: the reference of everything.
final class ScalarKernels implements Kernels {
    private final Elements type;

    ScalarKernels(Elements type) {
        this.type = type;
    }

    private double get(long base, long index) {
        return type.get(base, index);
    }

    private void set(long base, long index, double value) {
        type.set(base, index, value);
    }

    private long row(long base, long row, int cols) {
        return base + row * cols * type.bytes;
    }

    // ---- element-wise ----

    @Override
    public void binary(Binary op, long a, long b, long out, long n) {
        for (long i = 0; i < n; i++) {
            set(out, i, combine(op, get(a, i), get(b, i)));
        }
    }

    @Override
    public void binaryRow(Binary op, long a, long b, long out, long rows, int cols) {
        for (long r = 0; r < rows; r++) {
            binary(op, row(a, r, cols), b, row(out, r, cols), cols);
        }
    }

    private static double combine(Binary op, double a, double b) {
        return switch (op) {
            case ADD -> a + b;
            case SUBTRACT -> a - b;
            case MULTIPLY -> a * b;
            case DIVIDE -> a / b;
        };
    }

    @Override
    public void affine(long a, double scale, double shift, long out, long n) {
        for (long i = 0; i < n; i++) {
            set(out, i, scale * get(a, i) + shift);
        }
    }

    @Override
    public void accumulate(long a, double scale, long out, long n) {
        for (long i = 0; i < n; i++) {
            set(out, i, get(out, i) + scale * get(a, i));
        }
    }

    @Override
    public void unary(Unary op, long a, long out, long n) {
        for (long i = 0; i < n; i++) {
            double x = get(a, i);
            double y =
                    switch (op) {
                        case EXP -> Math.exp(x);
                        case LOG -> Math.log(x);
                        case SQRT -> Math.sqrt(x);
                        case TANH -> Math.tanh(x);
                        case NEGATE -> -x;
                        case SQUARE -> x * x;
                        case RECIPROCAL -> 1 / x;
                    };
            set(out, i, y);
        }
    }

    @Override
    public void activation(Activation act, long a, long out, long n) {
        for (long i = 0; i < n; i++) {
            set(out, i, Scalar.apply(act, get(a, i)));
        }
    }

    @Override
    public void activationBackward(Activation act, long x, long dy, long dx, long n) {
        for (long i = 0; i < n; i++) {
            set(dx, i, Scalar.derivative(act, get(x, i)) * get(dy, i));
        }
    }

    @Override
    public void biasActivation(Activation act, long a, long bias, long pre, long out, long rows, int cols) {
        for (long r = 0; r < rows; r++) {
            for (int c = 0; c < cols; c++) {
                long i = r * cols + c;
                double x = get(a, i) + (bias == 0 ? 0 : get(bias, c));
                set(pre, i, x);
                set(out, i, Scalar.apply(act, x));
            }
        }
    }

    @Override
    public void gated(Activation act, long gate, long up, long out, long n) {
        for (long i = 0; i < n; i++) {
            set(out, i, Scalar.apply(act, get(gate, i)) * get(up, i));
        }
    }

    @Override
    public void gatedBackward(Activation act, long gate, long up, long dy, long dGate, long dUp, long n) {
        for (long i = 0; i < n; i++) {
            double g = get(gate, i);
            double u = get(up, i);
            double d = get(dy, i);
            set(dGate, i, Scalar.derivative(act, g) * u * d);
            set(dUp, i, Scalar.apply(act, g) * d);
        }
    }

    // ---- sums ----

    @Override
    public double sum(long a, long n) {
        double sum = 0;
        for (long i = 0; i < n; i++) {
            sum += get(a, i);
        }
        return sum;
    }

    @Override
    public void sumRows(long a, long out, long rows, int cols) {
        for (int c = 0; c < cols; c++) {
            double sum = 0;
            for (long r = 0; r < rows; r++) {
                sum += get(a, r * cols + c);
            }
            set(out, c, sum);
        }
    }

    @Override
    public void sumCols(long a, long out, long rows, int cols) {
        for (long r = 0; r < rows; r++) {
            set(out, r, sum(row(a, r, cols), cols));
        }
    }

    private double max(long a, int n) {
        double max = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < n; i++) {
            max = Math.max(max, get(a, i));
        }
        return max;
    }

    private double sumExp(long a, double max, int n) {
        double sum = 0;
        for (int i = 0; i < n; i++) {
            sum += Math.exp(get(a, i) - max);
        }
        return sum;
    }

    // ---- softmax and cross-entropy ----

    @Override
    public void softmax(long x, long y, long rows, int cols) {
        for (long r = 0; r < rows; r++) {
            long from = row(x, r, cols);
            long to = row(y, r, cols);
            double max = max(from, cols);
            boolean dead = max == Double.NEGATIVE_INFINITY;
            double sum = dead ? 1 : sumExp(from, max, cols);
            for (int c = 0; c < cols; c++) {
                set(to, c, dead ? 0 : Math.exp(get(from, c) - max) / sum);
            }
        }
    }

    @Override
    public void softmaxBackward(long y, long dy, long dx, long rows, int cols) {
        for (long r = 0; r < rows; r++) {
            double dot = 0;
            for (int c = 0; c < cols; c++) {
                dot += get(dy, r * cols + c) * get(y, r * cols + c);
            }
            for (int c = 0; c < cols; c++) {
                long i = r * cols + c;
                set(dx, i, get(y, i) * (get(dy, i) - dot));
            }
        }
    }

    @Override
    public void crossEntropy(
            long logits, long targets, int ignore, double smoothing, long loss, long lse, long rows, int cols) {
        for (long r = 0; r < rows; r++) {
            long x = row(logits, r, cols);
            double max = max(x, cols);
            double logSum = max + Math.log(sumExp(x, max, cols));
            set(lse, r, logSum);
            int target = Native.getInt(targets + r * Integer.BYTES);
            if (target == ignore) {
                set(loss, r, 0);
                continue;
            }
            double value = (1 - smoothing) * (logSum - get(x, target));
            if (smoothing != 0) {
                value += smoothing * (logSum - sum(x, cols) / cols);
            }
            set(loss, r, value);
        }
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
        for (long r = 0; r < rows; r++) {
            int target = Native.getInt(targets + r * Integer.BYTES);
            double logSum = get(lse, r);
            for (int c = 0; c < cols; c++) {
                long i = r * cols + c;
                double wanted = smoothing / cols + (c == target ? 1 - smoothing : 0);
                set(dLogits, i, target == ignore ? 0 : scale * (Math.exp(get(logits, i) - logSum) - wanted));
            }
        }
    }

    // ---- norms ----

    @Override
    public void layerNorm(
            long x, long weight, long bias, double eps, long y, long mean, long rstd, long rows, int cols) {
        for (long r = 0; r < rows; r++) {
            long from = row(x, r, cols);
            double centre = sum(from, cols) / cols;
            double variance = 0;
            for (int c = 0; c < cols; c++) {
                double d = get(from, c) - centre;
                variance += d * d / cols;
            }
            double scale = 1 / Math.sqrt(variance + eps);
            for (int c = 0; c < cols; c++) {
                double normal = (get(from, c) - centre) * scale;
                set(y, r * cols + c, normal * getOr(weight, c, 1) + getOr(bias, c, 0));
            }
            setIfWanted(mean, r, centre);
            setIfWanted(rstd, r, scale);
        }
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
            sumRows(dy, dBias, rows, cols);
        }
        for (long r = 0; r < rows; r++) {
            double centre = get(mean, r);
            double scale = get(rstd, r);
            double meanOfG = 0;
            double meanOfGNormal = 0;
            for (int c = 0; c < cols; c++) {
                double g = get(dy, r * cols + c) * getOr(weight, c, 1);
                meanOfG += g / cols;
                meanOfGNormal += g * (get(x, r * cols + c) - centre) * scale / cols;
            }
            for (int c = 0; c < cols; c++) {
                long i = r * cols + c;
                double normal = (get(x, i) - centre) * scale;
                double g = get(dy, i) * getOr(weight, c, 1);
                set(dx, i, scale * (g - meanOfG - normal * meanOfGNormal));
            }
        }
    }

    @Override
    public void rmsNorm(long x, long weight, double weightOffset, double eps, long y, long rstd, long rows, int cols) {
        for (long r = 0; r < rows; r++) {
            double square = 0;
            for (int c = 0; c < cols; c++) {
                double v = get(x, r * cols + c);
                square += v * v / cols;
            }
            double scale = 1 / Math.sqrt(square + eps);
            for (int c = 0; c < cols; c++) {
                long i = r * cols + c;
                set(y, i, get(x, i) * scale * rmsWeight(weight, weightOffset, c));
            }
            setIfWanted(rstd, r, scale);
        }
    }

    @Override
    public void rmsNormBackward(
            long x, long weight, double weightOffset, long rstd, long dy, long dx, long dWeight, long rows, int cols) {
        normWeightGradient(x, 0, rstd, dy, dWeight, rows, cols);
        for (long r = 0; r < rows; r++) {
            double scale = get(rstd, r);
            double meanOfGNormal = 0;
            for (int c = 0; c < cols; c++) {
                long i = r * cols + c;
                meanOfGNormal += get(dy, i) * rmsWeight(weight, weightOffset, c) * get(x, i) * scale / cols;
            }
            for (int c = 0; c < cols; c++) {
                long i = r * cols + c;
                double g = get(dy, i) * rmsWeight(weight, weightOffset, c);
                set(dx, i, scale * (g - get(x, i) * scale * meanOfGNormal));
            }
        }
    }

    /// `dWeight[c] = Σ_r dy[r, c]·(x[r, c] − mean[r])·rstd[r]`; a `mean` of 0 means none.
    private void normWeightGradient(long x, long mean, long rstd, long dy, long dWeight, long rows, int cols) {
        if (dWeight == 0) {
            return;
        }
        for (int c = 0; c < cols; c++) {
            double sum = 0;
            for (long r = 0; r < rows; r++) {
                long i = r * cols + c;
                sum += get(dy, i) * (get(x, i) - getOr(mean, r, 0)) * get(rstd, r);
            }
            set(dWeight, c, sum);
        }
    }

    private double rmsWeight(long weight, double offset, int c) {
        return weight == 0 ? 1 : offset + get(weight, c);
    }

    private double getOr(long base, long index, double otherwise) {
        return base == 0 ? otherwise : get(base, index);
    }

    private void setIfWanted(long base, long index, double value) {
        if (base != 0) {
            set(base, index, value);
        }
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
        for (long t = 0; t < tokens; t++) {
            long angle = t % positions * half;
            for (int h = 0; h < heads; h++) {
                long head = (t * heads + h) * width;
                for (int i = 0; i < half; i++) {
                    long first = head + (interleaved ? 2 * i : i);
                    long second = first + (interleaved ? 1 : half);
                    double a = get(x, first);
                    double b = get(x, second);
                    double c = get(cos, angle + i);
                    double s = inverse ? -get(sin, angle + i) : get(sin, angle + i);
                    set(y, first, a * c - b * s);
                    set(y, second, a * s + b * c);
                }
                for (int i = rotary; i < width; i++) {
                    set(y, head + i, get(x, head + i));
                }
            }
        }
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
        for (long i = 0; i < n; i++) {
            double gradient = get(g, i) * gradientScale;
            double first = beta1 * get(m, i) + (1 - beta1) * gradient;
            double second = beta2 * get(v, i) + (1 - beta2) * gradient * gradient;
            set(m, i, first);
            set(v, i, second);
            double step = first / correction1 / (Math.sqrt(second / correction2) + eps);
            set(p, i, get(p, i) * (1 - lr * decay) - lr * step);
        }
    }

    @Override
    public void matVec(long w, long x, long bias, long y, int rows, int cols) {
        for (int r = 0; r < rows; r++) {
            double sum = getOr(bias, r, 0);
            for (int c = 0; c < cols; c++) {
                sum += get(w, (long) r * cols + c) * get(x, c);
            }
            set(y, r, sum);
        }
    }

    @Override
    public void transpose(long a, long out, long batch, int rows, int cols) {
        for (long b = 0; b < batch; b++) {
            long from = row(a, b * rows, cols);
            long to = row(out, b * cols, rows);
            for (int r = 0; r < rows; r++) {
                for (int c = 0; c < cols; c++) {
                    set(to, (long) c * rows + r, get(from, (long) r * cols + c));
                }
            }
        }
    }

    @Override
    public void gatherRows(long table, long index, long out, long n, int cols) {
        for (long i = 0; i < n; i++) {
            Native.copy(
                    row(table, Native.getInt(index + i * Integer.BYTES), cols),
                    row(out, i, cols),
                    (long) cols * type.bytes);
        }
    }

    @Override
    public void scatterAddRows(long rows, long index, long table, long n, int cols) {
        for (long i = 0; i < n; i++) {
            accumulate(row(rows, i, cols), 1, row(table, Native.getInt(index + i * Integer.BYTES), cols), cols);
        }
    }
}
