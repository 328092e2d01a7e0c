package dev.heddle.core.file;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/// Safetensors files as bytes, well-formed or not.
final class RawFile {
    private RawFile() {}

    static byte[] of(String header, int dataBytes) {
        return of(header.getBytes(StandardCharsets.UTF_8), new byte[dataBytes]);
    }

    static byte[] of(byte[] header, byte[] data) {
        return claiming(header.length, header, data);
    }

    static byte[] claiming(long headerLength, byte[] header, byte[] data) {
        return ByteBuffer.allocate(Long.BYTES + header.length + data.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(headerLength)
                .put(header)
                .put(data)
                .array();
    }

    static Safetensors open(byte[] file) {
        return Safetensors.over("test", Arena.ofConfined(), MemorySegment.ofArray(file));
    }
}
