package dev.heddle.lab.environment;

import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

import org.jspecify.annotations.Nullable;

import java.util.Locale;

/// A progress bar on standard error, or nothing where nobody watches.
public final class Progress implements AutoCloseable {
    private static final int INTERVAL_MILLIS = 250;

    /// System property by which the launcher says whether standard error is a terminal.
    private static final String TERMINAL = "heddle.terminal";

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

    // The console of Java is that of all three streams; which one of them is a terminal only the launcher can tell.
    private static boolean isTerminal() {
        String told = System.getProperty(TERMINAL);
        return told == null ? System.console() != null && System.console().isTerminal() : Boolean.parseBoolean(told);
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
