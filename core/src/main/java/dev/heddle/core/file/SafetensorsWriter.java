package dev.heddle.core.file;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;

import dev.heddle.core.error.HeddleException;
import dev.heddle.core.tensor.Tensor;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/// Collects tensors and writes them as one safetensors file.
///
/// ```java
/// new SafetensorsWriter()
///         .metadata("format", "heddle")
///         .add("head.weight", weights)
///         .write(path);
/// ```
///
/// The header lists the tensors in the order they were added. Their data lies widest type first, so that with the header
/// padded to 8 bytes every element is aligned, as in files of the official library. What is written can be read by
/// [Safetensors]: its limits are checked before the first byte.
public final class SafetensorsWriter {
    private static final JsonFactory JSON = new JsonFactory();
    private static final int ALIGNMENT = 8;
    private static final int CHUNK = 1 << 20;

    private final Map<String, String> metadata = new LinkedHashMap<>();
    private final SequencedMap<String, StoredTensor> tensors = new LinkedHashMap<>();

    /// Adds or replaces a text of the header.
    public SafetensorsWriter metadata(String key, String value) {
        metadata.put(key, value);
        return this;
    }

    /// Adds a tensor. Its data is read when the file is written, not before.
    ///
    /// @throws HeddleException if the name is taken or reserved
    public SafetensorsWriter add(StoredTensor tensor) {
        if (tensor.name().equals(Header.METADATA)) {
            throw new HeddleException("tensor: the name " + Header.METADATA + " is reserved; choose another");
        }
        if (tensors.putIfAbsent(tensor.name(), tensor) != null) {
            throw new HeddleException(
                    "tensor: the name " + Source.quoted(tensor.name()) + " is taken; give each tensor its own");
        }
        return this;
    }

    /// Adds a tensor in its own type. Its data is read when the file is written, so its scope must last until then.
    ///
    /// @throws HeddleException if the name is taken or reserved
    public SafetensorsWriter add(String name, Tensor tensor) {
        return add(StoredTensor.of(name, tensor));
    }

    /// Writes the file, replacing an old one whole or not at all (see [AtomicFile]).
    ///
    /// @throws HeddleException if it cannot be written, for example because the disk is full; an old file stays
    public void write(Path target) {
        List<StoredTensor> ordered = dataOrder();
        byte[] header = header(target, ordered);
        AtomicFile.write(target, channel -> writeTo(channel, header, ordered));
    }

    /// The bytes of the file, without the care for an old one.
    void writeTo(WritableByteChannel channel, Path target) throws IOException {
        List<StoredTensor> ordered = dataOrder();
        writeTo(channel, header(target, ordered), ordered);
    }

    private static void writeTo(WritableByteChannel channel, byte[] header, List<StoredTensor> ordered)
            throws IOException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(CHUNK);
        buffer.order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).flip();
        drain(buffer, channel);
        copy(MemorySegment.ofArray(header), buffer, channel);
        for (StoredTensor tensor : ordered) {
            copy(tensor.data(), buffer, channel);
            Reference.reachabilityFence(tensor);
        }
    }

    /// Through a buffer of our own: not every segment has a view as ByteBuffer, and none a view of more than 2 GiB.
    private static void copy(MemorySegment data, ByteBuffer buffer, WritableByteChannel channel) throws IOException {
        MemorySegment staging = MemorySegment.ofBuffer(buffer.clear());
        for (long done = 0; done < data.byteSize(); done += CHUNK) {
            int count = (int) Math.min(CHUNK, data.byteSize() - done);
            MemorySegment.copy(data, done, staging, 0, count);
            drain(buffer.clear().limit(count), channel);
        }
    }

    private static void drain(ByteBuffer buffer, WritableByteChannel channel) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    private List<StoredTensor> dataOrder() {
        return tensors.values().stream()
                .sorted(Comparator.comparingInt((StoredTensor tensor) -> tensor.type().width()).reversed())
                .toList();
    }

    private byte[] header(Path target, List<StoredTensor> ordered) {
        byte[] json;
        try {
            json = json(begins(ordered));
        } catch (IOException | ArithmeticException e) {
            throw new HeddleException(
                    target
                            + ": the header cannot be written ("
                            + e.getMessage()
                            + "); use data of less than 2^63 bytes",
                    e);
        }
        byte[] padded = Arrays.copyOf(json, Math.ceilDiv(json.length, ALIGNMENT) * ALIGNMENT);
        Arrays.fill(padded, json.length, padded.length, (byte) ' ');
        if (padded.length > Header.MAX_BYTES) {
            throw new HeddleException(
                    target
                            + ": the header takes "
                            + padded.length
                            + " bytes; use fewer tensors or "
                            + "shorter metadata, "
                            + Header.MAX_BYTES
                            + " bytes at most");
        }
        // The reader's own rules for names, ranks and counts: what it would refuse must not become someone's
        // checkpoint.
        HeaderParser.parse(new Source(target.toString()), new SegmentInputStream(MemorySegment.ofArray(padded)));
        return padded;
    }

    private static Map<String, Long> begins(List<StoredTensor> ordered) {
        var begins = new LinkedHashMap<String, Long>();
        long offset = 0;
        for (StoredTensor tensor : ordered) {
            begins.put(tensor.name(), offset);
            offset = Math.addExact(offset, tensor.bytes());
        }
        return begins;
    }

    private byte[] json(Map<String, Long> begins) throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (JsonGenerator json = JSON.createGenerator(bytes)) {
            json.writeStartObject();
            if (!metadata.isEmpty()) {
                json.writeObjectFieldStart(Header.METADATA);
                for (var entry : metadata.entrySet()) {
                    json.writeStringField(entry.getKey(), entry.getValue());
                }
                json.writeEndObject();
            }
            for (StoredTensor tensor : tensors.values()) {
                write(json, tensor, requireNonNull(begins.get(tensor.name())));
            }
            json.writeEndObject();
        }
        return bytes.toByteArray();
    }

    private static void write(JsonGenerator json, StoredTensor tensor, long begin) throws IOException {
        json.writeObjectFieldStart(tensor.name());
        json.writeStringField("dtype", tensor.type().name());
        json.writeFieldName("shape");
        long[] shape = tensor.shape();
        json.writeArray(shape, 0, shape.length);
        json.writeFieldName("data_offsets");
        json.writeArray(new long[] {begin, begin + tensor.bytes()}, 0, 2);
        json.writeEndObject();
    }
}
