package dev.heddle.core.tensor;

import dev.heddle.core.kernel.Native;

import org.jspecify.annotations.Nullable;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/// The pool that all tensor memory comes from.
///
/// Blocks are 64-byte aligned and kept by size class when they are returned, so a training step that repeats the same
/// shapes allocates nothing after the first. A tensor made inside a [Scope] gives its block back when the scope ends;
/// one made outside gives it back when the garbage collector finds it.
public final class Memory {
    /// Fills fresh memory with a pattern that is NaN in both float types: tests run with it.
    private static final boolean POISON = Boolean.getBoolean("heddle.poison");

    private static final long SLAB_BYTES = 1L << 20;
    private static final long SLAB_LIMIT = SLAB_BYTES / 16;
    private static final int ALIGNMENT = 64;

    private static final Cleaner CLEANER = Cleaner.create();
    private static final Map<Long, ArrayDeque<Block>> FREE = new HashMap<>();
    private static final AtomicLong LIVE = new AtomicLong();
    private static long slabAddress;
    private static long slabLeft;

    private Memory() {}

    /// Bytes held by tensors now, those included that wait for the garbage collector.
    public static long liveBytes() {
        return LIVE.get();
    }

    /// Gives the pool's large unused blocks back to the operating system.
    public static void trim() {
        synchronized (FREE) {
            for (ArrayDeque<Block> blocks : FREE.values()) {
                blocks.removeIf(Block::close);
            }
        }
    }

    /// A block of at least `bytes`, owned by the current scope or, outside any, by the garbage collector.
    static Buffer allocate(long bytes) {
        Scope scope = Scope.current();
        long size = sizeClass(bytes);
        if (scope != null) {
            scope.admit(size);
        }
        Block block = take(size);
        LIVE.addAndGet(block.bytes);
        if (POISON) {
            Native.ALL.asSlice(block.address, block.bytes).fill((byte) 0xFF);
        }
        Buffer buffer = new Buffer(block.address, new Lease(block, new AtomicBoolean()));
        if (scope == null) {
            handToCollector(buffer);
        } else {
            scope.own(buffer);
        }
        return buffer;
    }

    /// Memory that belongs to somebody else and never enters the pool.
    static Buffer foreign(long address) {
        return new Buffer(address, null);
    }

    /// Lets the garbage collector decide when the buffer's block comes back.
    static void handToCollector(Buffer buffer) {
        Lease lease = buffer.lease;
        if (lease != null) {
            CLEANER.register(buffer, lease::end);
        }
    }

    private static void release(Block block) {
        LIVE.addAndGet(-block.bytes);
        synchronized (FREE) {
            FREE.computeIfAbsent(block.bytes, size -> new ArrayDeque<>()).push(block);
        }
    }

    private static Block take(long bytes) {
        synchronized (FREE) {
            ArrayDeque<Block> blocks = FREE.get(bytes);
            if (blocks != null && !blocks.isEmpty()) {
                return blocks.pop();
            }
            return bytes <= SLAB_LIMIT ? carve(bytes) : map(bytes);
        }
    }

    // Small blocks share a slab that is never given back: an arena for each would cost more than the block.
    private static Block carve(long bytes) {
        if (slabLeft < bytes) {
            slabAddress = Arena.global().allocate(SLAB_BYTES, ALIGNMENT).address();
            slabLeft = SLAB_BYTES;
        }
        Block block = new Block(slabAddress, bytes, null);
        slabAddress += bytes;
        slabLeft -= bytes;
        return block;
    }

    private static Block map(long bytes) {
        Arena arena = Arena.ofShared();
        MemorySegment large = HugePages.allocate(bytes, arena);
        MemorySegment segment = large == null ? arena.allocate(bytes, ALIGNMENT) : large;
        return new Block(segment.address(), bytes, arena);
    }

    // Eight classes for each power of two: at most an eighth is wasted, and shapes that grow by a token at a time
    // (decoding) still meet the blocks that earlier ones returned.
    private static long sizeClass(long bytes) {
        long rounded = Math.max(ALIGNMENT, bytes);
        long step = Math.max(ALIGNMENT, Long.highestOneBit(rounded) >> 3);
        return (rounded + step - 1) / step * step;
    }

    /// A piece of native memory that moves between the pool and buffers.
    record Block(long address, long bytes, @Nullable Arena arena) {
        boolean close() {
            if (arena == null) {
                return false;
            }
            arena.close();
            return true;
        }
    }

    /// The one right to give a block back, used by whichever comes first: the scope's end, the backward pass, the
    /// garbage collector.
    private record Lease(Block block, AtomicBoolean returned) {
        boolean end() {
            boolean first = returned.compareAndSet(false, true);
            if (first) {
                release(block);
            }
            return first;
        }
    }

    /// The memory of one or more tensors that share it. The address goes when the memory goes back to the pool.
    static final class Buffer {
        private static final AtomicLong COUNTER = new AtomicLong();

        private final long number = COUNTER.getAndIncrement();
        private final long address;
        private final @Nullable Lease lease;
        private @Nullable Scope owner;

        private Buffer(long address, @Nullable Lease lease) {
            this.address = address;
            this.lease = lease;
        }

        long address() {
            return address;
        }

        boolean isClosed() {
            return lease != null && lease.returned.get();
        }

        /// Gives the memory back; does nothing the second time, nor for memory of somebody else.
        void close() {
            if (lease != null && lease.end() && owner != null) {
                owner.gaveBack(bytes());
            }
        }

        long bytes() {
            return lease == null ? 0 : lease.block.bytes;
        }

        void ownedBy(@Nullable Scope scope) {
            owner = scope;
        }

        /// A number greater than that of every buffer made so far.
        static long mark() {
            return COUNTER.get();
        }

        boolean isYoungerThan(long mark) {
            return number >= mark;
        }
    }
}
