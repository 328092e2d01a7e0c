package dev.heddle.models.tokenizer;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/// Tokens to text as they come: a character appears when its last byte has come, and never in pieces.
public final class TextStream {
    private static final int LONGEST_CHARACTER = 4;

    private final Tokenizer tokenizer;
    private final CharsetDecoder decoder =
            StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPLACE)
                    .onUnmappableCharacter(CodingErrorAction.REPLACE);
    private byte[] waiting = new byte[0];
    private int previous = -1;

    public TextStream(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /// The text that this token completes; often empty, if it is a part of a character.
    public String append(int token) {
        byte[] fresh = tokenizer.bytes(previous, token);
        previous = token;
        ByteBuffer bytes = ByteBuffer.allocate(waiting.length + fresh.length).put(waiting).put(fresh).flip();
        return decode(bytes, false);
    }

    /// What is left at the end: U+FFFD if a character stayed incomplete.
    public String end() {
        String text = decode(ByteBuffer.wrap(waiting), true);
        decoder.reset();
        previous = -1;
        return text;
    }

    private String decode(ByteBuffer bytes, boolean last) {
        CharBuffer characters = CharBuffer.allocate(bytes.remaining() + LONGEST_CHARACTER);
        decoder.decode(bytes, characters, last);
        if (last) {
            decoder.flush(characters);
        }
        waiting = new byte[bytes.remaining()];
        bytes.get(waiting);
        return characters.flip().toString();
    }
}
