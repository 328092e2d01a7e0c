package dev.heddle.core.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.FileFormatException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

class SafetensorsRefusalTest {
    @TempDir Path directory;

    /// In each, `entry` is one tensor's object in a file of 8 bytes of data.
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,12]}                     | holds 12 bytes where F32 [2] needs 8",
                "{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}                     | ends at byte 12 of 8 bytes",
                "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}                      | the tensors end at byte 4 of 8",
                "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}                      | begins at byte 4 where",
                "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}                      | has the data_offsets [8, 0]",
                "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4,8]}                    | has the data_offsets [0, 4, 8]",
                "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}                        | has the data_offsets [0]",
                "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}                     | holds -8",
                "{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}                     | holds -2",
                "{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}                    | is a fraction; it must be an integer",
                "{\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]}                  | is a string; it must be an integer",
                "{\"dtype\":\"F32\",\"shape\":[[2]],\"data_offsets\":[0,8]}                    | is an array; it must be an integer",
                "{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}                        | is an integer; it must be an array",
                "{\"dtype\":\"F32\",\"shape\":null,\"data_offsets\":[0,8]}                     | is null; it must be an array",
                "{\"dtype\":32,\"shape\":[2],\"data_offsets\":[0,8]}                           | is an integer; it must be a string",
                "{\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,8]}    | holds 9223372036854775808",
                "{\"dtype\":\"F32\",\"shape\":[99999999999999999999999],\"data_offsets\":[0,8]}| not valid JSON",
                "{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}  | its size in bytes must fit 63 bits",
                "{\"dtype\":\"F32\",\"shape\":[0,4611686018427387904,4],\"data_offsets\":[0,0]}| its size in bytes must fit 63 bits",
                "{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]}                  | the known ones are [F64, F32, F16",
                "{\"dtype\":\"f32\",\"shape\":[2],\"data_offsets\":[0,8]}                      | has the dtype 'f32'",
                "{\"dtype\":\"F32\",\"shape\":[2]}                                             | is incomplete",
                "{\"dtype\":\"F32\",\"data_offsets\":[0,8]}                                    | is incomplete",
                "{\"shape\":[2],\"data_offsets\":[0,8]}                                        | is incomplete",
                "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"extra\":1}          | unknown key 'extra'",
                "{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}    | Duplicate",
                "[]                                                                            | is an array; it must be an object",
                "null                                                                          | is null; it must be an object",
            })
    void aLyingEntryIsRefused(String entry, String found) {
        assertRefused(RawFile.of("{\"t\":" + entry + "}", 8), found);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"__metadata__\":{\"a\":1}}          | is an integer; it must be a string",
                "{\"__metadata__\":{\"a\":null}}       | is null; it must be a string",
                "{\"__metadata__\":{\"a\":{}}}         | is an object; it must be a string",
                "{\"__metadata__\":[]}                 | is an array; it must be an object",
                "{\"__metadata__\":null}               | is null; it must be an object",
                "{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}} | Duplicate",
                "{\"__metadata__\":{},\"__metadata__\":{}}  | Duplicate",
                "{} {}                                 | goes on after its closing brace",
                "{}x                                   | not valid JSON",
                "{                                     | not valid JSON",
                "{\"a                                  | not valid JSON",
                "{\"a\":tru}                           | not valid JSON",
                "{'a':1}                               | not valid JSON",
                "{\"a\":NaN}                           | not valid JSON",
                "{/* no */}                            | not valid JSON",
                "[]                                    | does not begin with a brace",
                "`  {}`                                | does not begin with a brace",
                "``                                    | does not begin with a brace",
            })
    void aHeaderOfAnotherKindIsRefused(String header, String found) {
        assertRefused(RawFile.of(header, 0), found);
    }

    @Test
    void overlapsAreRefused() {
        assertRefused(
                RawFile.of(
                        """
                {"a":{"dtype":"U8","shape":[6],"data_offsets":[0,6]},\
                "b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""",
                        8),
                "'b' begins at byte 4");
        assertRefused(
                RawFile.of(
                        """
                {"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},\
                "b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}""",
                        8),
                "begins at byte 0");
        assertRefused(
                RawFile.of(
                        """
                {"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},\
                "b":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}}""",
                        8),
                "'b' begins at byte 4");
    }

    @Test
    void holesAreRefused() {
        assertRefused(
                RawFile.of(
                        """
                {"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},\
                "b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""",
                        8),
                "ends at 2");
    }

    @Test
    void tensorsMayLieInAnyOrder() {
        try (var file =
                RawFile.open(
                        RawFile.of(
                                """
                {"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]},\
                "none":{"dtype":"F64","shape":[0],"data_offsets":[4,4]},\
                "a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}    """,
                                8))) {
            assertThat(file.entries().keySet()).containsExactly("b", "none", "a");
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {3, 100, 100_000_000, 100_000_001, Long.MAX_VALUE, Long.MIN_VALUE, -1})
    void aHeaderLongerThanTheFileIsRefused(long claimed) {
        assertRefused(RawFile.claiming(claimed, "{}".getBytes(StandardCharsets.UTF_8), new byte[0]), "claims a header");
    }

    @Test
    void everyTruncationIsRefused() {
        byte[] whole = RawFile.of("{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}", 8);
        for (int length = 0; length < whole.length; length++) {
            byte[] part = Arrays.copyOf(whole, length);
            assertThatThrownBy(() -> RawFile.open(part)).as("%d bytes", length).isInstanceOf(FileFormatException.class);
        }
    }

    @Test
    void malformedUtf8IsRefused() {
        byte[] overlong = "{\"__metadata__\":{\"a\":\"??\"}}".getBytes(StandardCharsets.ISO_8859_1);
        overlong[21] = (byte) 0xC0;
        overlong[22] = (byte) 0x80;
        assertRefused(RawFile.of(overlong, new byte[0]), "not valid UTF-8");
        assertRefused(RawFile.of("{\"a\\ud800\":{}}", 0), "half a surrogate pair");
        assertRefused(RawFile.of("{\"__metadata__\":{\"a\":\"\\udc00\\ud800\"}}", 0), "half a surrogate pair");
        assertRefused(RawFile.of("{}".getBytes(StandardCharsets.UTF_16LE), new byte[0]), "not valid JSON");
    }

    @Test
    @Timeout(value = 20, unit = TimeUnit.SECONDS)
    void hugeHeadersAreRefusedBeforeTheyCostMuch() {
        assertRefused(RawFile.of("{\"a\":" + "[".repeat(5_000_000), 0), "is an array");
        assertRefused(RawFile.of("{\"a\":{\"shape\":[" + "1,".repeat(5_000_000), 0), "more than 32 numbers");
        assertRefused(RawFile.of("{\"a\":{\"shape\":[" + "1".repeat(5_000_000), 0), "not valid JSON");
        assertRefused(RawFile.of("{\"" + "a".repeat(5_000_000), 0), "not valid JSON");
        assertRefused(
                RawFile.of(
                        many(
                                "\"%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
                                HeaderParser.MAX_TENSORS + 1),
                        0),
                "more than 200000 tensors");
        assertRefused(
                RawFile.of("{\"__metadata__\":" + many("\"%d\":\"\"", HeaderParser.MAX_METADATA + 1) + "}", 0),
                "more than 10000 values");
    }

    private static String many(String entry, int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> entry.replace("%d", "" + i))
                .collect(Collectors.joining(",", "{", "}"));
    }

    @Test
    void messagesStayOnOneShortLine() {
        String name = "\\n\\u001b[31m\\u2028\\u202e" + "x".repeat(1000);
        assertThatThrownBy(() -> RawFile.open(RawFile.of("{\"" + name + "\":[]}", 0)))
                .hasMessageStartingWith("test: tensor '??[31m??xxx")
                .extracting(Throwable::getMessage)
                .asString()
                .hasSizeLessThan(200)
                .doesNotContain("\n");
        assertThatThrownBy(() -> RawFile.open(RawFile.of("{\"" + name + "\":[],\"" + name + "\":[]}", 0)))
                .extracting(Throwable::getMessage)
                .asString()
                .hasSizeLessThan(200)
                .doesNotContain("\n");
    }

    @Test
    void whatIsNoFileIsRefused() throws IOException {
        assertThatThrownBy(() -> Safetensors.open(directory.resolve("absent")))
                .isInstanceOf(FileFormatException.class)
                .hasMessageContaining("absent: does not exist; give");
        assertThatThrownBy(() -> Safetensors.open(directory))
                .isInstanceOf(FileFormatException.class)
                .hasMessageContaining("is not a regular file");
        Path empty = Files.createFile(directory.resolve("empty"));
        assertThatThrownBy(() -> Safetensors.open(empty))
                .isInstanceOf(FileFormatException.class)
                .hasMessageContaining("empty: holds 0 bytes");
    }

    @Test
    void anAbsentTensorIsRefusedWithTheNamesThatExist() {
        try (var file =
                RawFile.open(RawFile.of("{\"w.q\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0))) {
            assertThatThrownBy(() -> file.entry("w.k"))
                    .isInstanceOf(FileFormatException.class)
                    .hasMessage("test: holds no tensor 'w.k'; it holds w.q");
        }
    }

    private static void assertRefused(byte[] file, String found) {
        assertThatThrownBy(() -> RawFile.open(file))
                .isInstanceOf(FileFormatException.class)
                .hasMessageStartingWith("test: ")
                .hasMessageContaining("; ")
                .hasMessageContaining(found);
    }
}
