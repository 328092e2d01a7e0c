package dev.heddle.models;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.Seed;

/// Where the norms N of a residual block sit around its sublayers F. A closed choice: see the records for the formulas.
public sealed interface Placement extends Block.Factory {
    /// `x + F(N(x))` and a final norm after the stack (arXiv 2002.04745): today's usual choice.
    Placement PRE = new Pre();

    /// `N(x + F(x))`: the original Transformer.
    Placement POST = new Post();

    /// `x + N'(F(N(x)))` and a final norm (CogView, arXiv 2105.13290).
    Placement SANDWICH = new Sandwich();

    /// [#PRE] with further norms inside the sublayers, before their output projections (Magneto, arXiv 2210.06423).
    Placement SUBLN = new SubLn();

    /// `N(alpha·x + F(x))` (arXiv 2203.00555).
    ///
    /// @throws ConfigException if alpha is not a positive number
    static Placement deepNorm(double alpha) {
        return new DeepNorm(alpha);
    }

    /// [#deepNorm(double)] with the constant for a decoder-only or encoder-only stack of `depth` layers, (2L)^¼.
    static Placement deepNormFor(int depth) {
        return new DeepNorm(deepNormAlpha(depth));
    }

    /// The constant of [#deepNormFor(int)].
    static double deepNormAlpha(int depth) {
        return Math.pow(2.0 * depth, 0.25);
    }

    /// The placement of a configuration's name.
    ///
    /// @param alpha only for `deepnorm`
    /// @throws ConfigException if there is none of that name
    static Placement of(String name, double alpha) {
        return switch (name) {
            case "pre" -> PRE;
            case "post" -> POST;
            case "sandwich" -> SANDWICH;
            case "subln" -> SUBLN;
            case "deepnorm" -> deepNorm(alpha);
            default ->
                    throw new ConfigException(
                            "placement: '" + name + "' is not known; use one of pre, post, deepnorm, sandwich, subln");
        };
    }

    /// Factor on the initial deviation of the projections that feed the residual stream of a stack of `depth` layers.
    double residualScale(int depth);

    @Override
    default Block create(Block.Choices choices, Seed seed) {
        return new ResidualBlock(this, choices, seed);
    }

    /// See [#PRE].
    record Pre() implements Placement {
        @Override
        public double residualScale(int depth) {
            return 1 / Math.sqrt(2.0 * depth);
        }

        @Override
        public boolean needsFinalNorm() {
            return true;
        }
    }

    /// See [#POST].
    record Post() implements Placement {
        @Override
        public double residualScale(int depth) {
            return 1;
        }

        @Override
        public boolean needsFinalNorm() {
            return false;
        }
    }

    /// See [#deepNorm(double)].
    ///
    /// @param alpha weight of the residual
    record DeepNorm(double alpha) implements Placement {
        public DeepNorm {
            if (!(alpha > 0) || Double.isInfinite(alpha)) {
                throw new ConfigException(
                        "deepnorm: alpha " + alpha + " is not a positive number; use (2·layers)^(1/4)");
            }
        }

        /// The paper's beta for one stack, (8L)^(−¼).
        @Override
        public double residualScale(int depth) {
            return Math.pow(8.0 * depth, -0.25);
        }

        @Override
        public boolean needsFinalNorm() {
            return false;
        }
    }

    /// See [#SANDWICH].
    record Sandwich() implements Placement {
        @Override
        public double residualScale(int depth) {
            return 1 / Math.sqrt(2.0 * depth);
        }

        @Override
        public boolean needsFinalNorm() {
            return true;
        }
    }

    /// See [#SUBLN].
    record SubLn() implements Placement {
        /// The paper's gain for one stack, √(ln 2L).
        @Override
        public double residualScale(int depth) {
            return Math.sqrt(Math.log(2.0 * depth));
        }

        @Override
        public boolean needsFinalNorm() {
            return true;
        }
    }
}
