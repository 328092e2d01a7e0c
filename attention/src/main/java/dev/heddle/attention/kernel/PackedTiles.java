package dev.heddle.attention.kernel;

import static dev.heddle.attention.kernel.Lanes.COUNT;

import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicIntegerArray;

/// Keys or values copied once per pass, in the order of its places, into tiles of [#TILE] tokens, so that the inner loops
/// read them without strides (rows that lie a power of two apart fall into few cache sets). The memory is the current
/// scope's. The places of tokens beyond the last are zero.
final class PackedTiles {
    /// Tokens in a tile.
    static final int TILE = 64;

    // Of a fixed order, so that the lower half is the first float on every machine.
    private static final ValueLayout.OfLong TWO_FLOATS =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final long LOW = 0xFFFF_FFFFL;

    private static final int STARTED = 1;
    private static final int READY = 2;

    private final Heads source;
    private final Pass pass;
    private final int heads;
    private final int[] places;
    private final int tokens;
    private final int width;
    private final boolean transposed;
    private final int tiles;
    private final int tileFloats;
    private final Tensor memory;
    private final boolean[] finite;
    private final AtomicIntegerArray states;

    private PackedTiles(Heads source, Pass pass, int width, boolean transposed) {
        this.source = source;
        this.pass = pass;
        heads = pass.kvHeads.length;
        tokens = pass.keys;
        places = new int[pass.shape.kvHeads()];
        for (int i = 0; i < heads; i++) {
            places[pass.kvHeads[i]] = i;
        }
        int batch = pass.shape.batch();
        this.width = width;
        this.transposed = transposed;
        tiles = count(tokens);
        tileFloats = TILE * (transposed ? width : Lanes.padded(width));
        memory = Tensor.uninitialised(DType.F32, batch * heads * tiles, tileFloats);
        finite = new boolean[batch * heads * tiles];
        states = new AtomicIntegerArray(batch * heads * tiles);
    }

    /// Tiles `[width][64]`: element `[d, j]` of a tile is feature `d` of its token `j`.
    static PackedTiles transposed(Heads source, Pass pass, int width) {
        return new PackedTiles(source, pass, width, true);
    }

    /// Tiles `[64][padded width]`, one token a row.
    static PackedTiles rows(Heads source, Pass pass, int width) {
        return new PackedTiles(source, pass, width, false);
    }

    /// The number of tiles that hold `tokens`.
    static int count(int tokens) {
        return (tokens + TILE - 1) / TILE;
    }

    /// Packs a tile if nobody has: what is packed where it is needed is still in the cache when it is read.
    void require(int b, int head, int tile) {
        int index = index(b, head, tile);
        if (states.getAcquire(index) == READY) {
            return;
        }
        if (states.compareAndSet(index, 0, STARTED)) {
            pack(index);
            states.setRelease(index, READY);
        } else {
            while (states.getAcquire(index) != READY) {
                Thread.onSpinWait();
            }
        }
    }

    /// Packs several tensors of equal batch, heads and tokens.
    static void fill(PackedTiles... all) {
        // A task is several tiles: a single one is done in a microsecond.
        Parallel.ranges(
                all[0].finite.length,
                4,
                (from, to) -> {
                    for (PackedTiles packed : all) {
                        for (int t = (int) from; t < to; t++) {
                            packed.fill(t);
                        }
                    }
                });
    }

    /// Heads fastest: in a token-major source, what the next head needs lies beside what this one read.
    private void fill(int task) {
        int tile = task / heads % tiles;
        pack((task / (heads * tiles) * heads + task % heads) * tiles + tile);
    }

    private void pack(int index) {
        int head = index / tiles;
        int first = index % tiles * TILE;
        int count = Math.min(TILE, tokens - first);
        long to = memory.address() + (long) index * tileFloats * Float.BYTES;
        if (count < TILE) {
            Native.zero(to, (long) tileFloats * Float.BYTES);
        }
        finite[index] = transposed || copyRows(head, first, count, to);
        if (transposed) {
            transpose(head, first, count, to);
        }
    }

    private long row(int head, int place) {
        return source.f32(head / heads, pass.kvHeads[head % heads], pass.key(place));
    }

    private boolean copyRows(int head, int first, int count, long to) {
        boolean sound = true;
        for (int j = 0; j < count; j++) {
            long from = row(head, first + j);
            sound &= copyRow(from, to + (long) Float.BYTES * j * Lanes.padded(width), width);
        }
        return sound;
    }

    private void transpose(int head, int first, int count, long to) {
        int j = 0;
        for (; j + 2 <= count; j += 2) {
            scatterTwo(row(head, first + j), row(head, first + j + 1), to + (long) Float.BYTES * j, width);
        }
        if (j < count) {
            scatter(row(head, first + j), 0, to + (long) Float.BYTES * j, width);
        }
    }

    /// Writes two rows as neighbouring columns, two features at a time: twice as fast as float by float.
    static void scatterTwo(long left, long right, long to, int width) {
        int pairs = width / 2;
        for (int p = 0; p < pairs; p++) {
            long a = Native.ALL.get(TWO_FLOATS, left + (long) Long.BYTES * p);
            long b = Native.ALL.get(TWO_FLOATS, right + (long) Long.BYTES * p);
            long at = to + 2L * Float.BYTES * TILE * p;
            Native.ALL.set(TWO_FLOATS, at, (a & LOW) | (b << Float.SIZE));
            Native.ALL.set(TWO_FLOATS, at + (long) Float.BYTES * TILE, (a >>> Float.SIZE) | (b & ~LOW));
        }
        scatter(left, 2 * pairs, to, width);
        scatter(right, 2 * pairs, to + Float.BYTES, width);
    }

    static void scatter(long from, int feature, long to, int width) {
        for (int d = feature; d < width; d++) {
            Native.setFloat(to + (long) Float.BYTES * TILE * d, Native.getFloat(from + (long) Float.BYTES * d));
        }
    }

    /// Copies a row, fills it up to the padded width with zeros, and says whether it is free of NaN and infinity.
    static boolean copyRow(long from, long to, int width) {
        FloatVector zeros = FloatVector.zero(Lanes.FLOATS);
        int d = 0;
        for (; d + COUNT <= width; d += COUNT) {
            FloatVector row = Lanes.load(from + (long) Float.BYTES * d);
            Lanes.store(row, to + (long) Float.BYTES * d);
            zeros = row.fma(FloatVector.zero(Lanes.FLOATS), zeros);
        }
        boolean finite = zeros.compare(VectorOperators.EQ, 0f).allTrue();
        for (; d < Lanes.padded(width); d++) {
            float value = d < width ? Native.getFloat(from + (long) Float.BYTES * d) : 0;
            Native.setFloat(to + (long) Float.BYTES * d, value);
            finite &= Float.isFinite(value);
        }
        return finite;
    }

    /// The address of a tile.
    long tile(int b, int head, int tile) {
        return memory.address() + (long) index(b, head, tile) * tileFloats * Float.BYTES;
    }

    /// Whether a tile of rows is free of NaN and infinity. (What comes of transposed tiles is masked afterwards.)
    boolean finite(int b, int head, int tile) {
        return finite[index(b, head, tile)];
    }

    private int index(int b, int head, int tile) {
        return (b * heads + places[head]) * tiles + tile;
    }
}
