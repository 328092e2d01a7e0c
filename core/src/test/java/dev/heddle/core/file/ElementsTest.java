package dev.heddle.core.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.FileFormatException;
import dev.heddle.core.error.ShapeException;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

class ElementsTest {
    @Test
    void everyF16IsExactInF32() {
        var bits = ByteBuffer.allocate(2 << 16).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 1 << 16; i++) {
            bits.putShort((short) i);
        }
        float[] floats = file(StoredType.F16, bits.array()).floats("t");
        double[] doubles = file(StoredType.F16, bits.array()).doubles("t");
        for (int i = 0; i < 1 << 16; i++) {
            double expected = half(i);
            assertThat((double) floats[i]).as("bits %04x", i).isEqualTo(Double.valueOf(expected));
            assertThat(doubles[i]).as("bits %04x", i).isEqualTo(Double.valueOf(expected));
        }
    }

    /// IEEE 754 binary16 by its definition.
    private static double half(int bits) {
        int exponent = bits >> 10 & 31;
        double fraction = (bits & 1023) / 1024.0;
        double magnitude =
                switch (exponent) {
                    case 0 -> fraction * 0x1p-14;
                    case 31 -> fraction == 0 ? Double.POSITIVE_INFINITY : Double.NaN;
                    default -> (1 + fraction) * Math.pow(2, exponent - 15);
                };
        return bits >> 15 == 0 ? magnitude : -magnitude;
    }

    @Test
    void bf16IsTheUpperHalfOfF32() {
        var bits = ByteBuffer.allocate(2 << 16).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 1 << 16; i++) {
            bits.putShort((short) i);
        }
        float[] floats = file(StoredType.BF16, bits.array()).floats("t");
        double[] doubles = file(StoredType.BF16, bits.array()).doubles("t");
        for (int i = 0; i < 1 << 16; i++) {
            assertThat(Float.floatToRawIntBits(floats[i])).isEqualTo(i << 16);
            assertThat(doubles[i]).isEqualTo(Double.valueOf(Float.intBitsToFloat(i << 16)));
        }
    }

    @Test
    void f64RoundsToTheNearestF32() {
        double[] values = {1 / 3.0, -0.0, 1e300, Double.NaN, Double.NEGATIVE_INFINITY, Double.MIN_VALUE, 1 + 0x1p-24};
        var bytes = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asDoubleBuffer().put(values);
        assertThat(file(StoredType.F64, bytes.array()).floats("t"))
                .containsExactly(1 / 3f, -0f, Float.POSITIVE_INFINITY, Float.NaN, Float.NEGATIVE_INFINITY, 0f, 1f);
        assertThat(file(StoredType.F64, bytes.array()).doubles("t")).containsExactly(values);
    }

    @Test
    void f32WidensExactly() {
        float[] values = {0.1f, Float.MIN_VALUE, Float.MAX_VALUE, Float.NaN, Float.NEGATIVE_INFINITY};
        var bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        assertThat(file(StoredType.F32, bytes.array()).floats("t")).containsExactly(values);
        assertThat(file(StoredType.F32, bytes.array()).doubles("t"))
                .containsExactly(
                        (double) 0.1f,
                        (double) Float.MIN_VALUE,
                        (double) Float.MAX_VALUE,
                        Double.NaN,
                        Double.NEGATIVE_INFINITY);
    }

    @Test
    void integersKeepTheirValue() {
        byte[] bytes = {0, 1, 127, (byte) 128, (byte) 255};
        assertThat(file(StoredType.I8, bytes).ints("t")).containsExactly(0, 1, 127, -128, -1);
        assertThat(file(StoredType.U8, bytes).ints("t")).containsExactly(0, 1, 127, 128, 255);
        assertThat(longs(Integer.MIN_VALUE, -1, Integer.MAX_VALUE).ints("t"))
                .containsExactly(Integer.MIN_VALUE, -1, Integer.MAX_VALUE);
    }

    @Test
    void longsKeepTheirValueWhateverTheirWidth() {
        byte[] bytes = {0, 1, 127, (byte) 128, (byte) 255};
        assertThat(file(StoredType.I8, bytes).longs("t")).containsExactly(0, 1, 127, -128, -1);
        assertThat(file(StoredType.U8, bytes).longs("t")).containsExactly(0, 1, 127, 128, 255);
        assertThat(file(StoredType.I32, new byte[] {-2, -1, -1, -1, 0, 1, 0, 0}).longs("t")).containsExactly(-2, 256);
        assertThat(longs(Long.MIN_VALUE, 5, Long.MAX_VALUE).longs("t"))
                .containsExactly(Long.MIN_VALUE, 5, Long.MAX_VALUE);
    }

    @Test
    void anI64OutsideI32IsRefused() {
        assertThatThrownBy(() -> longs(5, 1L << 31).ints("t"))
                .isInstanceOf(FileFormatException.class)
                .hasMessage("test: tensor 't' holds 2147483648 at element 1; as i32, use -2147483648 to 2147483647");
        assertThatThrownBy(() -> longs(Long.MIN_VALUE).ints("t")).isInstanceOf(FileFormatException.class);
    }

    @Test
    void aBooleanIsZeroOrOne() {
        assertThat(file(StoredType.BOOL, new byte[] {0, 1, 1}).booleans("t")).containsExactly(false, true, true);
        assertThatThrownBy(() -> file(StoredType.BOOL, new byte[] {0, 2}).booleans("t"))
                .isInstanceOf(FileFormatException.class)
                .hasMessageContaining("holds 2 at element 1");
    }

    @ParameterizedTest
    @EnumSource
    void aTypeOfAnotherKindIsRefusedWithTheOneThatWorks(StoredType type) {
        Safetensors file = file(type, new byte[type.width()]);
        if (type.kind() != StoredType.Kind.FLOATING) {
            assertMismatch(() -> file.floats("t"), type);
            assertMismatch(() -> file.doubles("t"), type);
        }
        if (type.kind() != StoredType.Kind.INTEGER) {
            assertMismatch(() -> file.ints("t"), type);
            assertMismatch(() -> file.longs("t"), type);
        }
        if (type.kind() != StoredType.Kind.BOOLEAN) {
            assertMismatch(() -> file.booleans("t"), type);
        }
    }

    private static void assertMismatch(ThrowingCallable read, StoredType type) {
        assertThatThrownBy(read)
                .isInstanceOf(FileFormatException.class)
                .hasMessageContaining("'t' is stored as " + type)
                .hasMessageContaining("; read it as ");
    }

    @Test
    void copiesFillTheDestinationAndNothingElse() {
        Safetensors file = longs(3, 4);
        try (var arena = Arena.ofConfined()) {
            MemorySegment room = arena.allocate(4 * Integer.BYTES, 64).fill((byte) -1);
            file.copyInts("t", room.asSlice(4, 8));
            assertThat(room.toArray(ValueLayout.JAVA_INT)).containsExactly(-1, 3, 4, -1);
            assertThatThrownBy(() -> file.copyInts("t", room))
                    .isInstanceOf(ShapeException.class)
                    .hasMessage("destination: 16 bytes do not fit 2 elements as i32; use 2 × 4");
            assertThatThrownBy(() -> file.copyInts("t", room.asSlice(0, 9))).isInstanceOf(ShapeException.class);
        }
    }

    private static Safetensors longs(long... values) {
        var bytes = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asLongBuffer().put(values);
        return file(StoredType.I64, bytes.array());
    }

    /// A file with one tensor `t` at an odd address.
    private static Safetensors file(StoredType type, byte[] data) {
        String header =
                "{\"t\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[0,%d]}}"
                        .formatted(type, data.length / type.width(), data.length);
        String odd = header.length() % 2 == 0 ? header + " " : header;
        return RawFile.open(RawFile.of(odd.getBytes(StandardCharsets.UTF_8), data));
    }
}
