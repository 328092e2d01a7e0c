package dev.heddle.models;

import dev.heddle.core.nn.Module;
import dev.heddle.core.nn.Norm;
import dev.heddle.core.nn.TrainingPass;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// The way into and out of one sublayer F: [#enter] makes F's input from the residual stream, [#leave] joins F's output
/// with it.
///
/// Parameters: `norm`, and for [Placement#SANDWICH] also `output_norm`.
final class ResidualBranch extends Module {
    private final Placement placement;
    private final Norm norm;
    private final @Nullable Norm outputNorm;
    private final double dropout;

    ResidualBranch(Placement placement, Block.Choices choices) {
        this.placement = placement;
        this.norm = child("norm", choices.norm().create(choices.width()));
        this.outputNorm =
                placement instanceof Placement.Sandwich
                        ? child("output_norm", choices.norm().create(choices.width()))
                        : null;
        this.dropout = choices.dropout();
    }

    Tensor enter(Tensor x) {
        return switch (placement) {
            case Placement.Pre _, Placement.Sandwich _, Placement.SubLn _ -> norm.forward(x);
            case Placement.Post _, Placement.DeepNorm _ -> x;
        };
    }

    Tensor leave(Tensor x, Tensor sublayer) {
        Tensor f = TrainingPass.dropout(outputNorm == null ? sublayer : outputNorm.forward(sublayer), dropout);
        return switch (placement) {
            case Placement.Pre _, Placement.Sandwich _, Placement.SubLn _ -> Arithmetic.add(x, f);
            case Placement.Post _ -> norm.forward(Arithmetic.add(x, f));
            case Placement.DeepNorm deep -> norm.forward(Arithmetic.add(Arithmetic.scale(x, deep.alpha()), f));
        };
    }
}
