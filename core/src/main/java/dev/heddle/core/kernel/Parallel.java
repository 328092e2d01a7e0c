package dev.heddle.core.kernel;

import dev.heddle.core.error.ConfigException;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;

/// A fixed pool that runs independent, numbered tasks.
///
/// The tasks of a call are claimed dynamically, so uneven ones balance out, but how work is cut into tasks must depend
/// on the problem only, never on [#threads()]: each task owns its output, and the result has the same bits on one
/// thread or many. The calling thread works too. Nested calls run in the calling task.
public final class Parallel {
    private static final int SPINS = 4_000;
    private static final ThreadLocal<Boolean> INSIDE = ThreadLocal.withInitial(() -> false);

    private static volatile Parallel shared = new Parallel(defaultThreads());

    private final Worker[] workers;
    private final AtomicReference<Thread> owner = new AtomicReference<>();

    private Parallel(int threads) {
        workers = new Worker[threads - 1];
        for (int i = 0; i < workers.length; i++) {
            workers[i] = new Worker("heddle-" + (i + 1));
            workers[i].start();
        }
    }

    private static int defaultThreads() {
        return Integer.getInteger("heddle.threads", Runtime.getRuntime().availableProcessors());
    }

    /// The number of threads that share the work, the caller included.
    public static int threads() {
        return shared.workers.length + 1;
    }

    /// Replaces the pool by one of `threads` threads; results do not change, only how long they take.
    ///
    /// @throws ConfigException if `threads` is less than 1
    public static synchronized void setThreads(int threads) {
        if (threads < 1) {
            throw new ConfigException("threads: " + threads + " asked for; use 1 or more");
        }
        if (threads != threads()) {
            Parallel old = shared;
            shared = new Parallel(threads);
            old.stop();
        }
    }

    /// Runs `body` once for every number in `0..tasks-1` and returns when all are done. The first failure of a task is
    /// thrown here after the others have ended.
    public static void run(int tasks, IntConsumer body) {
        if (tasks <= 0) {
            return;
        }
        Parallel pool = shared;
        if (tasks == 1 || pool.workers.length == 0 || INSIDE.get() || !pool.claim()) {
            for (int i = 0; i < tasks; i++) {
                body.accept(i);
            }
            return;
        }
        try {
            pool.share(new Batch(tasks, body));
        } finally {
            pool.owner.set(null);
        }
    }

    /// Cuts `0..size-1` into ranges of `grain` elements and runs them. Use a grain that makes a task worth some
    /// microseconds and depends on the problem only.
    public static void ranges(long size, long grain, RangeBody body) {
        if (size <= grain) {
            if (size > 0) {
                body.run(0, size);
            }
            return;
        }
        int tasks = Math.toIntExact((size + grain - 1) / grain);
        run(tasks, t -> body.run(t * grain, Math.min(size, (t + 1) * grain)));
    }

    /// A half-open range of the work.
    @FunctionalInterface
    public interface RangeBody {
        void run(long from, long to);
    }

    private boolean claim() {
        return owner.compareAndSet(null, Thread.currentThread());
    }

    private void share(Batch batch) {
        int helpers = Math.min(workers.length, batch.tasks - 1);
        batch.pending.set(helpers);
        for (int i = 0; i < helpers; i++) {
            workers[i].hand(batch);
        }
        batch.work();
        // A helper that has not woken up yet is not waited for: the work is done.
        for (int i = 0; i < helpers; i++) {
            workers[i].revoke(batch);
        }
        batch.await();
        Throwable failure = batch.failure.get();
        if (failure instanceof RuntimeException e) {
            throw e;
        }
        if (failure instanceof Error e) {
            throw e;
        }
    }

    private void stop() {
        for (Worker worker : workers) {
            worker.stopped = true;
            LockSupport.unpark(worker);
        }
    }

    /// One call's tasks, claimed one by one.
    private static final class Batch {
        final int tasks;
        final IntConsumer body;
        final AtomicInteger next = new AtomicInteger();
        final AtomicInteger pending = new AtomicInteger();
        final AtomicReference<Throwable> failure = new AtomicReference<>();
        final Thread caller = Thread.currentThread();

        Batch(int tasks, IntConsumer body) {
            this.tasks = tasks;
            this.body = body;
        }

        void work() {
            INSIDE.set(true);
            try {
                for (int i = next.getAndIncrement(); i < tasks; i = next.getAndIncrement()) {
                    body.accept(i);
                }
            } catch (RuntimeException | Error e) {
                failure.compareAndSet(null, e);
            } finally {
                INSIDE.set(false);
            }
        }

        void await() {
            for (int spins = 0; pending.get() > 0; spins++) {
                if (spins < SPINS) {
                    Thread.onSpinWait();
                } else {
                    LockSupport.parkNanos(this, 50_000);
                }
            }
        }

        void left() {
            if (pending.decrementAndGet() == 0) {
                LockSupport.unpark(caller);
            }
        }
    }

    private static final class Worker extends Thread {
        private final AtomicReference<Batch> handed = new AtomicReference<>();
        private volatile boolean stopped;

        Worker(String name) {
            super(name);
            setDaemon(true);
        }

        void hand(Batch batch) {
            handed.set(batch);
            LockSupport.unpark(this);
        }

        void revoke(Batch batch) {
            if (handed.compareAndSet(batch, null)) {
                batch.left();
            }
        }

        @Override
        public void run() {
            while (!stopped) {
                Batch batch = take();
                if (batch != null) {
                    batch.work();
                    batch.left();
                }
            }
        }

        // Spinning for a few microseconds first: training steps hand out work every few tens of microseconds, and a
        // parked thread takes about as long to wake up.
        private Batch take() {
            for (int spins = 0; spins < SPINS; spins++) {
                Batch batch = handed.getAndSet(null);
                if (batch != null) {
                    return batch;
                }
                Thread.onSpinWait();
            }
            if (handed.get() == null && !stopped) {
                LockSupport.park(this);
            }
            return handed.getAndSet(null);
        }
    }
}
