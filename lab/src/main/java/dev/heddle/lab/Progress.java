package dev.heddle.lab;

import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

import org.jspecify.annotations.Nullable;

import java.util.Locale;

/// A progress bar on standard error, or nothing where nobody watches.
public final class Progress implements AutoCloseable {
    private static final int INTERVAL_MILLIS = 250;

    private final @Nullable ProgressBar bar;

    private Progress(@Nullable ProgressBar bar) {
        this.bar = bar;
    }

    /// A bar with a name and steps to count, unless quiet or not at a terminal.
    public static Progress of(String task, long steps, boolean quiet) {
        if (quiet || !isTerminal()) {
            return none();
        }
        return new Progress(
                new ProgressBarBuilder()
                        .setTaskName(task)
                        .setInitialMax(steps)
                        .setUpdateIntervalMillis(INTERVAL_MILLIS)
                        .setStyle(ProgressBarStyle.UNICODE_BLOCK)
                        .build());
    }

    /// Shows nothing.
    public static Progress none() {
        return new Progress(null);
    }

    private static boolean isTerminal() {
        return System.console() != null && System.console().isTerminal();
    }

    /// Shows how far it is, with the loss in nats and the speed.
    public void show(long done, double loss, double tokensPerSecond) {
        if (bar != null) {
            bar.stepTo(done);
            bar.setExtraMessage(String.format(Locale.ROOT, " loss %.3f, %,.0f tokens/s", loss, tokensPerSecond));
        }
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
