package dev.heddle.positional;

import dev.heddle.core.catalog.CatalogProvider;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.Variant;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.tensor.Seed;

import java.util.List;

/// The position encodings of this module.
public final class PositionalCatalog implements CatalogProvider {
    @Override
    public List<Variant> variants() {
        return List.of(learned(), sinusoidal(), rope(), alibi(), nope());
    }

    private static Variant learned() {
        return Variant.of("learned", "position")
                .summary("A learned row for each absolute position, added to the embedding")
                .source("GPT-2; BERT, arXiv 1810.04805; arXiv 1706.03762 section 3.5")
                .schema(
                        Schema.builder()
                                .required("dim", "model width D")
                                .required("max_positions", "rows of the table; positions beyond are refused")
                                .optional("offset", 0, "first position where none are given"))
                .factory(
                        (config, seed) ->
                                new AdditiveSubject(
                                        Learned.max(config.integer("max_positions"))
                                                .create(config.integer("dim"), seed),
                                        config.integer("dim"),
                                        config.integer("offset")))
                .part(sizes -> Learned.max(sizes.context()))
                .example("{\"dim\": 8, \"max_positions\": 256}")
                .example("{\"dim\": 5, \"max_positions\": 300, \"offset\": 9}")
                .build();
    }

    private static Variant sinusoidal() {
        return Variant.of("sinusoidal", "position")
                .summary("Fixed sines and cosines of absolute positions, added to the embedding")
                .source("arXiv 1706.03762 section 3.5; tensor2tensor; fairseq; RoFormer")
                .schema(
                        Schema.builder()
                                .required("dim", "model width D")
                                .optional("base", 10_000.0, "ratio of the longest to the shortest wavelength")
                                .optional("layout", "interleaved", "order of columns: interleaved, concat or concat_2i")
                                .optional("offset", 0, "first position where none are given")
                                .optional("scale_input", false, "multiply the embedding by the root of D first"))
                .factory(PositionalCatalog::buildSinusoidal)
                .part(sizes -> Sinusoidal.interleaved().scalingInput())
                .example("{\"dim\": 8}")
                .example("{\"dim\": 9, \"layout\": \"interleaved\", \"offset\": 3, \"scale_input\": true}")
                .example("{\"dim\": 7, \"layout\": \"concat\", \"base\": 500.0}")
                .example("{\"dim\": 6, \"layout\": \"concat_2i\"}")
                .build();
    }

    private static Subject buildSinusoidal(Config config, Seed seed) {
        Sinusoidal.Spec spec = Sinusoidal.of(Sinusoidal.Layout.of(config.text("layout"))).base(config.number("base"));
        int width = config.integer("dim");
        return new AdditiveSubject(
                (config.flag("scale_input") ? spec.scalingInput() : spec).create(width, seed),
                width,
                config.integer("offset"));
    }

    private static Variant rope() {
        String scaled = "{\"head_dim\": 8, \"style\": \"half_split\", \"scaling\": {\"type\": ";
        return Variant.of("rope", "position")
                .summary("Queries and keys rotated by their positions: scores depend on distance only")
                .source("RoFormer, arXiv 2104.09864; arXiv 2306.15595; YaRN, arXiv 2309.00071; Llama 3.1")
                .schema(RopeConfig.schema())
                .factory(RopeConfig::build)
                .part(sizes -> Rope.base(10_000).halfSplit())
                .example("{\"head_dim\": 8, \"style\": \"interleaved\"}")
                .example("{\"head_dim\": 10, \"style\": \"half_split\", \"rotary_dim\": 4, \"base\": 500.0}")
                .example(scaled + "\"linear\", \"factor\": 4.0}}")
                .example(scaled + "\"ntk\", \"factor\": 4.0}}")
                .example(scaled + "\"dynamic\", \"factor\": 2.0, \"original_max_positions\": 16}, \"seq_len\": 40}")
                .example(
                        scaled
                                + "\"yarn\", \"factor\": 8.0, \"original_max_positions\": 64, \"beta_fast\": 16.0,"
                                + " \"beta_slow\": 2.0}}")
                .example(
                        scaled
                                + "\"yarn\", \"factor\": 8.0, \"original_max_positions\": 64,"
                                + " \"attention_factor\": 1.5}}")
                .example(
                        scaled
                                + "\"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0,"
                                + " \"original_max_positions\": 64}}")
                .example("{\"dim\": 12, \"heads\": 3, \"head_dim\": 4, \"style\": \"half_split\", \"bias\": true}")
                .example("{\"heads\": 2, \"head_dim\": 6, \"style\": \"interleaved\", \"causal\": false}")
                .build();
    }

    private static Variant alibi() {
        return Variant.of("alibi", "position")
                .summary("A penalty in proportion to distance on every score, with a slope for each head")
                .source("arXiv 2108.12409; ofirpress/attention_with_linear_biases")
                .schema(
                        Schema.builder()
                                .required("heads", "number of heads")
                                .required("head_dim", "width of a head")
                                .optional("causal", null, "keys after a query are masked; unless symmetric by default")
                                .optional("symmetric", false, "both sides are seen, as in an encoder")
                                .optional("slope_scheme", "press", "press for the paper's slopes, or a list of them"))
                .factory(PositionalCatalog::buildAlibi)
                .part(sizes -> Alibi.standard())
                .example("{\"heads\": 4, \"head_dim\": 4}")
                .example("{\"heads\": 3, \"head_dim\": 5, \"symmetric\": true}")
                .example("{\"heads\": 2, \"head_dim\": 3, \"causal\": true, \"slope_scheme\": [0.5, 0]}")
                .build();
    }

    private static Subject buildAlibi(Config config, Seed seed) {
        boolean symmetric = config.flag("symmetric");
        boolean causal = config.flag("causal", !symmetric);
        if (symmetric && causal) {
            throw new ConfigException("alibi: symmetric and causal are both true; a causal query sees one side only");
        }
        return new AttentionCoreSubject(slopes(config), config.with("causal", causal));
    }

    private static Alibi.Spec slopes(Config config) {
        if (config.get("slope_scheme") instanceof List<?>) {
            return Alibi.withSlopes(
                    config.list("slope_scheme").stream().mapToDouble(PositionalCatalog::slope).toArray());
        }
        String scheme = config.text("slope_scheme");
        if (!scheme.equals("press")) {
            throw new ConfigException("slope_scheme: '" + scheme + "' is not known; use press or a list of slopes");
        }
        return Alibi.standard();
    }

    private static double slope(Object value) {
        if (value instanceof Number number) {
            return number.doubleValue();
        }
        throw new ConfigException("slope_scheme: '" + value + "' is not a number; use a number of 0 or more");
    }

    private static Variant nope() {
        return Variant.of("nope", "position")
                .summary("No position encoding: the causal mask alone tells positions apart")
                .source("arXiv 2305.19466; arXiv 2203.16634")
                .schema(
                        Schema.builder()
                                .required("heads", "number of heads")
                                .required("head_dim", "width of a head")
                                .optional("causal", true, "keys after a query are masked"))
                .factory((config, seed) -> new AttentionCoreSubject(null, config))
                // Rotating no column says explicitly, to a stack that has a default, that there is no position.
                .part(sizes -> Rope.base(10_000).partial(0))
                .example("{\"heads\": 2, \"head_dim\": 4}")
                .example("{\"heads\": 3, \"head_dim\": 5, \"causal\": false}")
                .build();
    }
}
