package dev.heddle.attention.latent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.core.ops.Layout;
import dev.heddle.core.ops.MatMul;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.function.BinaryOperator;

/// The products in place against permutations, slices and a batched product.
class HeadMatricesTest {
    private static final int COLUMNS = 7;
    private static final int BLOCK = 11;

    @ParameterizedTest
    @CsvSource({"1, 1, 1, 0, 11", "2, 5, 3, 0, 4", "2, 3, 5, 4, 7", "1, 13, 2, 10, 1", "3, 1, 4, 2, 6"})
    void productsEqualTheirPrimitives(int batch, int tokens, int heads, int first, int rows) {
        Tensor weight = Tensors.random("weight", heads * BLOCK, COLUMNS);
        Tensor wide = Tensors.random("wide", batch, tokens, heads, COLUMNS);
        Tensor narrow = Tensors.random("narrow", batch, tokens, heads, rows);
        for (DType dtype : new DType[] {DType.F64, DType.F32}) {
            compare(
                    wide.cast(dtype),
                    weight.cast(dtype),
                    (x, w) -> new HeadMatrices(w, heads, first, rows).multiply(x),
                    (x, w) -> byHead(x, Layout.transpose(matrices(w, heads, first, rows))));
            compare(
                    narrow.cast(dtype),
                    weight.cast(dtype),
                    (x, w) -> new HeadMatrices(w, heads, first, rows).multiplyTransposed(x),
                    (x, w) -> byHead(x, matrices(w, heads, first, rows)));
        }
    }

    private static Tensor matrices(Tensor weight, int heads, int first, int rows) {
        return Layout.slice(Layout.reshape(weight, heads, BLOCK, COLUMNS), 1, first, first + rows);
    }

    private static Tensor byHead(Tensor x, Tensor matrices) {
        Tensor heads = Layout.reshape(Layout.permute(x, 2, 0, 1, 3), x.dim(2), -1, x.dim(3));
        Tensor y = Layout.reshape(MatMul.product(heads, matrices), x.dim(2), x.dim(0), x.dim(1), -1);
        return Layout.permute(y, 1, 2, 0, 3);
    }

    private static void compare(
            Tensor x, Tensor weight, BinaryOperator<Tensor> found, BinaryOperator<Tensor> expected) {
        double tolerance = x.dtype() == DType.F64 ? 1e-13 : 2e-6;
        Tensor[] a = withGradients(x, weight, found);
        Tensor[] b = withGradients(x, weight, expected);
        for (int i = 0; i < a.length; i++) {
            assertThat(Tensors.difference(a[i], b[i])).isLessThanOrEqualTo(tolerance);
        }
    }

    private static Tensor[] withGradients(Tensor x, Tensor weight, BinaryOperator<Tensor> operation) {
        Tensor input = Autograd.variable(x);
        Tensor parameter = Autograd.variable(weight);
        Tensor y = operation.apply(input, parameter);
        Tensor cotangent = Tensors.random("cotangent", y.shape().toArray()).cast(y.dtype());
        Gradients gradients = Autograd.gradients(y, cotangent);
        return new Tensor[] {y, gradients.of(input), gradients.of(parameter)};
    }
}
