package dev.heddle.attention.compressed;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Module;
import dev.heddle.core.nn.Parameter;
import dev.heddle.core.ops.Activations;
import dev.heddle.core.ops.Arithmetic;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

/// A convolution whose stride is its width, so that its windows are blocks and it is one matrix product a group:
/// `y_c = act(b + Σ_t W[:, :, t]·x_{cf+t})`, t = 0..f−1.
///
/// Parameters: `weight` `[D, D/groups, f]` and `bias` `[D]`.
final class StridedConvolution extends Module {
    private final int width;
    private final int factor;
    private final int groups;
    private final Activation activation;
    private final Parameter weight;
    private final Parameter bias;

    /// @throws ConfigException if the groups do not divide the width
    StridedConvolution(int width, MemoryCompression spec, Seed seed) {
        this.width = width;
        factor = spec.factor();
        groups = spec.groups();
        activation = spec.nonlinearity();
        if (width % groups != 0) {
            throw new ConfigException(
                    "conv_groups: width "
                            + width
                            + " is not divisible by "
                            + groups
                            + " groups; use a divisor of "
                            + width);
        }
        Initialiser normal = Initialiser.normal(0.02);
        weight = parameter("weight", normal.create(Shape.of(width, width / groups, factor), seed));
        bias = parameter("bias", Initialiser.constant(0).create(Shape.of(width), seed));
    }

    /// `[B, n·f, D]` → `[B, n, D]`.
    Tensor forward(Tensor x) {
        int rows = Math.toIntExact(x.shape().product(0, 2) / factor);
        Tensor blocks = byGroup(Layout.reshape(x, rows, factor, groups, width / groups));
        Tensor kernel = Layout.permute(weight.value(), 0, 2, 1);
        Tensor kernels = Layout.reshape(kernel, groups, width / groups, factor * (width / groups));
        Tensor y = MatMul.productTransposed(blocks, kernels);
        Tensor biased = Arithmetic.add(byRow(y), bias.value());
        return Layout.reshape(activate(biased), x.dim(0), x.dim(1) / factor, width);
    }

    // [rows, f, groups, D/groups] → [groups, rows, f·D/groups]; one group lies like that already.
    private Tensor byGroup(Tensor x) {
        Tensor turned = groups == 1 ? x : Layout.permute(x, 2, 0, 1, 3);
        return Layout.reshape(turned, groups, x.dim(0), factor * (width / groups));
    }

    // [groups, rows, D/groups] → [rows, D].
    private Tensor byRow(Tensor y) {
        Tensor turned = groups == 1 ? y : Layout.permute(y, 1, 0, 2);
        return Layout.reshape(turned, y.dim(1), width);
    }

    private Tensor activate(Tensor x) {
        return activation == Activation.IDENTITY ? x : Activations.activate(activation, x);
    }

    /// Multiply-adds for one block.
    long multiplyAdds() {
        return (long) width * (width / groups) * factor;
    }
}
