package dev.heddle.positional;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Parameter;
import dev.heddle.core.ops.Gather;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

/// Learned absolute positions: `y[b, n] = x[b, n] + position_embedding[positions[n]]`, with the parameter
/// `position_embedding` `[P, D]`.
///
/// A position beyond the table is an error: the method cannot extrapolate.
///
/// Source: GPT-2's `wpe`, BERT (arXiv 1810.04805); arXiv 1706.03762 section 3.5 as the alternative to sinusoids.
public final class Learned extends EmbeddingPosition {
    private final Parameter table;

    private Learned(Spec spec, int width, Seed seed) {
        if (width < 1) {
            throw new ConfigException("learned position: width " + width + " is less than 1; use 1 or more");
        }
        this.table =
                parameter(
                        "position_embedding",
                        spec.initialiser.create(Shape.of(spec.positions, width), seed.split("position_embedding")));
    }

    /// A table of that many positions, at first Gaussian with deviation 0.02.
    ///
    /// @throws ConfigException if there are none
    public static Spec max(int positions) {
        return new Spec(positions, Initialiser.normal(0.02));
    }

    /// Rows of the table: positions are `0..positions − 1`.
    public int positions() {
        return table.value().dim(0);
    }

    /// @throws InputException if a position is negative or beyond the table
    @Override
    public Tensor apply(Tensor x, Positions positions) {
        int size = positions();
        positions.requireCounted();
        if (positions.max() >= size) {
            throw new InputException(
                    "position: "
                            + positions.max()
                            + " is beyond the learned table of "
                            + size
                            + " positions; use 0.."
                            + (size - 1)
                            + " or a larger table");
        }
        Tensor index = Tensor.of(positions.toArray(), positions.count());
        return plusRows(x, Gather.rows(table.value(), index, "position"), positions);
    }

    /// What a learned table is made from.
    ///
    /// @param positions rows of the table
    /// @param initialiser how the rows are drawn
    public record Spec(int positions, Initialiser initialiser) implements Factory {
        public Spec {
            if (positions < 1) {
                throw new ConfigException("max_positions: " + positions + " is less than 1; use the longest sequence");
            }
        }

        public Spec initialiser(Initialiser other) {
            return new Spec(positions, other);
        }

        @Override
        public Learned create(int width, Seed seed) {
            return new Learned(this, width, seed);
        }
    }
}
