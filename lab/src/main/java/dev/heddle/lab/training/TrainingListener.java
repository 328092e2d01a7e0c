package dev.heddle.lab.training;

/// What wants to know how a training run goes: progress bars, checkpoints.
public interface TrainingListener {
    /// After an update.
    ///
    /// @param done updates done
    /// @param loss of the step's batch, before the update
    default void onStep(int done, double loss) {}

    /// After an evaluation.
    default void onEvaluation(History.Point point, History history) {}

    /// When the state is due to be saved.
    default void onCheckpoint(TrainingState state) {}
}
