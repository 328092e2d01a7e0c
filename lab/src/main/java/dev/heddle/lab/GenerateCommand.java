package dev.heddle.lab;

import dev.heddle.core.error.ConfigException;
import dev.heddle.core.error.FileFormatException;
import dev.heddle.core.error.InputException;
import dev.heddle.core.tensor.Seed;
import dev.heddle.models.DecoderStack;
import dev.heddle.models.Generator;
import dev.heddle.models.Sampling;
import dev.heddle.models.checkpoint.Checkpoint;
import dev.heddle.models.checkpoint.Llama2cCheckpoint;
import dev.heddle.models.tokenizer.Llama2cTokenizer;
import dev.heddle.models.tokenizer.TextStream;
import dev.heddle.models.tokenizer.Tokenizer;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;

/// Continues a text with a trained model.
@Command(
        name = "generate",
        description = "Continue a text: the prompt and what follows go to standard output as they come.",
        mixinStandardHelpOptions = true)
final class GenerateCommand implements Runnable {
    @Spec private CommandSpec spec;

    @Option(
            names = "--checkpoint",
            required = true,
            paramLabel = "FILE",
            description = "model.safetensors of 'heddle train', or a model file of llama2.c such as stories260K.bin.")
    private Path checkpoint;

    @Option(
            names = "--tokenizer",
            paramLabel = "FILE",
            description = "Vocabulary file of llama2.c such as tok512.bin; our own checkpoints bring their own.")
    private @Nullable Path tokenizer;

    @Option(names = "--prompt", paramLabel = "TEXT", defaultValue = "", description = "What to continue.")
    private String prompt;

    @Option(
            names = "--tokens",
            paramLabel = "N",
            defaultValue = "200",
            description =
                    "How many to generate at most. Beyond the longest text that the model takes, each follows from the"
                            + " last that fit. Default: ${DEFAULT-VALUE}.")
    private int tokens;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            defaultValue = "0.8",
            description = "0 always takes the likeliest token, 1 draws by probability. Default: ${DEFAULT-VALUE}.")
    private double temperature;

    @Option(
            names = "--top-k",
            paramLabel = "K",
            defaultValue = "0",
            description = "Draw from the K likeliest tokens only; 0 for all. Default: ${DEFAULT-VALUE}.")
    private int topK;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            defaultValue = "1.0",
            description = "Draw from the likeliest tokens that reach this probability. Default: ${DEFAULT-VALUE}.")
    private double topP;

    @Option(
            names = "--seed",
            paramLabel = "S",
            defaultValue = "1337",
            description = "The same seed draws the same text. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Override
    public void run() {
        Sampling sampling = new Sampling(temperature, topK, topP);
        if (tokens < 0) {
            throw new ParameterException(spec.commandLine(), "--tokens: " + tokens + " is less than 0; use 0 or more");
        }
        requireFile("checkpoint", checkpoint);
        requireFile("tokenizer", tokenizer);
        Loaded loaded = isSafetensors(checkpoint) ? own() : llama2c();
        write(loaded, new Generator(loaded.model, sampling, Seed.of(seed)));
    }

    private record Loaded(DecoderStack model, Tokenizer tokenizer) {}

    private void requireFile(String option, @Nullable Path file) {
        if (file != null && !Files.isRegularFile(file)) {
            throw new ParameterException(spec.commandLine(), "--" + option + ": '" + file + "' is not a file");
        }
    }

    // A safetensors file begins with the length of its header, 8 bytes, and the header is a JSON object.
    private static boolean isSafetensors(Path file) {
        try (var in = Files.newInputStream(file)) {
            byte[] start = in.readNBytes(9);
            if (start.length == 0) {
                throw new FileFormatException(file + ": is empty; give a model that was saved whole");
            }
            return start.length == 9 && start[8] == '{';
        } catch (IOException e) {
            throw new FileFormatException(file + ": cannot be read (" + e + ")", e);
        }
    }

    private Loaded own() {
        Checkpoint saved = Checkpoint.load(checkpoint);
        Tokenizer own =
                tokenizer == null
                        ? saved.tokenizer()
                                .orElseThrow(
                                        () ->
                                                new ConfigException(
                                                        "tokenizer: "
                                                                + checkpoint
                                                                + " brings none; give one with --tokenizer FILE"))
                        : Llama2cTokenizer.read(tokenizer);
        return new Loaded(saved.model(), own);
    }

    private Loaded llama2c() {
        if (tokenizer == null) {
            throw new ConfigException(
                    "tokenizer: "
                            + checkpoint
                            + " is no checkpoint of 'heddle train'; a model file of llama2.c brings none, give its"
                            + " vocabulary with --tokenizer FILE");
        }
        return new Loaded(Llama2cCheckpoint.load(checkpoint), Llama2cTokenizer.read(tokenizer));
    }

    private void write(Loaded loaded, Generator generator) {
        if (loaded.tokenizer.vocabularySize() != loaded.model.vocabulary()) {
            throw new ConfigException(
                    "tokenizer: it has "
                            + loaded.tokenizer.vocabularySize()
                            + " tokens, the model "
                            + loaded.model.vocabulary()
                            + "; give the one that the model was trained with");
        }
        PrintWriter out = spec.commandLine().getOut();
        TextStream text = new TextStream(loaded.tokenizer);
        int[] ids = loaded.tokenizer.encode(prompt);
        if (ids.length == 0) {
            throw new InputException("prompt: it is empty; give the text to continue with --prompt TEXT");
        }
        for (int id : ids) {
            out.print(text.append(id));
        }
        generator.generate(
                ids,
                tokens,
                token -> {
                    if (loaded.tokenizer.endsText(token)) {
                        return false;
                    }
                    out.print(text.append(token));
                    out.flush();
                    return true;
                });
        out.println(text.end());
    }
}
