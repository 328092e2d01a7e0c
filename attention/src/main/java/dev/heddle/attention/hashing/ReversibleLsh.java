package dev.heddle.attention.hashing;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.nn.LayerNorm;
import dev.heddle.core.nn.Module;
import dev.heddle.core.nn.Norm;
import dev.heddle.core.nn.Reversible;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.mlp.FeedForward;
import dev.heddle.mlp.Mlp;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/// The Reformer without its embedding: a stack of [Reversible] blocks, f an [LshAttention] and g an MLP, each behind a
/// layer norm. Both streams start as x, and the output is their mean.
///
/// Parameters of block l: `blocks.{l}.attn.norm`, `blocks.{l}.attn.layer`, `blocks.{l}.ff.norm`, `blocks.{l}.ff.layer`.
///
/// Source: arXiv 2001.04451 §3; lucidrains/reformer-pytorch `Reformer`.
public final class ReversibleLsh extends Module {
    private final Spec spec;
    private final List<Attending> attending = new ArrayList<>();
    private final List<Feeding> feeding = new ArrayList<>();

    /// What the stack is made from.
    ///
    /// @param attention of every block
    /// @param depth blocks
    /// @param expansion hidden width of the MLP over the model's width
    /// @param activation of the MLP
    /// @param normEps of the layer norms
    /// @param recomputing false to keep what every block computes, as other stacks do
    public record Spec(
            LshAttentionSpec attention,
            int depth,
            int expansion,
            Activation activation,
            double normEps,
            boolean recomputing) {
        /// @throws ConfigException if depth or expansion is less than 1
        public Spec {
            if (depth < 1 || expansion < 1) {
                throw new ConfigException(
                        "stack: depth " + depth + ", ff_mult " + expansion + "; both must be 1 or more");
            }
        }
    }

    /// @throws ConfigException if the heads do not divide the width
    public ReversibleLsh(Spec spec, int width, Seed seed) {
        this.spec = spec;
        for (int l = 0; l < spec.depth; l++) {
            Seed own = seed.split(l);
            attending.add(child("blocks." + l + ".attn", new Attending(spec, width, own.split("attn"))));
            feeding.add(child("blocks." + l + ".ff", new Feeding(spec, width, own.split("ff"))));
        }
    }

    /// f.
    private static final class Attending extends Module {
        final Norm norm;
        final LshAttention layer;

        Attending(Spec spec, int width, Seed seed) {
            norm = child("norm", new LayerNorm(width, spec.normEps, true, true));
            layer = child("layer", spec.attention.create(width, 1, seed));
        }

        Tensor forward(Tensor x, @Nullable Tensor rotations) {
            return layer.forward(norm.forward(x), null, rotations);
        }
    }

    /// g.
    private static final class Feeding extends Module {
        final Norm norm;
        final FeedForward layer;

        Feeding(Spec spec, int width, Seed seed) {
            norm = child("norm", new LayerNorm(width, spec.normEps, true, true));
            layer =
                    child(
                            "layer",
                            Mlp.hidden(Math.multiplyExact(spec.expansion, width))
                                    .activation(spec.activation)
                                    .create(width, 1, seed));
        }

        Tensor forward(Tensor x) {
            return layer.forward(norm.forward(x));
        }
    }

    /// The blocks as two-stream functions.
    ///
    /// @param rotations of the blocks that are given some, by block; null for a block's own
    List<Reversible.Block> blocks(List<@Nullable Tensor> rotations) {
        List<Reversible.Block> blocks = new ArrayList<>();
        for (int l = 0; l < spec.depth; l++) {
            Attending f = attending.get(l);
            Feeding g = feeding.get(l);
            Tensor given = l < rotations.size() ? rotations.get(l) : null;
            UnaryOperator<Tensor> attend = x -> f.forward(x, given);
            blocks.add(new Reversible.Block(new Reversible.Branch(f, attend), new Reversible.Branch(g, g::forward)));
        }
        return blocks;
    }

    /// `[B, N, D]` → `[B, N, D]`.
    public Tensor forward(Tensor x) {
        return forward(x, List.of());
    }

    /// As [#forward(Tensor)] with given rotations of some blocks.
    Tensor forward(Tensor x, List<@Nullable Tensor> rotations) {
        List<Reversible.Block> blocks = blocks(rotations);
        Reversible.Streams start = new Reversible.Streams(x, x);
        Reversible.Streams end = spec.recomputing ? Reversible.run(blocks, start) : Reversible.runPlain(blocks, start);
        return Arithmetic.scale(Arithmetic.add(end.first(), end.second()), 0.5);
    }

    /// What this was made from.
    public Spec spec() {
        return spec;
    }

    /// The model width D.
    public int width() {
        return attending.getFirst().layer.width();
    }

    /// Multiply-adds of a forward pass over one sequence.
    public long multiplyAdds(int length) {
        return spec.depth
                * (attending.getFirst().layer.multiplyAdds(length) + length * feeding.getFirst().layer.multiplyAdds());
    }

    /// The share of [#multiplyAdds] that the kernel may add to fill up its tiles.
    double padding(int length) {
        LshAttention layer = attending.getFirst().layer;
        return spec.depth * layer.padding(length) * layer.multiplyAdds(length) / multiplyAdds(length);
    }
}
