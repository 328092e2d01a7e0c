package example;

import dev.heddle.core.nd4j.Nd4jBridge;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.tensor.Tensor;

import org.nd4j.linalg.api.ndarray.INDArray;

/// Multiplies two matrices in Heddle and looks at the product as an ND4J array, on the same memory.
public final class Example {
    private Example() {}

    public static void main(String[] arguments) {
        Tensor a = Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
        Tensor b = Tensor.of(new float[] {1, 0, 0, 1, 1, 1}, 3, 2);
        INDArray product = Nd4jBridge.array(MatMul.product(a, b));
        if (product.getFloat(1, 1) != 11) {
            throw new AssertionError("expected 11 in the corner of " + product);
        }
        System.out.println(product);
    }
}
