package dev.heddle.lab;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.file.AtomicFile;
import dev.heddle.lab.environment.Version;
import dev.heddle.lab.picture.PatternPanels;
import dev.heddle.lab.picture.PatternPicture;
import dev.heddle.lab.picture.PatternView;
import dev.heddle.lab.picture.Png;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

import java.awt.image.BufferedImage;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;

/// Draws a variant's attention pattern.
@Command(
        name = "show",
        description = {
            "Draw the attention pattern of a variant as a PNG.",
            "Left the pairs that a head allows, query down, key to the right, on the tiles that a kernel would skip, mask"
                    + " or take whole; heads that differ side by side. Right the layer in which a query first sees a"
                    + " key. The variant is built from its first example that fits."
        },
        footer = {"", "Example: heddle show local --n 128 --set window=8 causal=false --layers 6 --out local.png"},
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class ShowCommand implements Runnable {
    private static final int SHORTEST = 8;
    private static final int LONGEST = 512;
    private static final int MOST_LAYERS = 64;

    @Spec private CommandSpec spec;

    @Parameters(paramLabel = "ID", description = "See 'heddle variants'.")
    private String id;

    @Option(names = "--n", defaultValue = "64", description = "Tokens, 8 to 512. Default: ${DEFAULT-VALUE}.")
    private int n;

    @Option(
            names = "--set",
            arity = "1..*",
            paramLabel = "KEY=VALUE",
            description = "Settings in place of the example's, JSON or text; 'heddle variants --json' lists them.")
    private Map<String, String> settings = new LinkedHashMap<>();

    @Option(names = "--head", paramLabel = "H", description = "Show only this one, from 0. Default: all.")
    private @Nullable Integer head;

    @Option(
            names = "--layers",
            paramLabel = "L",
            defaultValue = "4",
            description = "Layers to look through, 1 to 64. Default: ${DEFAULT-VALUE}.")
    private int layers;

    @Option(names = "--out", paramLabel = "FILE", required = true, description = "The PNG to write.")
    private Path out;

    @Override
    public void run() {
        check("n", n, SHORTEST, LONGEST);
        check("layers", layers, 1, MOST_LAYERS);
        if (Files.isDirectory(out)) {
            throw new HeddleException("out: '" + out + "' is a folder; give the name of a PNG in it");
        }
        Path folder = out.toAbsolutePath().getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw new HeddleException("out: the folder of '" + out + "' is not there; make it or choose another --out");
        }
        PatternView view = PatternView.of(Catalog.load().variant(id), values(), n);
        OptionalInt only = head == null ? OptionalInt.empty() : OptionalInt.of(head);
        PatternPanels panels = new PatternPanels(view, only, layers);
        String provenance = new Version().getVersion()[0] + ": " + command();
        BufferedImage picture = new PatternPicture(view, panels).paint(provenance);
        AtomicFile.write(out, channel -> Png.write(picture, provenance, channel));
        PrintWriter result = spec.commandLine().getOut();
        result.println(panels.figures());
        result.println(out);
        result.flush();
    }

    // All that the picture depends on.
    private String command() {
        String text = "show " + id + " --n " + n;
        text += settings.isEmpty() ? "" : " --set";
        for (var setting : settings.entrySet()) {
            text += " " + setting.getKey() + "=" + setting.getValue();
        }
        return text + (head == null ? "" : " --head " + head) + " --layers " + layers;
    }

    private static void check(String name, int value, int least, int most) {
        if (value < least || value > most) {
            throw new ConfigException(name + ": " + value + " is out of range; use " + least + " to " + most);
        }
    }

    private Map<String, @Nullable Object> values() {
        Map<String, @Nullable Object> values = new LinkedHashMap<>();
        settings.forEach((key, text) -> values.put(key, value(text)));
        return values;
    }

    private static @Nullable Object value(String text) {
        try {
            return new ObjectMapper().readValue(text, Object.class);
        } catch (JsonProcessingException notJson) {
            return text;
        }
    }
}
