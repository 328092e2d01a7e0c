package dev.heddle.core.file;

import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalLong;

/// The element types of a safetensors file that Heddle reads and writes, under the names its header uses.
public enum StoredType {
    F64(8, Kind.FLOATING),
    F32(4, Kind.FLOATING),
    F16(2, Kind.FLOATING),
    /// The upper half of an [#F32].
    BF16(2, Kind.FLOATING),
    I64(8, Kind.INTEGER),
    I32(4, Kind.INTEGER),
    I8(1, Kind.INTEGER),
    /// Unsigned, 0 to 255.
    U8(1, Kind.INTEGER),
    /// One byte, 0 or 1.
    BOOL(1, Kind.BOOLEAN);

    enum Kind {
        FLOATING("f32 or f64"),
        INTEGER("i32 or i64"),
        BOOLEAN("bool");

        /// The types that elements of this kind can be read as.
        final String readableAs;

        Kind(String readableAs) {
            this.readableAs = readableAs;
        }
    }

    private final int width;
    private final Kind kind;

    StoredType(int width, Kind kind) {
        this.width = width;
        this.kind = kind;
    }

    /// Bytes per element.
    public int width() {
        return width;
    }

    Kind kind() {
        return kind;
    }

    static Optional<StoredType> named(String name) {
        return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
    }

    /// Bytes of a tensor of this shape; empty if a dimension is negative or the sizes overflow. A zero dimension does not
    /// excuse the others: their product must be representable too, since strides are computed from it.
    OptionalLong byteSize(Iterable<Long> shape) {
        long bytes = width;
        boolean empty = false;
        for (long dimension : shape) {
            if (dimension < 0 || Math.multiplyHigh(bytes, Math.max(dimension, 1)) != 0) {
                return OptionalLong.empty();
            }
            bytes *= Math.max(dimension, 1);
            if (bytes < 0) {
                return OptionalLong.empty();
            }
            empty |= dimension == 0;
        }
        return OptionalLong.of(empty ? 0 : bytes);
    }
}
