package dev.heddle.positional;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.Rotation;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentHashMap;

/// Rotary position embedding: pair i of a query's or key's columns is rotated by the angle `position·w_i`, so that scores
/// depend on relative distance only. Without parameters.
///
/// Angles, cosines and sines are computed in double and rounded once: in f32 an angle at position 32767 would be wrong by
/// 2e−3 radians.
///
/// Source: RoFormer, arXiv 2104.09864; scalings: see [RopeScaling].
public final class Rope extends QueryKeyPosition {
    private final Spec spec;
    private final int headWidth;
    private final double[] frequencies;
    private final PositionTable cosines;
    private final PositionTable sines;

    private Rope(Spec spec, int headWidth) {
        if (spec.rotaryWidth.isEmpty() && headWidth % 2 != 0) {
            throw new ConfigException(
                    "rope: columns rotate in pairs, heads of width "
                            + headWidth
                            + " leave one over; use an even head width, or rotate fewer columns (rotary_dim)");
        }
        int rotary = spec.rotaryWidth.orElse(headWidth);
        if (rotary > PositionTable.MOST_COLUMNS) {
            throw new ConfigException(
                    "rotary_dim: " + rotary + " is too large; use at most " + PositionTable.MOST_COLUMNS);
        }
        if (rotary > headWidth || rotary % 2 != 0) {
            throw new ConfigException(
                    "rotary_dim: "
                            + rotary
                            + " does not fit heads of width "
                            + headWidth
                            + "; use an even number up to "
                            + (headWidth & ~1));
        }
        this.spec = spec;
        this.headWidth = headWidth;
        this.frequencies = rotary == 0 ? new double[0] : spec.scaling.frequencies(rotary, spec.base);
        double a = spec.scaling.attentionFactor();
        this.cosines = new PositionTable(rotary / 2, (p, i) -> a * Math.cos(p * frequencies[i]));
        this.sines = new PositionTable(rotary / 2, (p, i) -> a * Math.sin(p * frequencies[i]));
    }

    /// All columns of a head, interleaved, unscaled.
    ///
    /// @param base `w_i = base^(−2i/r)`; 10,000 in the paper
    /// @throws ConfigException if the base is not above 1
    public static Spec base(double base) {
        return new Spec(base, RopeStyle.INTERLEAVED, OptionalInt.empty(), RopeScaling.none());
    }

    @Override
    public Tensor onQueries(Tensor queries, Positions positions) {
        return rotate(queries, positions);
    }

    @Override
    public Tensor onKeys(Tensor keys, Positions positions) {
        return rotate(keys, positions);
    }

    private Tensor rotate(Tensor x, Positions positions) {
        if (x.rank() != 4 || x.dim(3) != headWidth) {
            throw new ShapeException(
                    "rope: input " + x.shape() + " does not fit; [B, N, H, " + headWidth + "] is needed");
        }
        boolean forBatch = positions.areForBatch(x.dim(0), x.dim(1));
        if (frequencies.length == 0) {
            return x;
        }
        Tensor cos = cosines(positions, x.dtype());
        Tensor sin = sines(positions, x.dtype());
        boolean interleaved = spec.style == RopeStyle.INTERLEAVED;
        if (!forBatch) {
            return Rotation.rotate(x, cos, sin, interleaved);
        }
        Tensor flat = Layout.reshape(x, 1, x.dim(0) * x.dim(1), x.dim(2), x.dim(3));
        return Layout.reshape(Rotation.rotate(flat, cos, sin, interleaved), x.shape());
    }

    /// The frequencies w after scaling, `[r/2]`.
    public double[] frequencies() {
        return frequencies.clone();
    }

    /// The factor that the cosines and sines contain.
    public double attentionFactor() {
        return spec.scaling.attentionFactor();
    }

    /// The cosines of the positions' angles times the attention factor, `[count, r/2]`.
    public Tensor cosines(Positions positions, DType dtype) {
        return cosines.rows(positions, dtype);
    }

    /// The sines of the positions' angles times the attention factor, `[count, r/2]`.
    public Tensor sines(Positions positions, DType dtype) {
        return sines.rows(positions, dtype);
    }

    /// What a rotary embedding is made from. All layers made from one instance share their tables.
    public static final class Spec implements Factory {
        private final double base;
        private final RopeStyle style;
        private final OptionalInt rotaryWidth;
        private final RopeScaling scaling;
        private final Map<Integer, Rope> made = new ConcurrentHashMap<>();

        private Spec(double base, RopeStyle style, OptionalInt rotaryWidth, RopeScaling scaling) {
            if (!(base > 1) || Double.isInfinite(base)) {
                throw new ConfigException("base: " + base + " is not above 1; use for example 10000");
            }
            if (rotaryWidth.orElse(0) < 0 || rotaryWidth.orElse(0) % 2 != 0) {
                throw new ConfigException(
                        "rotary_dim: " + rotaryWidth.getAsInt() + " is odd or negative; use 0, 2, 4 …");
            }
            this.base = base;
            this.style = style;
            this.rotaryWidth = rotaryWidth;
            this.scaling = scaling;
        }

        public Spec interleaved() {
            return style(RopeStyle.INTERLEAVED);
        }

        public Spec halfSplit() {
            return style(RopeStyle.HALF_SPLIT);
        }

        public Spec style(RopeStyle other) {
            return new Spec(base, other, rotaryWidth, scaling);
        }

        /// Rotates only the first columns of a head; the others pass through.
        ///
        /// @param rotaryWidth how many, even; 0 is no position encoding
        /// @throws ConfigException if the number is odd or negative
        public Spec partial(int rotaryWidth) {
            return new Spec(base, style, OptionalInt.of(rotaryWidth), scaling);
        }

        public Spec scaling(RopeScaling other) {
            return new Spec(base, style, rotaryWidth, other);
        }

        @Override
        public Rope create(int headWidth) {
            return made.computeIfAbsent(headWidth, width -> new Rope(this, width));
        }
    }
}
