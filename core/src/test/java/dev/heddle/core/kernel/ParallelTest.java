package dev.heddle.core.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ConfigException;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;

class ParallelTest {
    private final int threads = Parallel.threads();

    @AfterEach
    void restore() {
        Parallel.setThreads(threads);
    }

    private static void assertEachOnce(int tasks) {
        AtomicIntegerArray runs = new AtomicIntegerArray(tasks);
        Parallel.run(tasks, runs::incrementAndGet);
        for (int i = 0; i < tasks; i++) {
            assertThat(runs.get(i)).as("runs of task %d", i).isOne();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8})
    void everyTaskRunsExactlyOnce(int threads) {
        Parallel.setThreads(threads);
        for (int tasks : new int[] {0, 1, 2, 3, 7, 64, 1000}) {
            assertEachOnce(tasks);
        }
    }

    @Test
    void everyTaskHasRunWhenTheCallReturns() {
        Parallel.setThreads(3);
        for (int round = 0; round < 20_000; round++) {
            int[] done = new int[5];
            Parallel.run(5, i -> done[i] = 1);
            assertThat(done).containsOnly(1);
        }
    }

    @Test
    void nestedCallsRunInTheCallingTask() {
        Parallel.setThreads(4);
        Parallel.run(
                8,
                i -> {
                    Thread outer = Thread.currentThread();
                    Parallel.run(8, j -> assertThat(Thread.currentThread()).isSameAs(outer));
                });
    }

    @Test
    void callersOnSeveralThreadsDoNotDisturbEachOther() throws InterruptedException {
        Parallel.setThreads(3);
        AtomicBoolean failed = new AtomicBoolean();
        List<Thread> callers = new ArrayList<>();
        for (int c = 0; c < 4; c++) {
            callers.add(
                    Thread.ofPlatform()
                            .start(
                                    () -> {
                                        try {
                                            for (int round = 0; round < 500; round++) {
                                                assertEachOnce(17);
                                            }
                                        } catch (AssertionError e) {
                                            failed.set(true);
                                        }
                                    }));
        }
        for (Thread caller : callers) {
            caller.join();
        }
        assertThat(failed).isFalse();
    }

    @Test
    void theFailureOfATaskIsThrownAndThePoolGoesOn() {
        Parallel.setThreads(3);
        assertThatThrownBy(
                        () ->
                                Parallel.run(
                                        50,
                                        i -> {
                                            if (i == 20) {
                                                throw new IllegalStateException("task 20");
                                            }
                                        }))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("task 20");
        assertEachOnce(50);
    }

    @Test
    void rangesCoverEverythingInPiecesOfTheGrain() {
        Parallel.setThreads(3);
        AtomicIntegerArray seen = new AtomicIntegerArray(103);
        Parallel.ranges(
                103,
                10,
                (from, to) -> {
                    assertThat(to - from).isLessThanOrEqualTo(10);
                    for (long i = from; i < to; i++) {
                        seen.incrementAndGet((int) i);
                    }
                });
        for (int i = 0; i < 103; i++) {
            assertThat(seen.get(i)).isOne();
        }
    }

    @Test
    void noThreadsAreRefused() {
        assertThatThrownBy(() -> Parallel.setThreads(0))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("threads: 0");
    }
}
