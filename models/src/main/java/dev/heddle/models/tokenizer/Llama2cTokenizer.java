package dev.heddle.models.tokenizer;

import dev.heddle.core.error.FileFormatException;
import dev.heddle.core.error.InputException;

import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/// A SentencePiece BPE vocabulary in the file form of karpathy/llama2.c: `int32` longest token, then for every token
/// `float32` score, `int32` length and its bytes, until the end of the file.
///
/// Ids: 0 unknown, 1 beginning, 2 end, 3..258 the bytes 0..255 (written `<0x00>` …), then words. A text is split into its
/// characters, with a space in front; a character without a token becomes its bytes. Then the neighbours whose joint
/// token has the highest score are merged, the leftmost first among equals, until none can be.
public final class Llama2cTokenizer implements Tokenizer {
    /// Marks the beginning of a text.
    public static final int BEGIN = 1;

    /// Marks the end of a text.
    public static final int END = 2;

    private static final int FIRST_BYTE = 3;
    private static final int BYTES = 256;
    private static final long MAX_FILE_BYTES = 1L << 28;

    // Bytes as characters of the same number: a key that can be hashed and joined.
    private final List<String> pieces;
    private final float[] scores;
    private final Map<String, Integer> ids = new HashMap<>();

    private Llama2cTokenizer(List<String> pieces, float[] scores) {
        this.pieces = pieces;
        this.scores = scores;
        for (int id = 0; id < pieces.size(); id++) {
            ids.putIfAbsent(pieces.get(id), id);
        }
    }

    /// Reads a file.
    ///
    /// @throws FileFormatException if it is absent, truncated or no such file
    public static Llama2cTokenizer read(Path path) {
        try {
            if (!Files.isRegularFile(path)) {
                throw refusal(path, Files.exists(path) ? "is not a regular file" : "does not exist");
            }
            if (Files.size(path) > MAX_FILE_BYTES) {
                throw refusal(path, "is larger than " + MAX_FILE_BYTES + " bytes");
            }
            return parse(path, ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN));
        } catch (IOException e) {
            throw new FileFormatException(path + ": cannot be read (" + e + "); check the path and its permissions", e);
        }
    }

    private static Llama2cTokenizer parse(Path path, ByteBuffer file) {
        List<String> pieces = new ArrayList<>();
        List<Float> scores = new ArrayList<>();
        try {
            int longest = file.getInt();
            while (file.hasRemaining()) {
                scores.add(file.getFloat());
                int length = file.getInt();
                if (length < 0 || length > longest || length > file.remaining()) {
                    throw refusal(
                            path,
                            "token "
                                    + pieces.size()
                                    + " claims "
                                    + length
                                    + " bytes, at most "
                                    + longest
                                    + " by its own"
                                    + " header and "
                                    + file.remaining()
                                    + " left");
                }
                byte[] bytes = new byte[length];
                file.get(bytes);
                pieces.add(new String(bytes, StandardCharsets.ISO_8859_1));
            }
        } catch (BufferUnderflowException e) {
            throw new FileFormatException(
                    path + ": ends in the middle of token " + pieces.size() + "; download the file again", e);
        }
        check(path, pieces, scores);
        float[] array = new float[scores.size()];
        for (int i = 0; i < array.length; i++) {
            array[i] = scores.get(i);
        }
        return new Llama2cTokenizer(List.copyOf(pieces), array);
    }

    private static void check(Path path, List<String> pieces, List<Float> scores) {
        if (pieces.size() < FIRST_BYTE + BYTES) {
            throw refusal(path, "holds " + pieces.size() + " tokens, fewer than 3 marks and 256 bytes");
        }
        for (int value = 0; value < BYTES; value++) {
            String piece = pieces.get(FIRST_BYTE + value);
            if (!piece.equals("<0x%02X>".formatted(value))) {
                throw refusal(path, "token " + (FIRST_BYTE + value) + " is not that of byte " + value);
            }
        }
        for (int id = 0; id < scores.size(); id++) {
            if (Float.isNaN(scores.get(id))) {
                throw refusal(path, "the score of token " + id + " is not a number");
            }
        }
    }

    private static FileFormatException refusal(Path path, String found) {
        return new FileFormatException(path + ": " + found + "; give a tokenizer file of llama2.c, such as tok512.bin");
    }

    @Override
    public int vocabularySize() {
        return pieces.size();
    }

    @Override
    public int[] encode(String text) {
        byte[] bytes = Tokenizer.utf8(text);
        int[] tokens = new int[bytes.length + 2];
        int count = 0;
        tokens[count++] = BEGIN;
        if (bytes.length > 0) {
            tokens[count++] = ids.getOrDefault(" ", FIRST_BYTE + ' ');
        }
        for (int from = 0; from < bytes.length; ) {
            int to = from + 1;
            while (to < bytes.length && (bytes[to] & 0xC0) == 0x80) {
                to++;
            }
            Integer id = ids.get(new String(bytes, from, to - from, StandardCharsets.ISO_8859_1));
            if (id != null) {
                tokens[count++] = id;
            } else {
                for (int i = from; i < to; i++) {
                    tokens[count++] = FIRST_BYTE + (bytes[i] & 0xFF);
                }
            }
            from = to;
        }
        return merge(Arrays.copyOf(tokens, count));
    }

    // A queue of possible merges instead of a scan for each: the same choices in O(n log n).
    private int[] merge(int[] tokens) {
        int[] next = new int[tokens.length];
        int[] previous = new int[tokens.length];
        for (int i = 0; i < tokens.length; i++) {
            next[i] = i + 1;
            previous[i] = i - 1;
        }
        var queue = new PriorityQueue<Merge>();
        for (int i = 0; i + 1 < tokens.length; i++) {
            offer(queue, tokens, i, i + 1);
        }
        for (Merge merge = queue.poll(); merge != null; merge = queue.poll()) {
            int left = merge.left;
            int right = next[left];
            if (tokens[left] != merge.leftToken || right >= tokens.length || tokens[right] != merge.rightToken) {
                continue;
            }
            tokens[left] = merge.token;
            tokens[right] = -1;
            next[left] = next[right];
            if (next[left] < tokens.length) {
                previous[next[left]] = left;
                offer(queue, tokens, left, next[left]);
            }
            if (previous[left] >= 0) {
                offer(queue, tokens, previous[left], left);
            }
        }
        return Arrays.stream(tokens).filter(token -> token >= 0).toArray();
    }

    private void offer(PriorityQueue<Merge> queue, int[] tokens, int left, int right) {
        Integer token = ids.get(pieces.get(tokens[left]) + pieces.get(tokens[right]));
        if (token != null) {
            queue.add(new Merge(scores[token], left, tokens[left], tokens[right], token));
        }
    }

    /// A merge that was possible when it was queued: of the token at place `left` and the one after it.
    private record Merge(float score, int left, int leftToken, int rightToken, int token) implements Comparable<Merge> {
        @Override
        public int compareTo(Merge other) {
            int byScore = Float.compare(other.score, score);
            return byScore != 0 ? byScore : Integer.compare(left, other.left);
        }
    }

    @Override
    public byte[] bytes(int previous, int token) {
        if (token < 0 || token >= pieces.size()) {
            throw new InputException("token: " + token + " is outside the vocabulary; use 0.." + (pieces.size() - 1));
        }
        if (token == BEGIN || token == END) {
            return new byte[0];
        }
        if (token >= FIRST_BYTE && token < FIRST_BYTE + BYTES) {
            return new byte[] {(byte) (token - FIRST_BYTE)};
        }
        String piece = pieces.get(token);
        boolean dropSpace = previous == BEGIN && piece.startsWith(" ");
        return (dropSpace ? piece.substring(1) : piece).getBytes(StandardCharsets.ISO_8859_1);
    }

    @Override
    public boolean endsText(int token) {
        return token == BEGIN || token == END;
    }
}
