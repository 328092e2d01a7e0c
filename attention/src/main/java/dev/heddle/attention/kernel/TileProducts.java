package dev.heddle.attention.kernel;

import static dev.heddle.attention.kernel.Lanes.COUNT;
import static dev.heddle.attention.kernel.Lanes.FLOATS;

import jdk.incubator.vector.FloatVector;

/// Products of small matrices, the inner loops of the tiled kernel: `C += A·B` with `A` and `C` in a thread's own
/// arrays and `B` in native memory.
///
/// Six rows of `C` by one, two or four vectors stay in registers over the whole depth. Everything is written out because
/// the compiler keeps the accumulators in registers only as local variables, and `A` and `C` are arrays because each access
/// to a memory segment costs the compiler so many nodes that four vectors would pass its inlining limit. The elements of a
/// row of `A` are neighbours, so that the compiler takes the checks of its indices out of the loop, which is a fifth of the
/// time; [TransposedTileProducts] is the same for neighbours in a column.
final class TileProducts {
    /// Rows are computed in panels of this many.
    static final int PANEL = 6;

    static final long BYTES = (long) COUNT * Float.BYTES;

    // Twenty-four accumulators need the 32 registers of AVX-512 or NEON; with 16, two vectors a row is the most.
    static final boolean WIDE = COUNT == 16 || System.getProperty("os.arch").equals("aarch64");

    private TileProducts() {}

    /// `C[r, n] += Σ_p A[r, p]·B[p, n]`.
    ///
    /// @param a holds `A[r, p]` at `a0 + r·aRow + p`
    /// @param b address of `B[0, 0]`; rows are contiguous
    /// @param bStep bytes from one row of `B` to the next
    /// @param c holds `C[r, n]` at `c0 + r·cRow + n`
    /// @param rows a multiple of [#PANEL]
    /// @param columns a multiple of [Lanes#COUNT]
    /// @param depth the number of terms
    static void multiply(
            float[] a,
            int a0,
            int aRow,
            long b,
            long bStep,
            float[] c,
            int c0,
            int cRow,
            int rows,
            int columns,
            int depth) {
        int column = 0;
        if (WIDE) {
            for (; column + 4 * COUNT <= columns; column += 4 * COUNT) {
                for (int r = 0; r < rows; r += PANEL) {
                    four(a, a0 + r * aRow, aRow, b + 4L * column, bStep, c, c0 + r * cRow + column, cRow, depth);
                }
            }
        }
        for (; column + 2 * COUNT <= columns; column += 2 * COUNT) {
            for (int r = 0; r < rows; r += PANEL) {
                two(a, a0 + r * aRow, aRow, b + 4L * column, bStep, c, c0 + r * cRow + column, cRow, depth);
            }
        }
        for (; column < columns; column += COUNT) {
            for (int r = 0; r < rows; r += PANEL) {
                one(a, a0 + r * aRow, aRow, b + 4L * column, bStep, c, c0 + r * cRow + column, cRow, depth);
            }
        }
    }

    /// As [#multiply], for any `A[r, p]` at `a0 + r·aRow + p·aStep`, but a zero of `A` leaves `C` alone whatever `B`
    /// holds: for tiles with NaN or infinity in masked places, where `0·NaN` would spread.
    static void multiplySkippingZeros(
            float[] a,
            int a0,
            int aRow,
            int aStep,
            long b,
            long bStep,
            float[] c,
            int c0,
            int cRow,
            int rows,
            int columns,
            int depth) {
        for (int r = 0; r < rows; r++) {
            for (int p = 0; p < depth; p++) {
                float x = a[a0 + r * aRow + p * aStep];
                for (int n = 0; x != 0 && n < columns; n += COUNT) {
                    int at = c0 + r * cRow + n;
                    FloatVector row = Lanes.load(b + p * bStep + 4L * n);
                    row.fma(FloatVector.broadcast(FLOATS, x), FloatVector.fromArray(FLOATS, c, at)).intoArray(c, at);
                }
            }
        }
    }

    /// `C[r, :] += Σ_p A[r, p]·B[p, :]`, with rows of the same width in `B` and `C`, for whole panels of rows or, transposed,
    /// of columns of a tile of scores.
    ///
    /// @param finite whether `B` is free of NaN and infinity; where it is not, zeros of `A` must not meet it
    /// @param ofColumns whether `A[r, p]` is at `a0 + p·TILE + r`, rather than at `a0 + r·TILE + p`
    static void multiplyRows(
            boolean finite,
            float[] a,
            int a0,
            boolean ofColumns,
            long b,
            int columns,
            float[] c,
            int c0,
            int rows,
            int depth) {
        int tile = PackedTiles.TILE;
        if (!finite) {
            int row = ofColumns ? 1 : tile;
            int step = ofColumns ? tile : 1;
            multiplySkippingZeros(a, a0, row, step, b, columns * 4L, c, c0, columns, rows, columns, depth);
        } else if (ofColumns) {
            TransposedTileProducts.multiply(a, a0, b, columns * 4L, c, c0, columns, rows, columns, depth);
        } else {
            multiply(a, a0, tile, b, columns * 4L, c, c0, columns, rows, columns, depth);
        }
    }

    /// Six rows by one vector.
    private static void one(float[] a, int at, int aRow, long b, long bStep, float[] c, int c0, int cRow, int depth) {
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
            FloatVector x = FloatVector.broadcast(FLOATS, a[at + p]);
            c00 = x.fma(b0, c00);
            x = FloatVector.broadcast(FLOATS, a[at + aRow + p]);
            c10 = x.fma(b0, c10);
            x = FloatVector.broadcast(FLOATS, a[at + 2 * aRow + p]);
            c20 = x.fma(b0, c20);
            x = FloatVector.broadcast(FLOATS, a[at + 3 * aRow + p]);
            c30 = x.fma(b0, c30);
            x = FloatVector.broadcast(FLOATS, a[at + 4 * aRow + p]);
            c40 = x.fma(b0, c40);
            x = FloatVector.broadcast(FLOATS, a[at + 5 * aRow + p]);
            c50 = x.fma(b0, c50);
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
    private static void two(float[] a, int at, int aRow, long b, long bStep, float[] c, int c0, int cRow, int depth) {
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
            FloatVector x = FloatVector.broadcast(FLOATS, a[at + p]);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            x = FloatVector.broadcast(FLOATS, a[at + aRow + p]);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            x = FloatVector.broadcast(FLOATS, a[at + 2 * aRow + p]);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            x = FloatVector.broadcast(FLOATS, a[at + 3 * aRow + p]);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
            x = FloatVector.broadcast(FLOATS, a[at + 4 * aRow + p]);
            c40 = x.fma(b0, c40);
            c41 = x.fma(b1, c41);
            x = FloatVector.broadcast(FLOATS, a[at + 5 * aRow + p]);
            c50 = x.fma(b0, c50);
            c51 = x.fma(b1, c51);
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
    private static void four(float[] a, int at, int aRow, long b, long bStep, float[] c, int c0, int cRow, int depth) {
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
            FloatVector x = FloatVector.broadcast(FLOATS, a[at + p]);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            c02 = x.fma(b2, c02);
            c03 = x.fma(b3, c03);
            x = FloatVector.broadcast(FLOATS, a[at + aRow + p]);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            c12 = x.fma(b2, c12);
            c13 = x.fma(b3, c13);
            x = FloatVector.broadcast(FLOATS, a[at + 2 * aRow + p]);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            c22 = x.fma(b2, c22);
            c23 = x.fma(b3, c23);
            x = FloatVector.broadcast(FLOATS, a[at + 3 * aRow + p]);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
            c32 = x.fma(b2, c32);
            c33 = x.fma(b3, c33);
            x = FloatVector.broadcast(FLOATS, a[at + 4 * aRow + p]);
            c40 = x.fma(b0, c40);
            c41 = x.fma(b1, c41);
            c42 = x.fma(b2, c42);
            c43 = x.fma(b3, c43);
            x = FloatVector.broadcast(FLOATS, a[at + 5 * aRow + p]);
            c50 = x.fma(b0, c50);
            c51 = x.fma(b1, c51);
            c52 = x.fma(b2, c52);
            c53 = x.fma(b3, c53);
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
