package dev.heddle.lab.corpus;

import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/// Keeps the alphabet of a character-level model small: a text with a large one (every emoji of a chat log, say) would
/// spend its parameters on characters that occur once.
public final class Alphabet {
    /// Stands for every character that is not kept: U+FFFD, the replacement character.
    public static final int UNKNOWN = 0xFFFD;

    private Alphabet() {}

    /// The text itself if it has at most `limit` distinct characters (code points), else the text with all but the
    /// `limit − 1` most frequent replaced by [#UNKNOWN].
    public static String limit(String text, int limit) {
        Map<Integer, Long> counts = new HashMap<>();
        text.codePoints().forEach(c -> counts.merge(c, 1L, Long::sum));
        if (counts.size() <= limit) {
            return text;
        }
        // Ties go to the lower code point, so that the choice depends on the text alone.
        Comparator<Map.Entry<Integer, Long>> byCount = Map.Entry.comparingByValue(Comparator.reverseOrder());
        Set<Integer> kept =
                counts.entrySet().stream()
                        .filter(entry -> entry.getKey() != UNKNOWN)
                        .sorted(byCount.thenComparing(Map.Entry.comparingByKey()))
                        .limit(limit - 1L)
                        .map(Map.Entry::getKey)
                        .collect(Collectors.toSet());
        return text.codePoints()
                .map(c -> kept.contains(c) ? c : UNKNOWN)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
    }
}
