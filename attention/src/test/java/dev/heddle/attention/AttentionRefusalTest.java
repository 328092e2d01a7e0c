package dev.heddle.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.positional.Rope;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.Map;

class AttentionRefusalTest {
    private static final Catalog CATALOG = Catalog.load();
    private static final Tensor X = Tensors.random("x", 2, 7, 12);

    @Test
    void aWidthThatDoesNotDivideIntoHeadsNamesTheNextThatDo() {
        assertThatThrownBy(() -> Attention.multiHead(8).create(130, Seed.of(0)))
                .isInstanceOf(ConfigException.class)
                .hasMessage("heads: width 130 is not divisible by 8 heads; use 128 or 136");
        assertThatThrownBy(() -> Attention.multiHead(8).create(3, Seed.of(0)))
                .hasMessage("heads: width 3 is not divisible by 8 heads; use 8");
        assertThat(Attention.multiHead(8).headWidth(5).create(130, Seed.of(0)).headWidth()).isEqualTo(5);
    }

    @Test
    void keyHeadsThatDoNotShareEvenlyNameTheNumbersThatDo() {
        assertThatThrownBy(() -> Attention.grouped(6, 4))
                .isInstanceOf(ConfigException.class)
                .hasMessage("heads: 6 query heads cannot share 4 key/value heads evenly; use 1 or 2 or 3 or 6");
        assertThatThrownBy(() -> Attention.grouped(2, 4)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> Attention.grouped(2, 0)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> Attention.multiHead(0)).isInstanceOf(ConfigException.class);
    }

    @Test
    void choicesOutOfRangeAreRefused() {
        AttentionSpec spec = Attention.multiHead(2);
        assertThatThrownBy(() -> spec.headWidth(0)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> spec.contextWidth(-1)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> spec.dropout(1)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> spec.softcap(-1)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> spec.softcap(Double.NaN)).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> spec.create(0, Seed.of(0))).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> spec.headWidth(5).position(Rope.base(10)).create(4, Seed.of(0)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("heads of width 5 leave one over; use an even head width");
        assertThatThrownBy(() -> spec.contextWidth(4).position(Rope.base(10)).create(4, Seed.of(0)))
                .isInstanceOf(ConfigException.class);
    }

    @Test
    void inputsOfAnotherShapeAreRefused() {
        Attention layer = Tensors.layer(Attention.multiHead(3), 12);
        assertThatThrownBy(() -> layer.forward(Tensors.random("x", 2, 7, 11)))
                .isInstanceOf(ShapeException.class)
                .hasMessage("input: found F64[2, 7, 11]; floating [B, tokens, 12] is needed");
        assertThatThrownBy(() -> layer.forward(Tensors.random("x", 7, 12))).isInstanceOf(ShapeException.class);
        assertThatThrownBy(() -> layer.forward(X.cast(DType.F32))).isInstanceOf(ShapeException.class);
    }

    @Test
    void masksOfAnotherShapeOrTypeAreRefused() {
        Attention layer = Tensors.layer(Attention.multiHead(3), 12);
        assertThatThrownBy(() -> layer.forwardPadded(X, Tensor.of(new boolean[7], 1, 7)))
                .isInstanceOf(ShapeException.class)
                .hasMessageContaining("BOOL[2, 7], one for each token, is needed");
        assertThatThrownBy(() -> layer.forwardPadded(X, Tensors.random("mask", 2, 7)))
                .isInstanceOf(ShapeException.class);
    }

    @Test
    void contextsThatAreMissingOrUnexpectedOrOfAnotherShapeAreRefused() {
        Attention self = Tensors.layer(Attention.multiHead(3), 12);
        assertThatThrownBy(() -> self.forward(X, X, null))
                .isInstanceOf(InputException.class)
                .hasMessage(
                        "context: given to self-attention; call forward(x), or choose contextWidth(12) for"
                                + " cross-attention");
        Attention cross = Tensors.layer(Attention.multiHead(3).pattern(Patterns.full()).contextWidth(5), 12);
        assertThatThrownBy(() -> cross.forward(X)).isInstanceOf(InputException.class);
        assertThatThrownBy(() -> cross.forward(X, X, null))
                .isInstanceOf(ShapeException.class)
                .hasMessage("context: found F64[2, 7, 12]; floating [B, tokens, 5] is needed");
        assertThatThrownBy(() -> cross.forward(X, Tensors.random("c", 3, 7, 5), null))
                .isInstanceOf(ShapeException.class);
    }

    @Test
    void causalQueriesWithoutAnyKeyMustBeAccepted() {
        AttentionSpec spec = Attention.multiHead(3).contextWidth(5);
        Tensor context = Tensors.random("c", 2, 4, 5);
        assertThatThrownBy(() -> Tensors.layer(spec, 12).forward(X, context, null))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("7 causal queries over 4 keys leave the first 3 without any");
        Tensor y = Tensors.layer(spec.acceptingDeadRows(), 12).forward(X, context, null);
        assertThat(Tensors.difference(Tensors.rows(y, 1, 0, 3), Tensor.zeros(DType.F64, 2, 3, 12))).isZero();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "mha|{'d_model': 130, 'n_heads': 8}|heads: width 130 is not divisible by 8 heads; use 128 or 136",
                "mqa|{'d_model': 8, 'n_heads': 2, 'n_kv_heads': 2}|n_kv_heads: 2 in multi-query attention",
                "gqa|{'d_model': 8, 'n_heads': 4, 'n_kv_heads': 3}|use 1 or 2 or 4",
                "gqa|{'d_model': 6, 'n_heads': 2, 'n_kv_heads': 1, 'rope_theta': 10.0}|heads of width 3",
                "gqa|{'d_model': 8, 'n_heads': 2, 'n_kv_heads': 1, 'rope_theta': 9.0, 'rope_style': 'x'}|rope_style: 'x'",
                "gqa|{'d_model': 8, 'n_heads': 2, 'n_kv_heads': 1, 'convert_from': 'mla'}|convert_from: 'mla'",
                "local|{'d_model': 8, 'num_heads': 2, 'window': -1}|window: -1",
                "local|{'d_model': 8, 'num_heads': 2, 'rate': 0}|rate: 0",
                "flash|{'n_heads': 3, 'n_kv_heads': 2, 'head_dim': 4}|heads: 3 query heads cannot share 2",
                "flash|{'n_heads': 3, 'head_dim': 0}|each must be 1 or more",
                "flash|{'n_heads': 3, 'head_dim': 4, 'softcap': -1.0}|softcap: -1.0",
                "flash|{'n_heads': 3, 'head_dim': 4, 'scale': 0.0}|scale: 0.0",
                "mha|{'d_model': 12, 'n_heads': 3, 'head_dim': 1000000000}|multiply to more than",
                "gqa|{'d_model': 12, 'n_heads': 2147483647, 'n_kv_heads': 2}|use 1 or 2147483647",
                "flash|{'n_heads': 3, 'head_dim': 4, 'window': [null, 1]}|a list without null",
                "flash|{'n_heads': 3, 'head_dim': 4, 'window': [1]}|window: [1]",
                "flash|{'n_heads': 3, 'head_dim': 4, 'window': [-2, 1]}|window: [-2, 1]",
                "flash|{'n_heads': 3, 'head_dim': 4, 'causal_align': 'top_left'}|causal_align: 'top_left'",
            })
    void configurationsThatCannotWorkSayWhy(String id, String config, String message) {
        Config parsed = Config.parse(config.replace('\'', '"'));
        assertThatThrownBy(() -> CATALOG.variant(id).build(parsed, Seed.of(0)))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining(message);
    }

    @Test
    void aCachedFormWithAContextOrAMaskOfOtherTokensIsRefused() {
        Subject subject = CATALOG.variant("mha").build(Config.parse("{\"d_model\": 12, \"n_heads\": 3}"), Seed.of(0));
        Tensor x = X.cast(DType.F32);
        assertThatThrownBy(() -> subject.run(Map.of("x", x, "context", x), Form.RECURRENT))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("context");
        for (int tokens : new int[] {6, 8}) {
            Tensor mask = Tensor.of(new boolean[2 * tokens], 2, tokens);
            assertThatThrownBy(() -> subject.run(Map.of("x", x, "key_mask", mask), Form.RECURRENT))
                    .isInstanceOf(ShapeException.class)
                    .hasMessageContaining("key_mask");
        }
    }
}
