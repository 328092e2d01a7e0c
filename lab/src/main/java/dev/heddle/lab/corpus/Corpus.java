package dev.heddle.lab.corpus;

import dev.heddle.core.error.InputException;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/// A text to train on.
///
/// @param name what the user called it: a built-in name or a file
/// @param text the text, not empty
/// @param hash SHA-256 of the text in UTF-8, in hexadecimal: of a file, the hash of its bytes
public record Corpus(String name, String text, String hash) {
    /// The built-in corpus: see [Europarl].
    public static final String DEFAULT = "europarl-en";

    /// @throws InputException if the text is empty
    public Corpus {
        if (text.isEmpty()) {
            throw new InputException("corpus: '" + name + "' is empty; give a text file or '" + DEFAULT + "'");
        }
    }

    /// A text by itself.
    ///
    /// @throws InputException if the text is empty
    public static Corpus of(String name, String text) {
        return new Corpus(name, text, hash(text));
    }

    /// The built-in corpus of this name, or else the UTF-8 text file at this path.
    ///
    /// @throws InputException if there is neither, or the file is empty or not text
    public static Corpus load(String nameOrFile) {
        return nameOrFile.equals(DEFAULT) ? of(DEFAULT, Europarl.english()) : of(nameOrFile, read(Path.of(nameOrFile)));
    }

    private static String read(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new InputException("corpus: '" + file + "' is not a file; give a text file or '" + DEFAULT + "'");
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(Files.readAllBytes(file))).toString();
        } catch (CharacterCodingException e) {
            throw new InputException("corpus: '" + file + "' is not UTF-8 text; convert it, for example with iconv", e);
        } catch (IOException e) {
            throw new InputException("corpus: '" + file + "' cannot be read (" + e + ")", e);
        }
    }

    private static String hash(String text) {
        try {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
