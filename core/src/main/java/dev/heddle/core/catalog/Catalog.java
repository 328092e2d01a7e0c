package dev.heddle.core.catalog;

import dev.heddle.core.error.ConfigException;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;

/// Every variant on the class path. What is not here does not exist; what is here cannot escape a test.
public final class Catalog {
    private final Map<String, Variant> variants = new LinkedHashMap<>();

    private Catalog(Iterable<CatalogProvider> providers) {
        for (CatalogProvider provider : providers) {
            provider.variants().forEach(this::add);
        }
    }

    private void add(Variant variant) {
        Variant other = variants.putIfAbsent(variant.id(), variant);
        if (other != null) {
            throw new ConfigException(
                    "catalogue: '" + variant.id() + "' is listed twice; every id must be one variant");
        }
    }

    /// The variants of all modules on the class path.
    public static Catalog load() {
        return new Catalog(ServiceLoader.load(CatalogProvider.class));
    }

    /// The variants of the given lists only: for the tests of one module.
    public static Catalog of(List<CatalogProvider> providers) {
        return new Catalog(providers);
    }

    public List<Variant> variants() {
        return List.copyOf(variants.values());
    }

    public boolean contains(String id) {
        return variants.containsKey(id);
    }

    /// @throws ConfigException if there is no such variant; the message names the nearest
    public Variant variant(String id) {
        Variant variant = variants.get(id);
        if (variant == null) {
            throw new ConfigException(
                    "variant: '"
                            + id
                            + "' is not known; "
                            + (variants.isEmpty()
                                    ? "the catalogue is empty"
                                    : "the nearest is '" + Nearest.to(id, variants.keySet()) + "'"));
        }
        return variant;
    }
}
