package dev.heddle.models;

import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// How the weight names of golden files and of other libraries map to a module's parameters.
///
/// A name that no rule knows stays as it is, so that binding refuses it under the name that the file gave it.
final class WeightNames {
    private final List<Rule> rules = new ArrayList<>();

    private record Rule(Pattern pattern, List<String> names) {}

    /// A weight that is one parameter. `pattern` is a regular expression for the whole name, `name` the parameter's with
    /// `$1` … for its groups.
    WeightNames rename(String pattern, String name) {
        rules.add(new Rule(Pattern.compile(pattern), List.of(name)));
        return this;
    }

    /// A weight that holds several parameters of equal size, one after the other along its first axis.
    WeightNames split(String pattern, String... names) {
        rules.add(new Rule(Pattern.compile(pattern), List.of(names)));
        return this;
    }

    /// The parameters, computed from the weights, so that gradients flow to those.
    Map<String, Tensor> toParameters(Map<String, Tensor> weights) {
        Map<String, Tensor> parameters = new LinkedHashMap<>();
        weights.forEach((name, weight) -> put(name, weight, parameters));
        return parameters;
    }

    private void put(String name, Tensor weight, Map<String, Tensor> parameters) {
        for (Rule rule : rules) {
            Matcher matcher = rule.pattern.matcher(name);
            if (matcher.matches()) {
                put(rule, matcher, weight, parameters);
                return;
            }
        }
        parameters.put(name, weight);
    }

    private static void put(Rule rule, Matcher matcher, Tensor weight, Map<String, Tensor> parameters) {
        int parts = rule.names.size();
        for (int i = 0; i < parts; i++) {
            String parameter = matcher.replaceFirst(rule.names.get(i));
            int rows = weight.rank() == 0 ? 0 : weight.dim(0) / parts;
            parameters.put(parameter, parts == 1 ? weight : Layout.slice(weight, 0, i * rows, (i + 1) * rows));
        }
    }
}
