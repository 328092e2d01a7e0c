package dev.heddle.lab.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.HeddleException;
import dev.heddle.lab.corpus.Corpus;
import dev.heddle.lab.training.History;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

import javax.imageio.ImageIO;

class ReportTest {
    @TempDir Path directory;

    static Report report(String... variants) {
        List<VariantResult> results = new ArrayList<>();
        for (int i = 0; i < variants.length; i++) {
            results.add(result(variants[i], i));
        }
        Config settings = Config.parse("{\"width\":128,\"note\":\"<b> & \\\"quotes\\\"\",\"seed\":7}");
        return new Report(Provenance.now(Corpus.of("a <corpus>", "text"), settings), results);
    }

    private static VariantResult result(String name, int i) {
        List<Double> losses = new ArrayList<>();
        List<History.Point> evaluations = new ArrayList<>();
        for (int step = 0; step <= 400; step++) {
            losses.add(1.6 + 0.02 * i + 2.9 * Math.exp(-step / 60.0));
            if (step % 25 == 0) {
                evaluations.add(new History.Point(step, losses.getLast()));
            }
        }
        List<LengthPoint> lengths = new ArrayList<>();
        for (int n = 64; n <= 2048; n *= 2) {
            lengths.add(
                    new LengthPoint(
                            n,
                            5e4 / (1 + n * (1 + i) / 4000.0),
                            900.0 - 10 * i,
                            1_000_000L + n * 9000L * (1 + i),
                            n * 4096L));
        }
        double loss = 1.62 + 0.02 * i;
        return new VariantResult(
                name,
                "Summary of " + name,
                "mha · rope · glu",
                804_096 - 1000L * i,
                loss,
                loss / Math.log(2),
                21_000 + 800 * i,
                60_000,
                900.0,
                (double) (4096 >> i % 3),
                90_000_000,
                i % 2 == 0 ? new Pairs(8256, 1) : null,
                losses,
                evaluations,
                lengths);
    }

    @Test
    void thePageStandsAlone() {
        report("mha", "gqa").write(directory);
        String page = read("report.html");
        assertThat(page)
                .startsWith("<!doctype html>")
                .contains("mha", "gqa", "prefers-color-scheme: dark")
                .doesNotContain("{{", "<script", "src=", "@import", "url(", "http:", "https:");
    }

    @Test
    void textOfOthersIsEscaped() {
        report("mha").write(directory);
        assertThat(read("report.html"))
                .contains("a &lt;corpus&gt;", "&lt;b&gt; &amp; &quot;quotes&quot;")
                .doesNotContain("<corpus>");
    }

    @Test
    void everyArtefactOfTextSaysWhereItComesFrom() throws IOException {
        Report report = report("mha", "gqa");
        report.write(directory);
        JsonNode json = new ObjectMapper().readTree(directory.resolve("results.json").toFile());
        JsonNode provenance = json.get("provenance");
        assertThat(provenance.get("corpus").get("sha256").asText()).hasSize(64);
        assertThat(provenance.get("settings").get("seed").asInt()).isEqualTo(7);
        assertThat(provenance.get("environment").get("heddle").asText()).isNotEmpty();
        assertThat(json.get("results").get(1).get("variant").asText()).isEqualTo("gqa");
        assertThat(read("report.html")).contains(report.provenance().corpusHash());
    }

    @Test
    void everyChartIsAPictureWithItsProvenanceInside() throws IOException {
        report("mha", "gqa").write(directory);
        for (Chart chart : Charts.of(report("mha").results())) {
            Path file = directory.resolve(chart.id() + ".png");
            BufferedImage image = ImageIO.read(file.toFile());
            assertThat(image.getWidth()).isGreaterThan(600);
            assertThat(new String(Files.readAllBytes(file), java.nio.charset.StandardCharsets.ISO_8859_1))
                    .contains("a <corpus>");
        }
    }

    @Test
    void moreVariantsThanColoursAreStillApart() {
        String[] names = Stream.iterate(0, i -> i + 1).limit(12).map(i -> "v" + i).toArray(String[]::new);
        report(names).write(directory);
        assertThat(read("report.html")).contains(".c9 polyline,.c9 line{stroke-dasharray");
    }

    @Test
    void theTableMarksTheBestOfEachColumn() {
        String table = report("mha", "gqa").table();
        assertThat(table.lines().toList())
                .hasSize(4)
                .allMatch(line -> line.length() == table.lines().findFirst().orElseThrow().length());
        assertThat(table.lines().toList().get(2)).startsWith("mha").contains("1.6200*").doesNotContain("21,000*");
    }

    @Test
    void pairsThatTheContentDecidesAreADash() {
        Report report = report("mha", "gqa");
        assertThat(report.table().lines().toList().get(2)).contains("  8,256 ", "  100.0 ");
        assertThat(report.table().lines().toList().get(3)).contains("  – ");
        assertThat(report.json()).contains("\"pairs\" : null", "\"shareOfCausal\" : 1.0");
        report.write(directory);
        assertThat(read("report.html")).contains("<td>8,256</td>", "<td>–</td>");
    }

    @Test
    void aFolderThatCannotBeMadeIsRefused() throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        assertThatThrownBy(() -> report("mha").write(file.resolve("sub")))
                .isInstanceOf(HeddleException.class)
                .hasMessageContaining("cannot be made");
    }

    @Test
    void ticksAreRoundAndInside() {
        assertThat(new Scale(1.57, 2.62, false, 0, 100).ticks())
                .hasSizeBetween(4, 8)
                .allMatch(t -> t >= 1.57 && t <= 2.62);
        assertThat(new Scale(0.9, 1100, true, 0, 100).ticks()).containsExactly(1.0, 10.0, 100.0, 1000.0);
        assertThat(Scale.label(20_000)).isEqualTo("20k");
        assertThat(Scale.label(1.5)).isEqualTo("1.5");
    }

    private String read(String name) {
        try {
            return Files.readString(directory.resolve(name));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
