package dev.heddle.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;

import java.util.LinkedHashMap;
import java.util.Map;

class HeadConversionTest {
    private static final Tensor X = Tensors.random("x", 2, 7, 12);

    @Test
    void poolingEqualHeadsChangesNothing() {
        Attention grouped = Tensors.layer(Attention.grouped(6, 2).bias(true), 12);
        Map<String, Tensor> repeated = new LinkedHashMap<>(Tensors.weights(grouped));
        repeated.replaceAll(
                (name, w) -> name.startsWith("wk.") || name.startsWith("wv.") ? Tensors.repeatHeads(w, 2, 3) : w);
        Attention multiHead = Tensors.layer(Attention.multiHead(6).bias(true), 12, repeated);
        Attention converted = HeadConversion.meanPool(multiHead, 2);
        assertThat(converted.spec().keyValueHeads()).isEqualTo(2);
        assertThat(Tensors.difference(converted.forward(X), multiHead.forward(X))).isLessThanOrEqualTo(1e-12);
    }

    @Test
    void poolingToAsManyHeadsIsTheIdentity() {
        Attention layer = Tensors.layer(Attention.multiHead(6), 12);
        assertThat(Tensors.difference(HeadConversion.meanPool(layer, 6).forward(X), layer.forward(X))).isZero();
    }

    @Test
    void poolingTwiceIsPoolingOnce() {
        Attention layer = Tensors.layer(Attention.multiHead(6), 12);
        Attention steps = HeadConversion.meanPool(HeadConversion.meanPool(layer, 3), 1);
        assertThat(Tensors.difference(steps.forward(X), HeadConversion.meanPool(layer, 1).forward(X)))
                .isLessThanOrEqualTo(1e-12);
    }

    @Test
    void pooledRowsAreTheMeansOfNeighbouringHeads() {
        Tensor rows = Tensor.of(new double[] {1, 2, 3, 6, 10, 20, 30, 60}, 8, 1);
        assertThat(HeadConversion.meanPool(rows, 4, 2).toDoubles()).containsExactly(2, 4, 20, 40);
    }

    @Test
    void headsThatDoNotDivideAreRefused() {
        Attention layer = Tensors.layer(Attention.multiHead(6), 12);
        assertThatThrownBy(() -> HeadConversion.meanPool(layer, 4)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> HeadConversion.meanPool(Tensors.random("w", 9, 2), 4, 2))
                .isInstanceOf(ShapeException.class);
    }
}
