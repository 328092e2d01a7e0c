package dev.heddle.lab.compare;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;

import dev.heddle.core.error.HeddleException;
import dev.heddle.core.file.AtomicFile;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The results of a comparison and where they come from, as files.
///
/// @param provenance of all figures
/// @param results one for each variant, in the order asked for
public record Report(Provenance provenance, List<VariantResult> results) {
    private static final JsonMapper JSON = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    /// The table for a terminal.
    public String table() {
        return TextTable.of(results);
    }

    /// Writes `report.html`, `results.json` and the plots as PNG into a folder, which is made if it is not there.
    ///
    /// @throws HeddleException if they cannot be written
    public void write(Path directory) {
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new HeddleException(directory + ": cannot be made (" + e + "); choose another folder", e);
        }
        List<Chart> charts = Charts.of(results);
        write(directory.resolve("results.json"), json());
        write(directory.resolve("report.html"), HtmlReport.of(this, charts));
        for (Chart chart : charts) {
            AtomicFile.write(directory.resolve(chart.id() + ".png"), new PngChart(chart, provenance)::writeTo);
        }
    }

    /// Everything as one JSON object: `provenance` and `results`.
    public String json() {
        Map<String, Object> origin = new LinkedHashMap<>();
        origin.put("date", provenance.date());
        origin.put("corpus", Map.of("name", provenance.corpus(), "sha256", provenance.corpusHash()));
        Map<String, @Nullable Object> settings = new LinkedHashMap<>();
        provenance.settings().keys().forEach(key -> settings.put(key, provenance.settings().get(key)));
        origin.put("settings", settings);
        origin.put("environment", provenance.environment());
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("provenance", origin);
        all.put("results", results);
        try {
            return JSON.writeValueAsString(all);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("records of numbers and texts are always JSON", e);
        }
    }

    private static void write(Path file, String text) {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
        AtomicFile.write(
                file,
                channel -> {
                    while (bytes.hasRemaining()) {
                        channel.write(bytes);
                    }
                });
    }
}
