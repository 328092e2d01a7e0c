package dev.heddle.positional;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/// Fixed sinusoids: `y = s·x + table[position]`, s = 1 or √D.
///
/// A row that lies k positions further is a fixed rotation of each frequency's pair. The angles are computed in double:
/// in f32 they would be wrong by about 6e−8·position radians.
///
/// Source: arXiv 1706.03762 section 3.5 and, for the other layouts, tensor2tensor, fairseq and RoFormer.
public final class Sinusoidal extends EmbeddingPosition {
    private final int width;
    private final double scale;
    private final PositionTable table;

    private Sinusoidal(Spec spec, int width) {
        int least = spec.layout == Layout.CONCAT ? 4 : 2;
        if (width < least) {
            throw new ConfigException(
                    "sinusoidal: width "
                            + width
                            + " is too small for layout "
                            + spec.layout.id()
                            + "; use "
                            + least
                            + " or more");
        }
        if (width > PositionTable.MOST_COLUMNS) {
            throw new ConfigException(
                    "sinusoidal: width " + width + " is too large; use at most " + PositionTable.MOST_COLUMNS);
        }
        this.width = width;
        this.scale = spec.scaleInput ? Math.sqrt(width) : 1;
        this.table = new PositionTable(width, spec.layout.elements(width, spec.base));
    }

    /// Which column holds what. Checkpoints of one layout do not fit another.
    public enum Layout {
        /// The paper's: column 2i is `sin(p·w_i)`, column 2i+1 `cos(p·w_i)`, `w_i = base^(−2i/D)`; an odd D drops the
        /// last cosine.
        INTERLEAVED,
        /// tensor2tensor's and fairseq's: `h = ⌊D/2⌋` sines, then h cosines, `w_i = base^(−i/(h−1))`; an odd D ends
        /// with a zero.
        CONCAT,
        /// RoFormer's and Marian's: sines, then cosines, `w_i = base^(−2i/D)`; an odd D ends with a zero.
        CONCAT_2I;

        /// The name used in configurations: lower case.
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }

        /// The layout of a configuration's name.
        ///
        /// @throws ConfigException if there is none of that name
        public static Layout of(String id) {
            return Arrays.stream(values())
                    .filter(layout -> layout.id().equals(id))
                    .findFirst()
                    .orElseThrow(
                            () ->
                                    new ConfigException(
                                            "layout: '"
                                                    + id
                                                    + "' is not known; use one of "
                                                    + Arrays.stream(values())
                                                            .map(Layout::id)
                                                            .collect(Collectors.joining(", "))));
        }

        private PositionTable.Element elements(int width, double base) {
            int half = width / 2;
            int frequencies = this == INTERLEAVED ? width - half : half;
            double[] w = new double[frequencies];
            Arrays.setAll(w, i -> Math.pow(base, this == CONCAT ? -(double) i / (half - 1) : -2.0 * i / width));
            if (this == INTERLEAVED) {
                return (position, c) -> c % 2 == 0 ? Math.sin(position * w[c / 2]) : Math.cos(position * w[c / 2]);
            }
            return (position, c) ->
                    c < half ? Math.sin(position * w[c]) : c < 2 * half ? Math.cos(position * w[c - half]) : 0;
        }
    }

    /// The paper's layout with base 10,000, input not scaled.
    public static Spec interleaved() {
        return of(Layout.INTERLEAVED);
    }

    /// The layout of tensor2tensor and fairseq with base 10,000, input not scaled.
    public static Spec concat() {
        return of(Layout.CONCAT);
    }

    /// The layout of RoFormer and Marian with base 10,000, input not scaled.
    public static Spec concat2i() {
        return of(Layout.CONCAT_2I);
    }

    /// A layout with base 10,000, input not scaled.
    public static Spec of(Layout layout) {
        return new Spec(layout, 10_000, false);
    }

    @Override
    public Tensor apply(Tensor x, Positions positions) {
        requireWidth(x, width);
        Tensor scaled = scale == 1 ? x : Arithmetic.scale(x, scale);
        return plusRows(scaled, rows(positions, x.dtype()), positions);
    }

    /// The rows of the table, `[count, D]`.
    ///
    /// @throws dev.heddle.core.error.InputException if a position is negative
    public Tensor rows(Positions positions, DType dtype) {
        positions.requireCounted();
        return table.rows(positions, dtype);
    }

    /// What sinusoids are made from.
    ///
    /// @param base ratio of the longest to the shortest wavelength, above 1
    /// @param scaleInput multiplies the embedding by √D first, as the original Transformer does
    public record Spec(Layout layout, double base, boolean scaleInput) implements Factory {
        public Spec {
            if (!(base > 1) || Double.isInfinite(base)) {
                throw new ConfigException("base: " + base + " is not above 1; use for example 10000");
            }
        }

        public Spec base(double other) {
            return new Spec(layout, other, scaleInput);
        }

        /// Multiplies the embedding by √D first.
        public Spec scalingInput() {
            return new Spec(layout, base, true);
        }

        @Override
        public Sinusoidal create(int width, Seed seed) {
            return new Sinusoidal(this, width);
        }
    }
}
