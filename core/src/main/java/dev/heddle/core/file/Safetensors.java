package dev.heddle.core.file;

import dev.heddle.core.error.FileFormatException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;

/// An open safetensors file: named tensors, mapped into memory and converted when they are read.
///
/// The file is untrusted. Its header is checked in full when it is opened: every size and offset, and that the tensors
/// cover the data without overlaps, holes or leftovers. Whatever is wrong comes out as a [FileFormatException].
///
/// ```java
/// try (var file = Safetensors.open(path)) {
///     Tensor weights = file.tensor("head.weight");
/// }
/// ```
///
/// The file must not be truncated in place while it is open; [SafetensorsWriter] never does that. Closing unmaps it:
/// tensors and arrays stay, the segments of [#entries] do not. Reading is safe from several threads.
///
/// Source: the format's description in huggingface/safetensors.
public final class Safetensors implements AutoCloseable {
    private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Source source;
    private final Arena arena;
    private final Map<String, String> metadata;
    private final SequencedMap<String, StoredTensor> entries;

    private Safetensors(Source source, Arena arena, MemorySegment file) {
        this.source = source;
        this.arena = arena;
        long headerEnd = headerEnd(source, file);
        MemorySegment json = file.asSlice(LENGTH.byteSize(), headerEnd - LENGTH.byteSize());
        MemorySegment data = file.asSlice(headerEnd);
        Header header = HeaderParser.parse(source, new SegmentInputStream(json));
        header.checkCover(source, data.byteSize());
        this.metadata = header.metadata();
        this.entries = view(header, data);
    }

    /// Maps a file and checks its header.
    ///
    /// @throws FileFormatException if the file is absent, unreadable, truncated or not a well-formed safetensors file
    public static Safetensors open(Path path) {
        var source = new Source(path.toString());
        // A named pipe would block and a device has no size: neither can be mapped.
        if (!Files.isRegularFile(path)) {
            throw source.refusal(
                    Files.exists(path) ? "is not a regular file" : "does not exist",
                    "give the path of a safetensors file");
        }
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path)) {
            return new Safetensors(source, arena, channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena));
        } catch (IOException e) {
            arena.close();
            throw source.refusal("cannot be read (" + e + ")", "check the path and its permissions", e);
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    /// The same over bytes in memory; `arena` is closed with the result.
    static Safetensors over(String name, Arena arena, MemorySegment file) {
        return new Safetensors(new Source(name), arena, file);
    }

    private static long headerEnd(Source source, MemorySegment file) {
        long bytes = file.byteSize();
        if (bytes < LENGTH.byteSize()) {
            throw source.refusal("holds " + bytes + " bytes, less than the length of a header", Source.BROKEN);
        }
        long length = file.get(LENGTH, 0);
        if (length < 0 || length > Header.MAX_BYTES) {
            throw source.refusal(
                    "claims a header of " + Long.toUnsignedString(length) + " bytes",
                    "a safetensors file has at most " + Header.MAX_BYTES);
        }
        if (length > bytes - LENGTH.byteSize()) {
            throw source.refusal(
                    "claims a header of " + length + " bytes in a file of " + bytes,
                    "it is truncated, " + Source.BROKEN);
        }
        if (length == 0 || file.get(ValueLayout.JAVA_BYTE, LENGTH.byteSize()) != '{') {
            throw source.refusal("the header does not begin with a brace", "give the path of a safetensors file");
        }
        return LENGTH.byteSize() + length;
    }

    private static SequencedMap<String, StoredTensor> view(Header header, MemorySegment data) {
        var entries = LinkedHashMap.<String, StoredTensor>newLinkedHashMap(header.slots().size());
        header.slots()
                .forEach(
                        (name, slot) ->
                                entries.put(
                                        name,
                                        new StoredTensor(
                                                name,
                                                slot.type(),
                                                slot.shape(),
                                                data.asSlice(slot.begin(), slot.end() - slot.begin()))));
        return Collections.unmodifiableSequencedMap(entries);
    }

    /// The free text of the header, in its order.
    public Map<String, String> metadata() {
        return metadata;
    }

    /// All tensors by name, in the order of the header.
    public SequencedMap<String, StoredTensor> entries() {
        return entries;
    }

    /// The tensor of this name.
    ///
    /// @throws FileFormatException if the file holds none
    public StoredTensor entry(String name) {
        StoredTensor entry = entries.get(name);
        if (entry == null) {
            throw source.refusal(
                    "holds no tensor " + Source.quoted(name),
                    "it holds " + (entries.isEmpty() ? "none" : Source.printable(String.join(", ", entries.keySet()))));
        }
        return entry;
    }

    /// The tensor in the type nearest to the stored one: F64, F32 (from F32, F16, BF16), I32 (from all integers) or BOOL.
    ///
    /// @throws FileFormatException if the tensor is absent, or an element does not fit
    public Tensor tensor(String name) {
        Elements elements = elements(name);
        return elements.toTensor(elements.naturalType());
    }

    /// The tensor in a type of the same kind: floating to F32 or F64, integers to I32, booleans to BOOL.
    ///
    /// @throws FileFormatException if the tensor is absent or of another kind, or an element does not fit
    public Tensor tensor(String name, DType dtype) {
        return elements(name).toTensor(dtype);
    }

    /// All elements of a floating tensor, f64 rounded to nearest.
    ///
    /// @throws FileFormatException if the tensor is absent, not floating or too long for an array
    public float[] floats(String name) {
        Elements elements = elements(name);
        var values = new float[elements.arrayLength()];
        elements.toFloats(MemorySegment.ofArray(values));
        return values;
    }

    /// All elements of a floating tensor, exactly.
    ///
    /// @throws FileFormatException if the tensor is absent, not floating or too long for an array
    public double[] doubles(String name) {
        Elements elements = elements(name);
        var values = new double[elements.arrayLength()];
        elements.toDoubles(MemorySegment.ofArray(values));
        return values;
    }

    /// All elements of an integer tensor.
    ///
    /// @throws FileFormatException if the tensor is absent, not of integers, too long for an array, or an element does
    ///     not fit 32 bits
    public int[] ints(String name) {
        Elements elements = elements(name);
        var values = new int[elements.arrayLength()];
        elements.toInts(MemorySegment.ofArray(values));
        return values;
    }

    /// All elements of an integer tensor, exactly.
    ///
    /// @throws FileFormatException if the tensor is absent, not of integers or too long for an array
    public long[] longs(String name) {
        return elements(name).toLongs();
    }

    /// All elements of a boolean tensor.
    ///
    /// @throws FileFormatException if the tensor is absent, not boolean, too long for an array, or an element is neither
    ///     0 nor 1
    public boolean[] booleans(String name) {
        Elements elements = elements(name);
        var bytes = new byte[elements.arrayLength()];
        elements.toBooleans(MemorySegment.ofArray(bytes));
        var values = new boolean[bytes.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = bytes[i] != 0;
        }
        return values;
    }

    /// As [#floats], into a destination of exactly 4 bytes an element in the machine's byte order.
    public void copyFloats(String name, MemorySegment destination) {
        elements(name).toFloats(destination);
    }

    /// As [#doubles], into a destination of exactly 8 bytes an element in the machine's byte order.
    public void copyDoubles(String name, MemorySegment destination) {
        elements(name).toDoubles(destination);
    }

    /// As [#ints], into a destination of exactly 4 bytes an element in the machine's byte order.
    public void copyInts(String name, MemorySegment destination) {
        elements(name).toInts(destination);
    }

    /// As [#booleans], into a destination of exactly 1 byte an element, 0 or 1.
    public void copyBooleans(String name, MemorySegment destination) {
        elements(name).toBooleans(destination);
    }

    private Elements elements(String name) {
        return new Elements(source, entry(name));
    }

    /// Unmaps the file.
    @Override
    public void close() {
        arena.close();
    }
}
