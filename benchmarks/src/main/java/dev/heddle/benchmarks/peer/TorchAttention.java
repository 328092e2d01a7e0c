package dev.heddle.benchmarks.peer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;

import dev.heddle.core.tensor.Tensor;

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
        function =
                torch.function(
                        "q, k, v",
                        "torch.scaled_dot_product_attention(q, k, v, None, 0., " + (causal ? "True" : "False") + ")");
        arguments = new NDArray[] {torch.copy(q), torch.copy(k), torch.copy(v)};
        cotangent = torch.copy(dy);
        for (NDArray argument : arguments) {
            argument.setRequiresGradient(true);
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
