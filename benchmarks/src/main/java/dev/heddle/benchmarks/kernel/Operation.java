package dev.heddle.benchmarks.kernel;

import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.kernel.KernelProvider;
import dev.heddle.core.kernel.Kernels;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.List;

/// One kernel call on 1024² floats and the TorchScript expression that computes the same.
///
/// @param heddle runs the kernel into `result`
/// @param parameters the names of the expression's arguments
record Operation(Runnable heddle, Tensor result, String parameters, String expression, List<Tensor> arguments) {
    private static final Kernels KERNELS = KernelProvider.f32();
    private static final int SIZE = 1024;
    private static final int HEADS = 16;
    private static final int WIDTH = SIZE / HEADS;

    static Operation of(String name) {
        Tensor x = normal(1, SIZE, SIZE);
        Tensor y = Tensor.uninitialised(DType.F32, SIZE, SIZE);
        long n = x.elements();
        return switch (name) {
            case "softmax" ->
                    of(() -> KERNELS.softmax(x.address(), y.address(), SIZE, SIZE), y, "torch.softmax(x, -1)", x);
            case "layerNorm" -> layerNorm(x, y);
            case "gelu" ->
                    of(() -> KERNELS.activation(Activation.GELU, x.address(), y.address(), n), y, "torch.gelu(x)", x);
            case "silu" ->
                    of(() -> KERNELS.activation(Activation.SILU, x.address(), y.address(), n), y, "torch.silu(x)", x);
            case "crossEntropy" -> crossEntropy(x);
            case "rotary" -> rotary(x, y);
            case "matVec" -> matVec(2 * SIZE);
            default -> throw new IllegalArgumentException(name);
        };
    }

    private static Operation of(Runnable heddle, Tensor result, String expression, Tensor x) {
        return new Operation(heddle, result, "x", expression, List.of(x));
    }

    private static Operation layerNorm(Tensor x, Tensor y) {
        Tensor weight = normal(2, SIZE);
        Tensor bias = normal(3, SIZE);
        return new Operation(
                () ->
                        KERNELS.layerNorm(
                                x.address(), weight.address(), bias.address(), 1e-5, y.address(), 0, 0, SIZE, SIZE),
                y,
                "x, w, b",
                "torch.layer_norm(x, [1024], w, b, 1.0000000000000001e-05, True)",
                List.of(x, weight, bias));
    }

    private static Operation crossEntropy(Tensor x) {
        int[] targets = new int[SIZE];
        float[] asFloats = new float[SIZE];
        for (int i = 0; i < SIZE; i++) {
            targets[i] = i * 7 % SIZE;
            asFloats[i] = targets[i];
        }
        Tensor classes = Tensor.of(targets, SIZE);
        Tensor loss = Tensor.uninitialised(DType.F32, SIZE);
        Tensor lse = Tensor.uninitialised(DType.F32, SIZE);
        return new Operation(
                () ->
                        KERNELS.crossEntropy(
                                x.address(), classes.address(), -100, 0, loss.address(), lse.address(), SIZE, SIZE),
                loss,
                "x, t",
                "torch.cross_entropy_loss(x, torch.to(t, 4), None, 0, -100, 0.)",
                List.of(x, Tensor.of(asFloats, SIZE)));
    }

    /// PyTorch has no fused rotary embedding: this is how its users write it.
    private static Operation rotary(Tensor x, Tensor y) {
        Tensor cos = normal(4, SIZE, WIDTH / 2);
        Tensor sin = normal(5, SIZE, WIDTH / 2);
        return new Operation(
                () ->
                        KERNELS.rotary(
                                x.address(),
                                y.address(),
                                cos.address(),
                                sin.address(),
                                SIZE,
                                SIZE,
                                HEADS,
                                WIDTH,
                                WIDTH,
                                false,
                                false),
                y,
                "x, c, s",
                "torch.add(torch.mul(torch.view(x, [1024, 16, 64]), torch.unsqueeze(torch.cat([c, c], 1), 1)), "
                        + "torch.mul(torch.cat([torch.neg(torch.slice(torch.view(x, [1024, 16, 64]), 2, 32, 64)), "
                        + "torch.slice(torch.view(x, [1024, 16, 64]), 2, 0, 32)], 2), "
                        + "torch.unsqueeze(torch.cat([s, s], 1), 1)))",
                List.of(x, cos, sin));
    }

    /// A square matrix times a vector.
    static Operation matVec(int size) {
        Tensor w = normal(6, size, size);
        Tensor x = normal(7, size);
        KERNELS.affine(x.address(), 1 / Math.sqrt(size), 0, x.address(), size); // results of size 1
        Tensor y = Tensor.uninitialised(DType.F32, size);
        return new Operation(
                () -> KERNELS.matVec(w.address(), x.address(), 0, y.address(), size, size),
                y,
                "w, x",
                "torch.mv(w, x)",
                List.of(w, x));
    }

    static Tensor normal(long seed, int... sizes) {
        return SubjectInputs.normal(Shape.of(sizes), DType.F32, Seed.of(seed));
    }
}
