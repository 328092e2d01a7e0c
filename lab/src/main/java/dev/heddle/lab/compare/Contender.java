package dev.heddle.lab.compare;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Variant;

import java.util.List;
import java.util.stream.Collectors;

/// One row of a comparison: the common stack with one choice replaced, or several joined by `+`.
///
/// @param name as asked for, `gqa` or `gqa+alibi`
/// @param variants the lines of the catalogue
/// @param summary one line for people
record Contender(String name, List<Variant> variants, String summary) {
    /// @throws dev.heddle.core.error.ConfigException if a variant is not known
    static Contender of(String name, Catalog catalog) {
        List<Variant> variants = List.of(name.split("\\+", -1)).stream().map(catalog::variant).toList();
        return new Contender(name, variants, variants.stream().map(Variant::summary).collect(Collectors.joining("; ")));
    }

    List<String> ids() {
        return variants.stream().map(Variant::id).toList();
    }
}
