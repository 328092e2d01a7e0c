package dev.heddle.core.file;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;

import dev.heddle.core.error.FileFormatException;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/// Reads the JSON of a safetensors header token by token, so that a hostile one costs no more memory than the names and
/// shapes it truly holds, and those are limited.
final class HeaderParser implements AutoCloseable {
    /// Several times the tensors of the largest published models, which come in many files.
    static final int MAX_TENSORS = 200_000;

    static final int MAX_METADATA = 10_000;
    static final int MAX_RANK = 32;

    private static final int MAX_NAME = 10_000;
    private static final int MAX_NESTING = 8;
    private static final int MAX_DIGITS = 20;

    /// Names are not pooled: they are untrusted and read once.
    private static final JsonFactory JSON =
            JsonFactory.builder()
                    .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                    .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxNestingDepth(MAX_NESTING)
                                    .maxNameLength(MAX_NAME)
                                    .maxNumberLength(MAX_DIGITS)
                                    .build())
                    .build();

    private final Source source;
    private final JsonParser json;

    private HeaderParser(Source source, InputStream utf8) throws IOException {
        this.source = source;
        // Decoded here because Jackson lets some malformed UTF-8 pass, and guesses UTF-16 and UTF-32.
        var decoder =
                StandardCharsets.UTF_8
                        .newDecoder()
                        .onMalformedInput(CodingErrorAction.REPORT)
                        .onUnmappableCharacter(CodingErrorAction.REPORT);
        this.json = JSON.createParser(new InputStreamReader(utf8, decoder));
    }

    /// @throws FileFormatException if the bytes are not the JSON of a safetensors header
    static Header parse(Source source, InputStream utf8) {
        try (var parser = new HeaderParser(source, utf8)) {
            return parser.header();
        } catch (CharacterCodingException e) {
            throw source.refusal("the header is not valid UTF-8", Source.BROKEN, e);
        } catch (JsonProcessingException e) {
            throw source.refusal(
                    "the header is not valid JSON (" + Source.printable(e.getOriginalMessage()) + ")",
                    Source.BROKEN,
                    e);
        } catch (IOException e) {
            throw source.refusal("the header cannot be read (" + e.getMessage() + ")", Source.BROKEN, e);
        }
    }

    private Header header() throws IOException {
        Map<String, String> metadata = Map.of();
        var slots = new LinkedHashMap<String, Header.Slot>();
        expect(json.nextToken(), JsonToken.START_OBJECT, "the header");
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String name = unicode(json.currentName());
            json.nextToken();
            if (name.equals(Header.METADATA)) {
                metadata = metadata();
            } else {
                slots.put(name, slot(name));
                limit(slots.size(), MAX_TENSORS, "the header lists", "tensors");
            }
        }
        if (json.nextToken() != null) {
            throw source.refusal("the header goes on after its closing brace", "pad it with spaces only");
        }
        return new Header(metadata, Collections.unmodifiableSequencedMap(slots));
    }

    private Map<String, String> metadata() throws IOException {
        var metadata = new LinkedHashMap<String, String>();
        expect(json.currentToken(), JsonToken.START_OBJECT, Header.METADATA);
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String key = unicode(json.currentName());
            expect(json.nextToken(), JsonToken.VALUE_STRING, Header.METADATA + " " + Source.quoted(key));
            metadata.put(key, unicode(json.getText()));
            limit(metadata.size(), MAX_METADATA, Header.METADATA + " holds", "values");
        }
        return Collections.unmodifiableMap(metadata);
    }

    private Header.Slot slot(String name) throws IOException {
        String subject = "tensor " + Source.quoted(name);
        String type = null;
        List<Long> shape = null;
        List<Long> offsets = null;
        expect(json.currentToken(), JsonToken.START_OBJECT, subject);
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String key = json.currentName();
            String field = subject + ", " + Source.quoted(key);
            json.nextToken();
            switch (key) {
                case "dtype" -> {
                    expect(json.currentToken(), JsonToken.VALUE_STRING, field);
                    type = json.getText();
                }
                case "shape" -> shape = numbers(field);
                case "data_offsets" -> offsets = numbers(field);
                default ->
                        throw source.refusal(
                                subject + " has an unknown key " + Source.quoted(key),
                                "the keys are dtype, shape and data_offsets");
            }
        }
        if (type == null || shape == null || offsets == null) {
            throw source.refusal(subject + " is incomplete", "it needs dtype, shape and data_offsets");
        }
        return slot(subject, known(subject, type), shape, offsets);
    }

    private StoredType known(String subject, String type) {
        return StoredType.named(type)
                .orElseThrow(
                        () ->
                                source.refusal(
                                        subject + " has the dtype " + Source.quoted(type),
                                        "the known ones are " + Arrays.toString(StoredType.values())));
    }

    private Header.Slot slot(String subject, StoredType type, List<Long> shape, List<Long> offsets) {
        if (offsets.size() != 2 || offsets.getFirst() > offsets.getLast()) {
            throw source.refusal(subject + " has the data_offsets " + offsets, "give a begin and an end not before it");
        }
        long held = offsets.getLast() - offsets.getFirst();
        OptionalLong needed = type.byteSize(shape);
        if (needed.isEmpty()) {
            throw source.refusal(subject + " has the shape " + shape, "its size in bytes must fit 63 bits");
        }
        if (needed.getAsLong() != held) {
            throw source.refusal(
                    subject + " holds " + held + " bytes where " + type + " " + shape + " needs " + needed.getAsLong(),
                    Source.BROKEN);
        }
        return new Header.Slot(type, shape, offsets.getFirst(), offsets.getLast());
    }

    /// A short array of integers from 0 to 2⁶³ − 1.
    private List<Long> numbers(String subject) throws IOException {
        expect(json.currentToken(), JsonToken.START_ARRAY, subject);
        var numbers = new ArrayList<Long>();
        while (json.nextToken() != JsonToken.END_ARRAY) {
            expect(json.currentToken(), JsonToken.VALUE_NUMBER_INT, subject);
            if (json.getNumberType() == JsonParser.NumberType.BIG_INTEGER || json.getLongValue() < 0) {
                throw source.refusal(
                        subject + " holds " + Source.printable(json.getText()),
                        "use integers from 0 to " + Long.MAX_VALUE);
            }
            numbers.add(json.getLongValue());
            limit(numbers.size(), MAX_RANK, subject + " holds", "numbers");
        }
        return List.copyOf(numbers);
    }

    /// JSON can escape half a surrogate pair, which is no text: it has no UTF-8, and others' readers refuse it.
    private String unicode(String text) {
        if (text.codePoints().anyMatch(codePoint -> Character.getType(codePoint) == Character.SURROGATE)) {
            throw source.refusal(
                    "the header's text " + Source.quoted(text) + " has half a surrogate pair", "use valid Unicode");
        }
        return text;
    }

    private void expect(JsonToken found, JsonToken expected, String subject) {
        if (found != expected) {
            throw source.refusal(subject + " is " + describe(found), "it must be " + describe(expected));
        }
    }

    private void limit(int count, int most, String subject, String what) {
        if (count > most) {
            throw source.refusal(subject + " more than " + most + " " + what, "split the file");
        }
    }

    private static String describe(JsonToken token) {
        return switch (token) {
            case START_OBJECT -> "an object";
            case START_ARRAY -> "an array";
            case VALUE_STRING -> "a string";
            case VALUE_NUMBER_INT -> "an integer";
            case VALUE_NUMBER_FLOAT -> "a fraction";
            case VALUE_TRUE, VALUE_FALSE -> "a boolean";
            default -> "null";
        };
    }

    @Override
    public void close() throws IOException {
        json.close();
    }
}
