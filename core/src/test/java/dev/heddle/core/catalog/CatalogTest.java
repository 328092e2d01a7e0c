package dev.heddle.core.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.Seed;

import org.junit.jupiter.api.Test;

import java.util.List;

class CatalogTest {
    private static final Variant GQA =
            Variant.of("gqa", "attention")
                    .schema(Schema.builder().required("n_heads", "query heads").optional("causal", true, "causal mask"))
                    .factory(
                            (config, seed) -> {
                                throw new ConfigException("built with " + config.toJson());
                            })
                    .build();

    @Test
    void aMistypedVariantIsAnsweredWithTheNearest() {
        assertThatThrownBy(() -> catalog(GQA).variant("gqq"))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("nearest is 'gqa'");
    }

    @Test
    void aMistypedKeyIsAnsweredWithTheNearest() {
        assertThatThrownBy(() -> GQA.build(Config.parse("{\"n_head\": 4}"), Seed.of(1)))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("'n_head' is not known; the nearest is 'n_heads'");
    }

    @Test
    void aMissingKeyIsNamedAndDefaultsAreFilledIn() {
        assertThatThrownBy(() -> GQA.build(Config.empty(), Seed.of(1))).hasMessageContaining("'n_heads' is missing");
        assertThatThrownBy(() -> GQA.build(Config.parse("{\"n_heads\": 4}"), Seed.of(1)))
                .hasMessage("built with {\"n_heads\":4,\"causal\":true}");
    }

    @Test
    void twoVariantsOfOneIdAreRefused() {
        assertThatThrownBy(() -> catalog(GQA, GQA)).isInstanceOf(ConfigException.class).hasMessageContaining("twice");
    }

    @Test
    void valuesOfTheWrongKindAreRefused() {
        Config config = Config.parse("{\"heads\": 2.5, \"causal\": \"yes\", \"nothing\": null}");
        assertThatThrownBy(() -> config.integer("heads")).hasMessageContaining("2.5").hasMessageContaining("whole");
        assertThatThrownBy(() -> config.flag("causal")).hasMessageContaining("true or false");
        assertThatThrownBy(() -> config.integer("nothing")).hasMessageContaining("missing");
        assertThat(config.integer("nothing", 3)).isEqualTo(3);
        assertThatThrownBy(() -> Config.parse("[1]")).isInstanceOf(ConfigException.class);
        assertThatThrownBy(() -> Config.parse("{\"a\": 1, \"a\": 2}")).isInstanceOf(ConfigException.class);
    }

    private static Catalog catalog(Variant... variants) {
        return Catalog.of(List.of(() -> List.of(variants)));
    }
}
