package dev.heddle.core.file;

import dev.heddle.core.error.FileFormatException;

/// The file that messages are about.
record Source(String name) {
    private static final int QUOTED_LENGTH = 80;

    static final String BROKEN = "write or download the file again";

    FileFormatException refusal(String found, String remedy) {
        return new FileFormatException(message(found, remedy));
    }

    FileFormatException refusal(String found, String remedy, Throwable cause) {
        return new FileFormatException(message(found, remedy), cause);
    }

    private String message(String found, String remedy) {
        return name + ": " + found + "; " + remedy;
    }

    /// `text` in quotes, fit for a one-line message: short and without control characters, whatever the file held.
    static String quoted(String text) {
        return "'" + printable(text) + "'";
    }

    /// `text` cut to a line's length, with control characters and half surrogate pairs shown as `?`.
    static String printable(String text) {
        var line = new StringBuilder();
        text.codePoints().limit(QUOTED_LENGTH).map(Source::visible).forEach(line::appendCodePoint);
        return text.codePointCount(0, text.length()) > QUOTED_LENGTH ? line.append('…').toString() : line.toString();
    }

    private static int visible(int codePoint) {
        return switch (Character.getType(codePoint)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR ->
                    '?';
            default -> codePoint;
        };
    }
}
