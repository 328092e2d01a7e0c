package dev.heddle.benchmarks;

/// What was asked for cannot be.
final class UsageException extends Exception {
    UsageException(String message) {
        super(message);
    }
}
