package dev.heddle.core.nd4j;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class Nd4jBridgeTest {
    @Test
    void aTensorAndItsArrayShareMemory() {
        Tensor tensor = Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
        INDArray array = Nd4jBridge.array(tensor);
        assertThat(array.shape()).containsExactly(2, 3);
        array.putScalar(1, 2, 60);
        assertThat(tensor.toFloats()).containsExactly(1, 2, 3, 4, 5, 60);
        assertThat(array.sumNumber().doubleValue()).isEqualTo(75);
    }

    @Test
    void anArrayAndItsTensorShareMemory() {
        INDArray array = Nd4j.createFromArray(new double[][] {{1, 2}, {3, 4}});
        Tensor tensor = Nd4jBridge.tensor(array);
        assertThat(tensor.toDoubles()).containsExactly(1, 2, 3, 4);
        array.putScalar(0, 1, 20);
        assertThat(tensor.at(1)).isEqualTo(20);
    }

    @Test
    void aTransposedArrayIsCopiedIntoRowMajorOrder() {
        INDArray array = Nd4j.createFromArray(new float[][] {{1, 2, 3}, {4, 5, 6}}).transpose();
        assertThat(Nd4jBridge.tensor(array).toFloats()).containsExactly(1, 4, 2, 5, 3, 6);
    }
}
