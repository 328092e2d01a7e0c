package dev.heddle.core.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.ops.Reduction;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.junit.jupiter.api.Test;

import java.util.LinkedHashMap;
import java.util.Map;

class ModuleTest {
    private static final Initialiser NORMAL = Initialiser.normal(0.02);

    private static final class Pair extends Module {
        final Dense first = child("first", new Dense(3, 5, true, NORMAL, Seed.of(1)));

        Pair() {
            child("second", new Dense(5, 3, false, NORMAL, Seed.of(2)));
            child("again", first);
        }
    }

    @Test
    void parametersHaveDottedNamesAndSharedOnesAppearOnce() {
        Pair pair = new Pair();
        assertThat(pair.parameters().keySet()).containsExactly("first.weight", "first.bias", "second.weight");
        assertThat(pair.parameterCount()).isEqualTo(15 + 5 + 15);
    }

    @Test
    void loadingCopiesValuesAndRefusesWhatDoesNotFit() {
        Pair source = new Pair();
        Map<String, Tensor> weights = new LinkedHashMap<>();
        source.parameters().forEach((name, p) -> weights.put(name, Tensor.full(DType.F32, p.value().shape(), 3)));
        Pair target = new Pair();
        target.load(weights);
        weights.get("first.weight").fill(0);
        assertThat(target.first.weight().value().at(0)).isEqualTo(3);

        Map<String, Tensor> renamed = new LinkedHashMap<>(weights);
        renamed.put("first.wight", renamed.remove("first.weight"));
        assertThatThrownBy(() -> target.load(renamed))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("first.weight")
                .hasMessageContaining("first.wight");
        weights.put("first.bias", Tensor.zeros(DType.F32, 4));
        assertThatThrownBy(() -> target.load(weights))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("first.bias");
    }

    @Test
    void gradientsFlowToWhatAParameterIsBoundTo() {
        Dense dense = new Dense(2, 1, false, NORMAL, Seed.of(1));
        Tensor leaf = Autograd.variable(Tensor.of(new float[] {1, 2}, 1, 2));
        dense.bind(Map.of("weight", leaf));
        Tensor y = Reduction.sum(dense.forward(Tensor.of(new float[] {3, 4}, 1, 2)));
        assertThat(y.item()).isEqualTo(11);
        assertThat(Autograd.gradients(y).of(leaf).toFloats()).containsExactly(3, 4);
    }

    @Test
    void aTokenOutsideTheTableIsRefused() {
        Embedding embedding = new Embedding(5, 2, NORMAL, Seed.of(1));
        assertThatThrownBy(() -> embedding.forward(Tensor.of(new int[] {0, 5}, 2)))
                .isInstanceOf(InputException.class)
                .hasMessage("token: 5 is outside the table of 5; use 0..4");
    }

    @Test
    void theSameSeedGivesTheSameWeights() {
        assertThat(new Pair().first.weight().value().toFloats())
                .isEqualTo(new Pair().first.weight().value().toFloats());
    }

    @Test
    void dropoutActsOnlyInATrainingPassAndFollowsItsSeed() {
        Tensor x = Tensor.full(DType.F32, Shape.of(1000), 1);
        assertThat(TrainingPass.dropout(x, 0.5)).isSameAs(x);
        float[] once = TrainingPass.run(Seed.of(3), () -> TrainingPass.dropout(x, 0.25)).toFloats();
        float[] again = TrainingPass.run(Seed.of(3), () -> TrainingPass.dropout(x, 0.25)).toFloats();
        float[] other = TrainingPass.run(Seed.of(4), () -> TrainingPass.dropout(x, 0.25)).toFloats();
        assertThat(once).isEqualTo(again).isNotEqualTo(other);
        int dropped = 0;
        for (float value : once) {
            assertThat(value).isIn(0f, 4f / 3f);
            dropped += value == 0 ? 1 : 0;
        }
        assertThat(dropped).isBetween(180, 320);
    }
}
