package dev.heddle.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.openjdk.jmh.runner.options.TimeValue;

import java.io.OutputStream;
import java.io.PrintStream;
import java.util.Collections;

class EffortTest {
    private static Effort effort(double share, String... arguments) throws UsageException {
        Request request = Request.parse(arguments);
        Progress silent = new Progress(new PrintStream(OutputStream.nullOutputStream()));
        return Effort.of(Selection.of(request, silent).cases().getFirst().entry(), request.jmh(), share);
    }

    @Test
    void kernelGetsEightSecondsToWarmUp() throws Exception {
        Effort kernel = new Effort(1, 2, TimeValue.milliseconds(4000), 5, TimeValue.milliseconds(1000));
        assertThat(effort(1, "KernelBenchmark")).isEqualTo(kernel);
    }

    @Test
    void trainingStepGetsFifteenSeconds() throws Exception {
        Effort step = new Effort(1, 3, TimeValue.milliseconds(5000), 5, TimeValue.milliseconds(2000));
        assertThat(effort(1, "TrainingStepBenchmark")).isEqualTo(step);
    }

    @Test
    void whatTheCommandLineSaysIsNeverCut() throws Exception {
        Effort asked = new Effort(2, 1, TimeValue.milliseconds(7000), 4, TimeValue.milliseconds(10));
        assertThat(effort(0.5, "KernelBenchmark", "-f", "2", "-wi", "1", "-w", "7000ms", "-i", "4", "-r", "10ms"))
                .isEqualTo(asked);
    }

    @Test
    void timesAreCutAlikeButNotToNothing() throws Exception {
        assertThat(effort(0.25, "KernelBenchmark"))
                .isEqualTo(new Effort(1, 2, TimeValue.milliseconds(1000), 5, TimeValue.milliseconds(250)));
        TimeValue shortest = TimeValue.milliseconds(50);
        assertThat(effort(0, "KernelBenchmark")).isEqualTo(new Effort(1, 2, shortest, 5, shortest));
    }

    @Test
    void budgetIsSharedOnlyByMoreThanItHolds() throws Exception {
        Effort kernel = effort(1, "KernelBenchmark");
        assertThat(Effort.share(Collections.nCopies(32, kernel))).isEqualTo(1);
        assertThat(Effort.share(Collections.nCopies(90, kernel))).isEqualTo(3.0 / 13);
        assertThat(Effort.share(Collections.nCopies(200, kernel))).isZero();
    }
}
