package dev.heddle.attention.pattern;

import java.util.Arrays;
import java.util.BitSet;

/// One head's layout of blocks, as the sorted runs of adjacent key blocks of every query block (compressed rows).
final class BlockRuns {
    private final int[] rows;
    private final int[] starts;
    private final int[] stops;

    BlockRuns(BitSet[] layout) {
        rows = new int[layout.length + 1];
        int count = 0;
        for (int row = 0; row < layout.length; row++) {
            for (int at = layout[row].nextSetBit(0);
                    at >= 0;
                    at = layout[row].nextSetBit(layout[row].nextClearBit(at))) {
                count++;
            }
            rows[row + 1] = count;
        }
        starts = new int[count];
        stops = new int[count];
        int run = 0;
        for (BitSet row : layout) {
            for (int at = row.nextSetBit(0); at >= 0; at = row.nextSetBit(stops[run - 1])) {
                starts[run] = at;
                stops[run++] = row.nextClearBit(at);
            }
        }
    }

    int blocks() {
        return rows.length - 1;
    }

    /// The first run of a row that ends beyond a block; [#end] if there is none.
    int from(int row, int block) {
        int low = rows[row];
        int high = rows[row + 1];
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (stops[middle] > block) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    /// One past the last run of a row.
    int end(int row) {
        return rows[row + 1];
    }

    /// The first block of a run.
    int start(int run) {
        return starts[run];
    }

    /// One past the last block of a run.
    int stop(int run) {
        return stops[run];
    }

    /// The same without blocks above the diagonal.
    BlockRuns lowerTriangle() {
        BitSet[] lower = new BitSet[blocks()];
        for (int row = 0; row < lower.length; row++) {
            lower[row] = new BitSet(blocks());
            for (int run = rows[row]; run < end(row) && starts[run] <= row; run++) {
                lower[row].set(starts[run], Math.min(stops[run], row + 1));
            }
        }
        return new BlockRuns(lower);
    }

    /// The blocks that any of the rows `first..last` joins, as start, stop, start, stop …
    int[] union(int first, int last) {
        BitSet blocks = new BitSet(blocks());
        for (int run = rows[first]; run < rows[last + 1]; run++) {
            blocks.set(starts[run], stops[run]);
        }
        int[] bounds = new int[2 * Math.min(rows[last + 1] - rows[first], (blocks() + 1) / 2)];
        int n = 0;
        for (int at = blocks.nextSetBit(0); at >= 0; at = blocks.nextSetBit(bounds[n - 1])) {
            bounds[n++] = at;
            bounds[n++] = blocks.nextClearBit(at);
        }
        return Arrays.copyOf(bounds, n);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof BlockRuns runs
                && Arrays.equals(rows, runs.rows)
                && Arrays.equals(starts, runs.starts)
                && Arrays.equals(stops, runs.stops);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * Arrays.hashCode(rows) + Arrays.hashCode(starts)) + Arrays.hashCode(stops);
    }
}
