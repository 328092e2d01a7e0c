package dev.heddle.core.catalog;

import java.util.List;

/// A module's list of variants, found through [java.util.ServiceLoader].
public interface CatalogProvider {
    List<Variant> variants();
}
