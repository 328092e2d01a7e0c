package dev.heddle.positional;

import dev.heddle.core.kernel.Native;
import dev.heddle.core.ops.Gather;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;

/// A fixed function from positions to rows of numbers, computed in double and rounded once.
///
/// Rows of the first positions are kept, per type, and more are added as they are asked for; safe from several threads.
final class PositionTable {
    /// Positions from here on are computed when they are asked for: a table up to an arbitrary position would be a way
    /// to exhaust memory.
    private static final int KEPT = 1 << 16;

    /// Columns that a row may have: each has a frequency of its own in memory.
    static final int MOST_COLUMNS = 1 << 20;

    private static final int FIRST = 128;
    private static final int ALIGNMENT = 64;

    private final int columns;
    private final Element element;
    private final Map<DType, Tensor> kept = new EnumMap<>(DType.class);

    PositionTable(int columns, Element element) {
        this.columns = columns;
        this.element = element;
    }

    /// One number of the table.
    @FunctionalInterface
    interface Element {
        double at(int position, int column);
    }

    /// The rows of the positions, `[count, columns]`.
    Tensor rows(Positions positions, DType dtype) {
        int count = positions.count();
        if (count == 0 || columns == 0) {
            return Tensor.zeros(dtype, count, columns);
        }
        if (positions.max() >= KEPT || positions.min() < 0) {
            Tensor rows = Tensor.uninitialised(dtype, count, columns);
            for (int i = 0; i < count; i++) {
                compute(rows, i, positions.at(i));
            }
            return rows;
        }
        Tensor table = table(positions.max() + 1, dtype);
        return positions.isRange()
                ? table.viewAt((long) positions.at(0) * columns, Shape.of(count, columns))
                : Gather.rows(table, Tensor.of(positions.toArray(), count), "position");
    }

    private Tensor table(int wanted, DType dtype) {
        synchronized (kept) {
            Tensor before = kept.get(dtype);
            if (before != null && before.dim(0) >= wanted) {
                return before;
            }
            Tensor grown = grown(before, Math.max(FIRST, Integer.highestOneBit(wanted - 1) << 1), dtype);
            kept.put(dtype, grown);
            return grown;
        }
    }

    // The table outlives the scope that happens to be open now, so it is not in the pool's memory.
    private Tensor grown(@Nullable Tensor before, int rows, DType dtype) {
        Shape shape = Shape.of(rows, columns);
        MemorySegment memory = Arena.ofAuto().allocate(shape.elements() * dtype.bytes(), ALIGNMENT);
        Tensor table = Tensor.wrap(dtype, shape, memory.address(), memory);
        int known = before == null ? 0 : before.dim(0);
        if (before != null) {
            Native.copy(before.address(), table.address(), before.bytes());
        }
        for (int position = known; position < rows; position++) {
            compute(table, position, position);
        }
        return table;
    }

    private void compute(Tensor table, int row, int position) {
        long address = table.address() + (long) row * columns * table.dtype().bytes();
        for (int c = 0; c < columns; c++) {
            double value = element.at(position, c);
            if (table.dtype() == DType.F32) {
                Native.setFloat(address + (long) c * Float.BYTES, (float) value);
            } else {
                Native.setDouble(address + (long) c * Double.BYTES, value);
            }
        }
    }
}
