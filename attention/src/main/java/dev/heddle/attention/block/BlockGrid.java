package dev.heddle.attention.block;

import java.util.BitSet;

/// One head's layout while it is drawn: which key blocks (columns) a query block (row) sees.
final class BlockGrid {
    private final BitSet[] rows;

    /// @param blocks rows and columns
    BlockGrid(int blocks) {
        rows = new BitSet[blocks];
        for (int row = 0; row < blocks; row++) {
            rows[row] = new BitSet(blocks);
        }
    }

    int blocks() {
        return rows.length;
    }

    BitSet[] rows() {
        return rows;
    }

    BitSet row(int row) {
        return rows[row];
    }

    /// Joins a row with the columns `from..to-1`, as far as they exist.
    void join(int row, int from, int to) {
        int start = Math.max(0, from);
        int stop = Math.min(to, rows.length);
        if (start < stop) {
            rows[row].set(start, stop);
        }
    }

    /// Joins the rows `from..to-1` with all columns.
    void joinRows(int from, int to) {
        for (int row = from; row < Math.min(to, rows.length); row++) {
            join(row, 0, rows.length);
        }
    }

    /// Joins the columns `from..to-1` with all rows from `firstRow` on.
    void joinColumns(int from, int to, int firstRow) {
        for (int row = firstRow; row < rows.length; row++) {
            join(row, from, to);
        }
    }

    /// Joins every row with its neighbours up to a distance.
    void joinWindow(int distance) {
        for (int row = 0; row < rows.length; row++) {
            join(row, row - distance, row + distance + 1);
        }
    }

    /// Joins the blocks of a local window `from..to-1` with each other; unidirectional, with those up to themselves.
    void joinLocal(int from, int to, boolean unidirectional) {
        for (int row = from; row < Math.min(to, rows.length); row++) {
            join(row, from, unidirectional ? row + 1 : to);
        }
    }

    /// Parts the blocks above the diagonal.
    void keepLowerTriangle() {
        for (int row = 0; row < rows.length; row++) {
            rows[row].clear(row + 1, rows.length);
        }
    }
}
