package dev.heddle.lab.training;

import dev.heddle.core.error.FileFormatException;
import dev.heddle.core.file.Safetensors;
import dev.heddle.core.file.SafetensorsWriter;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/// What a training run has seen so far.
public final class History {
    private final List<Double> losses = new ArrayList<>();
    private final List<Double> seconds = new ArrayList<>();
    private final List<Point> evaluations = new ArrayList<>();

    History() {}

    /// A validation loss.
    ///
    /// @param step updates done before
    /// @param loss nats a token
    public record Point(int step, double loss) {}

    void addStep(double loss, double duration) {
        losses.add(loss);
        seconds.add(duration);
    }

    void addEvaluation(Point point) {
        evaluations.add(point);
    }

    /// Updates done.
    public int steps() {
        return losses.size();
    }

    /// The training loss of every step's batch, before its update, in nats a token.
    public List<Double> losses() {
        return List.copyOf(losses);
    }

    /// The evaluations in order.
    public List<Point> evaluations() {
        return List.copyOf(evaluations);
    }

    /// The evaluation with the lowest loss, the first of them.
    public Optional<Point> best() {
        return evaluations.stream().min(Comparator.comparingDouble(Point::loss));
    }

    boolean isEvaluatedAt(int step) {
        return !evaluations.isEmpty() && evaluations.getLast().step() == step;
    }

    /// Seconds spent in updates.
    public double trainingSeconds() {
        return seconds.stream().mapToDouble(Double::doubleValue).sum();
    }

    /// The median duration of a step of the second half, when compilation is over; NaN before the first step.
    public double medianStepSeconds() {
        double[] sorted = seconds.stream().skip(seconds.size() / 2).mapToDouble(Double::doubleValue).sorted().toArray();
        return sorted.length == 0 ? Double.NaN : sorted[sorted.length / 2];
    }

    void addTo(SafetensorsWriter file) {
        file.add("history.losses", column(losses));
        file.add("history.seconds", column(seconds));
        file.add("history.evaluations", column(evaluations.stream().map(point -> (double) point.step()).toList()));
        file.add("history.evaluation_losses", column(evaluations.stream().map(Point::loss).toList()));
    }

    private static Tensor column(List<Double> values) {
        return Tensor.of(values.stream().mapToDouble(Double::doubleValue).toArray(), values.size());
    }

    static History read(Safetensors file) {
        History history = new History();
        double[] losses = file.doubles("history.losses");
        double[] seconds = file.doubles("history.seconds");
        double[] steps = file.doubles("history.evaluations");
        double[] evaluations = file.doubles("history.evaluation_losses");
        if (losses.length != seconds.length || steps.length != evaluations.length) {
            throw new FileFormatException("checkpoint: the columns of its history differ in length; it is damaged");
        }
        for (int i = 0; i < losses.length; i++) {
            history.addStep(losses[i], seconds[i]);
        }
        for (int i = 0; i < steps.length; i++) {
            history.addEvaluation(new Point((int) steps[i], evaluations[i]));
        }
        return history;
    }
}
