package dev.heddle.core.file;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.core.error.FileFormatException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.regex.Pattern;

/// Damages a valid file in thousands of ways. Whatever comes of it, it is a file or a [FileFormatException]: no other
/// exception, no exhausted memory, no hang.
class SafetensorsFuzzTest {
    private static final int ROUNDS = 20_000;

    private static final String[] LIES = {
        "-1",
        "0",
        "1",
        "9223372036854775807",
        "9223372036854775808",
        "4611686018427387904",
        "-9223372036854775808",
        "18446744073709551616",
        "1e400",
        "0.5",
        "00",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "\\",
        ",",
        ":",
        "null",
        "true",
        "\"F64\"",
        "\"BOOL\"",
        "\"__metadata__\":",
        "\\ud800",
        "[[[[[[[[[[[[",
        "\u0000",
        "é",
        "\"a\":"
    };

    @Test
    @Timeout(value = 60, unit = TimeUnit.SECONDS)
    void aDamagedFileIsRefusedOrRead() throws IOException {
        byte[] whole = sample();
        int refused = 0;
        for (long seed = 0; seed < ROUNDS; seed++) {
            byte[] damaged = damage(whole, RandomGeneratorFactory.of("L64X128MixRandom").create(seed));
            refused += isRefused(damaged, seed) ? 1 : 0;
        }
        // Damage to the data alone leaves a valid file, so both outcomes must be seen.
        assertThat(refused).isBetween(ROUNDS / 2, ROUNDS - ROUNDS / 100);
    }

    private static boolean isRefused(byte[] bytes, long seed) {
        try (var file = RawFile.open(bytes)) {
            file.entries().values().forEach(tensor -> readAll(file, tensor));
            return false;
        } catch (FileFormatException e) {
            assertThat(e.getMessage()).as("seed %d", seed).startsWith("test: ").contains("; ").hasLineCount(1);
            return true;
        } catch (RuntimeException | Error e) {
            throw new AssertionError("seed " + seed + ": " + Base64.getEncoder().encodeToString(bytes), e);
        }
    }

    private static void readAll(Safetensors file, StoredTensor tensor) {
        switch (tensor.type().kind()) {
            case FLOATING -> {
                file.floats(tensor.name());
                file.doubles(tensor.name());
            }
            case INTEGER -> {
                file.longs(tensor.name());
                file.ints(tensor.name());
            }
            case BOOLEAN -> file.booleans(tensor.name());
        }
    }

    private static byte[] sample() throws IOException {
        var writer = new SafetensorsWriter().metadata("config", "{\"width\": 12}");
        for (StoredType type : StoredType.values()) {
            writer.add(
                    new StoredTensor(
                            "w." + type, type, new long[] {2, 3}, MemorySegment.ofArray(new byte[6 * type.width()])));
        }
        writer.add(StoredTensor.of("none", new float[0], 3, 0));
        var bytes = new ByteArrayOutputStream();
        writer.writeTo(Channels.newChannel(bytes), Path.of("sample"));
        return bytes.toByteArray();
    }

    private static byte[] damage(byte[] whole, RandomGenerator random) {
        byte[] bytes = whole.clone();
        for (int blows = 1 + random.nextInt(3); blows > 0; blows--) {
            bytes =
                    switch (random.nextInt(6)) {
                        case 0 -> Arrays.copyOf(bytes, random.nextInt(bytes.length + 1));
                        case 1 -> Arrays.copyOf(bytes, bytes.length + random.nextInt(20));
                        case 2 -> flipBit(bytes, random);
                        case 3 -> lieAboutLength(bytes, random);
                        case 4 -> editHeader(bytes, random, "\\d+", LIES[random.nextInt(LIES.length)]);
                        default -> editHeader(bytes, random, "[\\p{Punct}]", LIES[random.nextInt(LIES.length)]);
                    };
        }
        return bytes;
    }

    private static byte[] flipBit(byte[] bytes, RandomGenerator random) {
        if (bytes.length > 0) {
            bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        }
        return bytes;
    }

    private static byte[] lieAboutLength(byte[] bytes, RandomGenerator random) {
        if (bytes.length >= Long.BYTES) {
            long length = random.nextBoolean() ? random.nextInt(2 * bytes.length) : random.nextLong();
            ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
        }
        return bytes;
    }

    /// Replaces one match of `pattern` in the header and, unlike a bit flip, keeps the stated header length true.
    private static byte[] editHeader(byte[] bytes, RandomGenerator random, String pattern, String replacement) {
        if (bytes.length < Long.BYTES) {
            return bytes;
        }
        long length = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (length < 0 || length > bytes.length - Long.BYTES) {
            return bytes;
        }
        int end = Long.BYTES + (int) length;
        String header = new String(bytes, Long.BYTES, (int) length, StandardCharsets.UTF_8);
        var matches = Pattern.compile(pattern).matcher(header).results().toList();
        if (matches.isEmpty()) {
            return bytes;
        }
        var match = matches.get(random.nextInt(matches.size()));
        String edited = header.substring(0, match.start()) + replacement + header.substring(match.end());
        return RawFile.of(edited.getBytes(StandardCharsets.UTF_8), Arrays.copyOfRange(bytes, end, bytes.length));
    }
}
