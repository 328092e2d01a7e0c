package dev.heddle.benchmarks.peer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;

import dev.heddle.core.tensor.Tensor;

import java.util.Arrays;

/// PyTorch's `scaled_dot_product_attention` on operands of its own, head-major as it likes them.
public final class TorchAttention implements AutoCloseable {
    private final Torch torch = new Torch();
    private final Torch.Function function;
    private final NDArray[] arguments;
    private final NDArray cotangent;
    private final NDArray graph;

    /// @param q `[B, H, N, D]`, as are the others
    /// @param dy the gradient at the output
    public TorchAttention(Tensor q, Tensor k, Tensor v, Tensor dy, boolean causal) {
        this("q, k, v", "None, 0., " + (causal ? "True" : "False"), dy, q, k, v);
    }

    /// Under a mask.
    ///
    /// @param q `[B, H, N, D]`, as are the others
    /// @param dy the gradient at the output
    /// @param mask BOOL `[B, H, N, N]`, true where a query sees a key
    public TorchAttention(Tensor q, Tensor k, Tensor v, Tensor dy, Tensor mask) {
        this("q, k, v, mask", "mask", dy, q, k, v, mask);
    }

    private TorchAttention(String parameters, String options, Tensor dy, Tensor... tensors) {
        function = torch.function(parameters, "torch.scaled_dot_product_attention(q, k, v, " + options + ")");
        arguments = Arrays.stream(tensors).map(torch::copy).toArray(NDArray[]::new);
        cotangent = torch.copy(dy);
        for (int i = 0; i < 3; i++) {
            arguments[i].setRequiresGradient(true);
        }
        JniUtils.setGradMode(true);
        graph = function.record(arguments);
        JniUtils.setGradMode(false);
    }

    /// The output.
    public float[] output() {
        try (NDArray y = function.apply(arguments)) {
            return y.toFloatArray();
        }
    }

    /// One forward pass.
    public void forward() {
        function.apply(arguments).close();
    }

    /// One backward pass over a graph recorded before; gradients add up.
    public void backward() {
        JniUtils.backward((PtNDArray) graph, (PtNDArray) cotangent, true, false);
    }

    /// The gradient of the first, second or third argument after one backward pass.
    public float[] gradient(int argument) {
        try (NDArray gradient = arguments[argument].getGradient()) {
            return gradient.toFloatArray();
        }
    }

    @Override
    public void close() {
        new NDList(arguments).close();
        function.close();
        torch.close();
    }
}
