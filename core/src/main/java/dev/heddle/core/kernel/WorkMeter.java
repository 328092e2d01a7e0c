package dev.heddle.core.kernel;

import java.util.concurrent.atomic.LongAdder;

/// Counts the multiply-adds that matrix products and attention kernels carry out, for the cost audit.
public final class WorkMeter {
    private static final LongAdder MULTIPLY_ADDS = new LongAdder();
    private static volatile boolean running;

    private WorkMeter() {}

    /// Reports work done; free unless somebody is measuring.
    public static void add(long multiplyAdds) {
        if (running) {
            MULTIPLY_ADDS.add(multiplyAdds);
        }
    }

    /// The multiply-adds that `work` carries out, on whatever threads. One measurement at a time.
    public static synchronized long measure(Runnable work) {
        MULTIPLY_ADDS.reset();
        running = true;
        try {
            work.run();
        } finally {
            running = false;
        }
        return MULTIPLY_ADDS.sum();
    }
}
