package dev.heddle.core.nn;

import static java.util.Objects.requireNonNull;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// Something with named parameters: its own and, under dotted names, those of its children
/// (`layers.0.mixer.wq.weight`).
///
/// A module is immutable in structure after construction. A parameter or child that is registered twice (a tied
/// embedding) is one parameter: it appears once, under its first name.
public abstract class Module {
    private static final int NAMED = 8;

    private final Map<String, Parameter> own = new LinkedHashMap<>();
    private final Map<String, Module> children = new LinkedHashMap<>();

    /// Registers a trained tensor.
    protected final Parameter parameter(String name, Tensor initial) {
        Parameter parameter = new Parameter(initial);
        own.put(unused(name), parameter);
        return parameter;
    }

    /// Registers a part of this module.
    protected final <M extends Module> M child(String name, M module) {
        children.put(unused(name), module);
        return module;
    }

    private String unused(String name) {
        if (own.containsKey(name) || children.containsKey(name)) {
            throw new ConfigException("module: the name '" + name + "' is used twice in " + getClass().getSimpleName());
        }
        return name;
    }

    /// All parameters in order of registration, depth first, under their dotted names.
    public final Map<String, Parameter> parameters() {
        Map<String, Parameter> all = new LinkedHashMap<>();
        collect("", all, Collections.newSetFromMap(new IdentityHashMap<>()));
        return all;
    }

    private void collect(String prefix, Map<String, Parameter> all, Set<Parameter> seen) {
        own.forEach(
                (name, parameter) -> {
                    if (seen.add(parameter)) {
                        all.put(prefix + name, parameter);
                    }
                });
        children.forEach((name, module) -> module.collect(prefix + name + ".", all, seen));
    }

    /// The number of trained numbers.
    public final long parameterCount() {
        return parameters().values().stream().mapToLong(p -> p.value().elements()).sum();
    }

    /// Converts every parameter to a floating type: F64 for gradient checks and references.
    public final void convert(DType dtype) {
        parameters().values().forEach(p -> p.set(p.value().cast(dtype)));
    }

    /// Replaces all parameters by tensors of the same names, copied.
    ///
    /// @throws ConfigException if names are missing or left over
    /// @throws ShapeException if a shape differs
    public final void load(Map<String, Tensor> weights) {
        Map<String, Parameter> parameters = parameters();
        refuseDifferences(parameters.keySet(), weights.keySet());
        parameters.forEach(
                (name, parameter) -> {
                    Tensor weight = requireNonNull(weights.get(name));
                    parameter.requireFit("weight " + name, weight);
                    parameter.set(
                            weight.dtype() == parameter.value().dtype()
                                    ? weight.copy()
                                    : weight.cast(parameter.value().dtype()));
                });
    }

    /// Binds parameters to tensors of the same names without copying, so that gradients flow to those.
    ///
    /// @throws ConfigException if names are missing or left over
    /// @throws ShapeException if a shape differs or a tensor is not floating
    public final void bind(Map<String, Tensor> weights) {
        Map<String, Parameter> parameters = parameters();
        refuseDifferences(parameters.keySet(), weights.keySet());
        parameters.forEach(
                (name, parameter) -> {
                    Tensor weight = requireNonNull(weights.get(name));
                    parameter.requireFit("weight " + name, weight);
                    parameter.bind(weight);
                });
    }

    private static void refuseDifferences(Set<String> needed, Set<String> found) {
        Set<String> missing = new TreeSet<>(needed);
        missing.removeAll(found);
        Set<String> extra = new TreeSet<>(found);
        extra.removeAll(needed);
        if (!missing.isEmpty() || !extra.isEmpty()) {
            throw new ConfigException(
                    "weights: missing "
                            + some(missing)
                            + ", not known "
                            + some(extra)
                            + "; the names must be exactly those of the model");
        }
    }

    // A message stays a line, whatever a file holds.
    private static String some(Set<String> names) {
        return names.size() <= NAMED
                ? names.toString()
                : names.stream().limit(NAMED).toList() + " and " + (names.size() - NAMED) + " more";
    }
}
