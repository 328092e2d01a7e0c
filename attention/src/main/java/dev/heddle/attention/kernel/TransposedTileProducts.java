package dev.heddle.attention.kernel;

import static dev.heddle.attention.kernel.Lanes.COUNT;
import static dev.heddle.attention.kernel.Lanes.FLOATS;
import static dev.heddle.attention.kernel.TileProducts.BYTES;
import static dev.heddle.attention.kernel.TileProducts.PANEL;

import jdk.incubator.vector.FloatVector;

/// As [TileProducts], with the transpose of a tile of [PackedTiles#TILE] columns on the left: `C += Aᵀ·B`. The six elements
/// of `A` that meet a row of `B` are neighbours at fixed distances, which the compiler checks as one.
final class TransposedTileProducts {
    private static final int TILE = PackedTiles.TILE;

    private TransposedTileProducts() {}

    /// `C[r, n] += Σ_p A[p, r]·B[p, n]`.
    ///
    /// @param a holds `A[p, r]` at `a0 + p·TILE + r`
    /// @param b address of `B[0, 0]`; rows are contiguous
    /// @param bStep bytes from one row of `B` to the next
    /// @param c holds `C[r, n]` at `c0 + r·cRow + n`
    /// @param rows a multiple of [TileProducts#PANEL]
    /// @param columns a multiple of [Lanes#COUNT]
    /// @param depth the number of terms
    static void multiply(
            float[] a, int a0, long b, long bStep, float[] c, int c0, int cRow, int rows, int columns, int depth) {
        int column = 0;
        if (TileProducts.WIDE) {
            for (; column + 4 * COUNT <= columns; column += 4 * COUNT) {
                for (int r = 0; r < rows; r += PANEL) {
                    four(a, a0 + r, b + 4L * column, bStep, c, c0 + r * cRow + column, cRow, depth);
                }
            }
        }
        for (; column + 2 * COUNT <= columns; column += 2 * COUNT) {
            for (int r = 0; r < rows; r += PANEL) {
                two(a, a0 + r, b + 4L * column, bStep, c, c0 + r * cRow + column, cRow, depth);
            }
        }
        for (; column < columns; column += COUNT) {
            for (int r = 0; r < rows; r += PANEL) {
                one(a, a0 + r, b + 4L * column, bStep, c, c0 + r * cRow + column, cRow, depth);
            }
        }
    }

    /// Six rows by one vector.
    private static void one(float[] a, int at, long b, long bStep, float[] c, int c0, int cRow, int depth) {
        int r0 = c0;
        int r1 = c0 + cRow;
        int r2 = c0 + 2 * cRow;
        int r3 = c0 + 3 * cRow;
        int r4 = c0 + 4 * cRow;
        int r5 = c0 + 5 * cRow;
        FloatVector c00 = FloatVector.fromArray(FLOATS, c, r0);
        FloatVector c10 = FloatVector.fromArray(FLOATS, c, r1);
        FloatVector c20 = FloatVector.fromArray(FLOATS, c, r2);
        FloatVector c30 = FloatVector.fromArray(FLOATS, c, r3);
        FloatVector c40 = FloatVector.fromArray(FLOATS, c, r4);
        FloatVector c50 = FloatVector.fromArray(FLOATS, c, r5);
        for (int p = 0; p < depth; p++) {
            FloatVector b0 = Lanes.load(b);
            FloatVector x = FloatVector.broadcast(FLOATS, a[at]);
            c00 = x.fma(b0, c00);
            x = FloatVector.broadcast(FLOATS, a[at + 1]);
            c10 = x.fma(b0, c10);
            x = FloatVector.broadcast(FLOATS, a[at + 2]);
            c20 = x.fma(b0, c20);
            x = FloatVector.broadcast(FLOATS, a[at + 3]);
            c30 = x.fma(b0, c30);
            x = FloatVector.broadcast(FLOATS, a[at + 4]);
            c40 = x.fma(b0, c40);
            x = FloatVector.broadcast(FLOATS, a[at + 5]);
            c50 = x.fma(b0, c50);
            at += TILE;
            b += bStep;
        }
        c00.intoArray(c, r0);
        c10.intoArray(c, r1);
        c20.intoArray(c, r2);
        c30.intoArray(c, r3);
        c40.intoArray(c, r4);
        c50.intoArray(c, r5);
    }

    /// Six rows by two vectors.
    private static void two(float[] a, int at, long b, long bStep, float[] c, int c0, int cRow, int depth) {
        int r0 = c0;
        int r1 = c0 + cRow;
        int r2 = c0 + 2 * cRow;
        int r3 = c0 + 3 * cRow;
        int r4 = c0 + 4 * cRow;
        int r5 = c0 + 5 * cRow;
        FloatVector c00 = FloatVector.fromArray(FLOATS, c, r0);
        FloatVector c01 = FloatVector.fromArray(FLOATS, c, r0 + COUNT);
        FloatVector c10 = FloatVector.fromArray(FLOATS, c, r1);
        FloatVector c11 = FloatVector.fromArray(FLOATS, c, r1 + COUNT);
        FloatVector c20 = FloatVector.fromArray(FLOATS, c, r2);
        FloatVector c21 = FloatVector.fromArray(FLOATS, c, r2 + COUNT);
        FloatVector c30 = FloatVector.fromArray(FLOATS, c, r3);
        FloatVector c31 = FloatVector.fromArray(FLOATS, c, r3 + COUNT);
        FloatVector c40 = FloatVector.fromArray(FLOATS, c, r4);
        FloatVector c41 = FloatVector.fromArray(FLOATS, c, r4 + COUNT);
        FloatVector c50 = FloatVector.fromArray(FLOATS, c, r5);
        FloatVector c51 = FloatVector.fromArray(FLOATS, c, r5 + COUNT);
        for (int p = 0; p < depth; p++) {
            FloatVector b0 = Lanes.load(b);
            FloatVector b1 = Lanes.load(b + BYTES);
            FloatVector x = FloatVector.broadcast(FLOATS, a[at]);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            x = FloatVector.broadcast(FLOATS, a[at + 1]);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            x = FloatVector.broadcast(FLOATS, a[at + 2]);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            x = FloatVector.broadcast(FLOATS, a[at + 3]);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
            x = FloatVector.broadcast(FLOATS, a[at + 4]);
            c40 = x.fma(b0, c40);
            c41 = x.fma(b1, c41);
            x = FloatVector.broadcast(FLOATS, a[at + 5]);
            c50 = x.fma(b0, c50);
            c51 = x.fma(b1, c51);
            at += TILE;
            b += bStep;
        }
        c00.intoArray(c, r0);
        c01.intoArray(c, r0 + COUNT);
        c10.intoArray(c, r1);
        c11.intoArray(c, r1 + COUNT);
        c20.intoArray(c, r2);
        c21.intoArray(c, r2 + COUNT);
        c30.intoArray(c, r3);
        c31.intoArray(c, r3 + COUNT);
        c40.intoArray(c, r4);
        c41.intoArray(c, r4 + COUNT);
        c50.intoArray(c, r5);
        c51.intoArray(c, r5 + COUNT);
    }

    /// Six rows by four vectors.
    private static void four(float[] a, int at, long b, long bStep, float[] c, int c0, int cRow, int depth) {
        int r0 = c0;
        int r1 = c0 + cRow;
        int r2 = c0 + 2 * cRow;
        int r3 = c0 + 3 * cRow;
        int r4 = c0 + 4 * cRow;
        int r5 = c0 + 5 * cRow;
        FloatVector c00 = FloatVector.fromArray(FLOATS, c, r0);
        FloatVector c01 = FloatVector.fromArray(FLOATS, c, r0 + COUNT);
        FloatVector c02 = FloatVector.fromArray(FLOATS, c, r0 + 2 * COUNT);
        FloatVector c03 = FloatVector.fromArray(FLOATS, c, r0 + 3 * COUNT);
        FloatVector c10 = FloatVector.fromArray(FLOATS, c, r1);
        FloatVector c11 = FloatVector.fromArray(FLOATS, c, r1 + COUNT);
        FloatVector c12 = FloatVector.fromArray(FLOATS, c, r1 + 2 * COUNT);
        FloatVector c13 = FloatVector.fromArray(FLOATS, c, r1 + 3 * COUNT);
        FloatVector c20 = FloatVector.fromArray(FLOATS, c, r2);
        FloatVector c21 = FloatVector.fromArray(FLOATS, c, r2 + COUNT);
        FloatVector c22 = FloatVector.fromArray(FLOATS, c, r2 + 2 * COUNT);
        FloatVector c23 = FloatVector.fromArray(FLOATS, c, r2 + 3 * COUNT);
        FloatVector c30 = FloatVector.fromArray(FLOATS, c, r3);
        FloatVector c31 = FloatVector.fromArray(FLOATS, c, r3 + COUNT);
        FloatVector c32 = FloatVector.fromArray(FLOATS, c, r3 + 2 * COUNT);
        FloatVector c33 = FloatVector.fromArray(FLOATS, c, r3 + 3 * COUNT);
        FloatVector c40 = FloatVector.fromArray(FLOATS, c, r4);
        FloatVector c41 = FloatVector.fromArray(FLOATS, c, r4 + COUNT);
        FloatVector c42 = FloatVector.fromArray(FLOATS, c, r4 + 2 * COUNT);
        FloatVector c43 = FloatVector.fromArray(FLOATS, c, r4 + 3 * COUNT);
        FloatVector c50 = FloatVector.fromArray(FLOATS, c, r5);
        FloatVector c51 = FloatVector.fromArray(FLOATS, c, r5 + COUNT);
        FloatVector c52 = FloatVector.fromArray(FLOATS, c, r5 + 2 * COUNT);
        FloatVector c53 = FloatVector.fromArray(FLOATS, c, r5 + 3 * COUNT);
        for (int p = 0; p < depth; p++) {
            FloatVector b0 = Lanes.load(b);
            FloatVector b1 = Lanes.load(b + BYTES);
            FloatVector b2 = Lanes.load(b + 2 * BYTES);
            FloatVector b3 = Lanes.load(b + 3 * BYTES);
            FloatVector x = FloatVector.broadcast(FLOATS, a[at]);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            c02 = x.fma(b2, c02);
            c03 = x.fma(b3, c03);
            x = FloatVector.broadcast(FLOATS, a[at + 1]);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            c12 = x.fma(b2, c12);
            c13 = x.fma(b3, c13);
            x = FloatVector.broadcast(FLOATS, a[at + 2]);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            c22 = x.fma(b2, c22);
            c23 = x.fma(b3, c23);
            x = FloatVector.broadcast(FLOATS, a[at + 3]);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
            c32 = x.fma(b2, c32);
            c33 = x.fma(b3, c33);
            x = FloatVector.broadcast(FLOATS, a[at + 4]);
            c40 = x.fma(b0, c40);
            c41 = x.fma(b1, c41);
            c42 = x.fma(b2, c42);
            c43 = x.fma(b3, c43);
            x = FloatVector.broadcast(FLOATS, a[at + 5]);
            c50 = x.fma(b0, c50);
            c51 = x.fma(b1, c51);
            c52 = x.fma(b2, c52);
            c53 = x.fma(b3, c53);
            at += TILE;
            b += bStep;
        }
        c00.intoArray(c, r0);
        c01.intoArray(c, r0 + COUNT);
        c02.intoArray(c, r0 + 2 * COUNT);
        c03.intoArray(c, r0 + 3 * COUNT);
        c10.intoArray(c, r1);
        c11.intoArray(c, r1 + COUNT);
        c12.intoArray(c, r1 + 2 * COUNT);
        c13.intoArray(c, r1 + 3 * COUNT);
        c20.intoArray(c, r2);
        c21.intoArray(c, r2 + COUNT);
        c22.intoArray(c, r2 + 2 * COUNT);
        c23.intoArray(c, r2 + 3 * COUNT);
        c30.intoArray(c, r3);
        c31.intoArray(c, r3 + COUNT);
        c32.intoArray(c, r3 + 2 * COUNT);
        c33.intoArray(c, r3 + 3 * COUNT);
        c40.intoArray(c, r4);
        c41.intoArray(c, r4 + COUNT);
        c42.intoArray(c, r4 + 2 * COUNT);
        c43.intoArray(c, r4 + 3 * COUNT);
        c50.intoArray(c, r5);
        c51.intoArray(c, r5 + COUNT);
        c52.intoArray(c, r5 + 2 * COUNT);
        c53.intoArray(c, r5 + 3 * COUNT);
    }
}
