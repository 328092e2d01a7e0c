package dev.heddle.attention;

import dev.heddle.attention.kernel.AttentionBias;
import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.AttentionShape;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.kernel.TiledWork;
import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.catalog.Config;
import dev.heddle.core.catalog.Cost;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.Subject;
import dev.heddle.core.catalog.SubjectInputs;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;

/// The attention core alone, on head-major tensors: inputs `q` `[B, H, N, Dh]`, `k` `[B, G, M, Dh]`, `v` `[B, G, M, Dv]`
/// and, if wanted, `bias` and `mask`, broadcastable to `[B, H, N, M]`; outputs `y` `[B, H, N, Dv]` and `lse` `[B, H, N]`.
final class FlashSubject implements Subject {
    private final int heads;
    private final int keyValueHeads;
    private final int width;
    private final int valueWidth;
    private final AttentionOptions options;

    FlashSubject(Config config) {
        heads = config.integer("n_heads");
        keyValueHeads = config.integer("n_kv_heads", heads);
        width = config.integer("head_dim");
        valueWidth = config.integer("v_head_dim", width);
        shape(1);
        options =
                AttentionOptions.of(pattern(config))
                        .laidOut(AttentionOptions.Layout.HEAD_MAJOR)
                        .scaled(scale(config))
                        .capped(softcap(config));
    }

    static Schema.Builder schema() {
        return Schema.builder()
                .required("n_heads", "query heads")
                .optional("n_kv_heads", null, "key/value heads, a divisor of the query heads; as many by default")
                .required("head_dim", "width of queries and keys")
                .optional("v_head_dim", null, "width of values; head_dim by default")
                .optional("scale", null, "of the scores; 1/sqrt(head_dim) by default")
                .optional("causal", false, "keys after a query are masked")
                .optional("causal_align", "bottom_right", "the last query sits beside the last key")
                .optional("window", null, "[left, right]: keys seen on each side, -1 for all")
                .optional("softcap", 0.0, "bound of the scores, 0 or null for none");
    }

    private static AttentionPattern pattern(Config config) {
        String align = config.text("causal_align");
        if (!align.equals("bottom_right")) {
            throw new ConfigException("causal_align: '" + align + "' is not known; use bottom_right");
        }
        AttentionPattern pattern = config.flag("causal") ? Patterns.causal() : Patterns.full();
        return config.has("window") ? pattern.and(window(config.list("window"))) : pattern;
    }

    private static AttentionPattern window(List<Object> sides) {
        if (sides.size() == 2 && sides.get(0) instanceof Integer left && sides.get(1) instanceof Integer right) {
            return Patterns.window(left, right);
        }
        throw new ConfigException("window: " + sides + " is not [left, right] in whole numbers");
    }

    private double scale(Config config) {
        double scale = config.number("scale", 1 / Math.sqrt(width));
        if (!(scale > 0 && scale < Double.POSITIVE_INFINITY)) {
            throw new ConfigException("scale: " + scale + " is not a positive number; use 1/sqrt(head_dim) or another");
        }
        return scale;
    }

    private static double softcap(Config config) {
        double softcap = config.number("softcap", 0);
        if (!(softcap >= 0 && softcap < Double.POSITIVE_INFINITY)) {
            throw new ConfigException("softcap: " + softcap + " is not a bound; use 0 for none, or a positive value");
        }
        return softcap;
    }

    private AttentionShape shape(int length) {
        return new AttentionShape(1, heads, keyValueHeads, length, length, width, valueWidth);
    }

    @Override
    public Map<String, Tensor> run(Map<String, Tensor> inputs, Form form) {
        Tensor q = heads(inputs, "q", heads, width);
        Tensor k = heads(inputs, "k", keyValueHeads, width);
        Tensor v = heads(inputs, "v", keyValueHeads, valueWidth);
        AttentionOptions call = options;
        Tensor bias = inputs.get("bias");
        if (bias != null) {
            call = call.biased(new AttentionBias.Dense(bias));
        }
        Tensor mask = inputs.get("mask");
        if (mask != null) {
            call = call.masked(mask);
        }
        ScaledDotProduct.Result result = ScaledDotProduct.attend(q, k, v, call);
        return Map.of("y", result.y(), "lse", result.lse());
    }

    private static Tensor heads(Map<String, Tensor> inputs, String name, int heads, int width) {
        Tensor x = SubjectInputs.tensor(inputs, name, 4);
        if (x.dim(1) != heads || x.dim(3) != width) {
            throw new ShapeException(
                    "input " + name + ": found " + x.shape() + "; [B, " + heads + ", tokens, " + width + "] is needed");
        }
        return x;
    }

    /// As many keys as queries, a bias, and a mask that forbids the first sequence nothing and others some pairs.
    @Override
    public Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed) {
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        inputs.put("q", draw("q", dtype, seed, batch, heads, length, width));
        inputs.put("k", draw("k", dtype, seed, batch, keyValueHeads, length, width));
        inputs.put("v", draw("v", dtype, seed, batch, keyValueHeads, length, valueWidth));
        inputs.put("bias", draw("bias", dtype, seed, heads, length, length));
        RandomGenerator random = seed.split("mask").generator();
        boolean[] mask = new boolean[batch * length * length];
        for (int i = 0; i < mask.length; i++) {
            mask[i] = random.nextInt(4) > 0 || i < length * length;
        }
        inputs.put("mask", Tensor.of(mask, batch, 1, length, length));
        return inputs;
    }

    private static Tensor draw(String name, DType dtype, Seed seed, int... sizes) {
        return SubjectInputs.normal(Shape.of(sizes), dtype, seed.split(name));
    }

    @Override
    public Cost cost(int length) {
        return new Cost(0, core(length), 0);
    }

    private long core(int length) {
        return options.pattern().pairs(0, length, length) * heads * (width + valueWidth);
    }

    @Override
    public double padding(int length) {
        return (double) TiledWork.multiplyAdds(shape(length), options.pattern()) / core(length) - 1;
    }
}
