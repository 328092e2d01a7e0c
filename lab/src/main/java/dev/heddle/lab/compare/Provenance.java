package dev.heddle.lab.compare;

import dev.heddle.core.catalog.Config;
import dev.heddle.lab.corpus.Corpus;
import dev.heddle.lab.environment.Environment;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;

/// Where figures come from: with it they can be made again, and without it they mean nothing.
///
/// @param date UTC, to the second
/// @param corpus name of the text
/// @param corpusHash SHA-256 of the text
/// @param settings of the run, the seed among them
/// @param environment version, machine and JVM
public record Provenance(
        String date, String corpus, String corpusHash, Config settings, Map<String, String> environment) {
    /// Of a run that starts now on this machine.
    public static Provenance now(Corpus corpus, Config settings) {
        String date = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
        return new Provenance(date, corpus.name(), corpus.hash(), settings, Environment.describe());
    }

    /// All of it as one flat list of names and values, in order.
    public Map<String, String> facts() {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("date", date);
        facts.put("corpus", corpus);
        facts.put("corpus SHA-256", corpusHash);
        settings.keys().forEach(key -> facts.put(key, String.valueOf(settings.get(key))));
        facts.putAll(environment);
        return facts;
    }
}
