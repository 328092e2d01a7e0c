package dev.heddle.lab;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

import javax.imageio.ImageIO;

class ShowCommandTest {
    private static final int FULL_PAIR = 0x0072B2;
    private static final int PARTIAL_PAIR = 0xE08214;
    private static final int FIRST_LAYER = 0x440154;
    private static final int LAST_LAYER = 0xFDE725;

    @TempDir Path directory;

    private Run show(String... arguments) {
        List<String> all = new ArrayList<>(List.of("show"));
        all.addAll(List.of(arguments));
        all.addAll(List.of("--out", picture().toString()));
        return Run.heddle(all.toArray(String[]::new));
    }

    private Path picture() {
        return directory.resolve("pattern.png");
    }

    private BufferedImage image() {
        try {
            return ImageIO.read(picture().toFile());
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static long pixels(BufferedImage image, int colour) {
        return IntStream.range(0, image.getHeight())
                .mapToLong(
                        y ->
                                IntStream.range(0, image.getWidth())
                                        .filter(x -> (image.getRGB(x, y) & 0xFFFFFF) == colour)
                                        .count())
                .sum();
    }

    @Test
    void pairsAndReachAreSaidInNumbers() {
        Run run = show("local", "--n", "10", "--set", "window=2", "causal=true", "--layers", "2");
        assertThat(run.err()).isEmpty();
        assertThat(run.code()).isZero();
        // Two neighbours before and oneself: 10 + 9 + 8 of 100, of 55; twice that far: 10 + 9 + 8 + 7 + 6.
        assertThat(run.out())
                .contains("27 pairs: 27 % of all, 49 % of causal", "layer by layer 49 %, 73 % of causal")
                .endsWith(picture() + System.lineSeparator());
    }

    @Test
    void everyPairIsACellInTheColourOfItsTile() {
        assertThat(show("mha", "--n", "16", "--layers", "1").code()).isZero();
        BufferedImage image = image();
        int cell = 55 - 4;
        int swatch = 26 * 26 / 2;
        assertThat(pixels(image, FULL_PAIR)).as("one tile below the diagonal").isEqualTo(64 * cell * cell + swatch);
        // The grid of tiles darkens no cell: it lies in the seams.
        assertThat(pixels(image, PARTIAL_PAIR)).isEqualTo(2 * 36 * cell * cell + swatch);
        assertThat(pixels(image, FIRST_LAYER)).isEqualTo(136 * cell * cell + 26 * 26);
    }

    @Test
    void laterLayersSeeFurther() {
        assertThat(show("local", "--n", "32", "--set", "window=1", "--layers", "3").code()).isZero();
        BufferedImage image = image();
        assertThat(pixels(image, FIRST_LAYER)).isPositive();
        assertThat(pixels(image, LAST_LAYER)).isPositive();
        assertThat(show("local", "--n", "32", "--set", "window=31", "--layers", "3").code()).isZero();
        assertThat(pixels(image(), LAST_LAYER)).as("only the legend").isEqualTo(26 * 26);
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 37, 128, 512})
    void picturesOfAnyLengthHaveASizeToLookAt(int n) {
        assertThat(show("local", "--n", String.valueOf(n)).code()).isZero();
        assertThat(image().getWidth()).isBetween(1500, 2600);
        assertThat(image().getHeight()).isBetween(900, 1800);
    }

    @Test
    void windowsOfLongformerDifferByHead() {
        Run run = show("longformer", "--n", "16", "--set", "window=2", "num_heads=2", "dilation=[1,3]");
        assertThat(run.err()).isEmpty();
        assertThat(run.out()).contains("Pairs of head 0", "Pairs of head 1", "Reach of all heads");
    }

    @Test
    void thePictureSaysInsideHowItWasMade() throws IOException {
        show("local", "--set", "window=3", "--head", "1");
        assertThat(new String(Files.readAllBytes(picture()), StandardCharsets.ISO_8859_1))
                .contains("show local --n 64 --set window=3 --head 1 --layers 4");
    }

    @Test
    void settingsAreJsonOrText() {
        assertThat(show("gqa", "--set", "rope_theta=100.0", "rope_style=interleaved").code()).isZero();
        assertThat(show("gqa", "--set", "rope_theta=100.0", "--set", "rope_style=\"sideways\"").err())
                .contains("rope_style: 'sideways' is not known");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "locl | variant: 'locl' is not known; the nearest is 'local'",
                "flash | show: 'flash' has no pattern that is the same for all texts; mha, ",
                "rope | local",
                "local --n 7 | n: 7 is out of range; use 8 to 512",
                "local --n 513 | n: 513 is out of range; use 8 to 512",
                "local --layers 0 | layers: 0 is out of range; use 1 to 64",
                "local --head 3 | head: 3 of 3 heads; use 0 to 2",
                "local --head -1 | head: -1 of 3 heads; use 0 to 2",
                "local --set windw=3 | local: config key 'windw' is not known; the nearest is 'window'",
                "local --set window=-3 | window: -3 is negative",
                "local --set window | KEY=VALUE",
                "local --set window={ | config: 'window' is {; it must be a whole number",
                "local --set window=[1 | config: 'window' is [1; it must be a whole number",
                "reformer | show: 'reformer' has no pattern",
                "local --n many | 'many'",
            })
    void whatCannotBeShownIsOneLineAndTwo(String arguments, String message) {
        Run run = show(arguments.split(" "));
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).startsWith("heddle: ").contains(message).hasLineCount(1);
        assertThat(picture()).doesNotExist();
    }

    @Test
    void aFolderInPlaceOfThePictureIsNamed() {
        Run run = Run.heddle("show", "local", "--out", directory.toString());
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err())
                .isEqualToIgnoringNewLines(
                        "heddle: out: '" + directory + "' is a folder; give the name of a PNG in it");
    }

    @Test
    void aFolderThatIsNotThereIsRefused() {
        Run run = Run.heddle("show", "local", "--out", directory.resolve("none/pattern.png").toString());
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err()).contains("out: the folder of").hasLineCount(1);
    }
}
