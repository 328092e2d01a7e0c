package dev.heddle.lab.training;

import dev.heddle.core.error.NumericException;
import dev.heddle.core.nn.Module;
import dev.heddle.core.nn.Parameter;
import dev.heddle.core.nn.TrainingPass;
import dev.heddle.core.ops.CrossEntropy;
import dev.heddle.core.optim.AdamW;
import dev.heddle.core.optim.GradientClipping;
import dev.heddle.core.optim.LearningRate;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.lab.corpus.TokenSplit;

import java.util.Map;
import java.util.function.UnaryOperator;

/// Trains a language model to predict the next token: AdamW under a warm-up and cosine schedule, with clipping.
///
/// Batches and dropout of a step follow from the seed and the number of the step, so a run that continues from a saved
/// [TrainingState] ends with the same bits as one that was never stopped.
public final class Trainer {
    private static final double BETA1 = 0.9;
    private static final double BETA2 = 0.99;
    private static final double EPS = 1e-8;

    private final UnaryOperator<Tensor> forward;
    private final TrainingSettings settings;
    private final TrainingListener listener;
    private final Map<String, Parameter> parameters;
    private final Windows training;
    private final Evaluation validation;
    private final LearningRate schedule;
    private final Seed batchSeed;
    private final Seed dropoutSeed;
    private final TrainingState state;

    /// @param model the parameters to train
    /// @param forward the model's function: tokens `[B, N]` → logits `[B, N, V]`
    public Trainer(
            Module model,
            UnaryOperator<Tensor> forward,
            TokenSplit tokens,
            TrainingSettings settings,
            TrainingListener listener) {
        this.forward = forward;
        this.settings = settings;
        this.listener = listener;
        this.parameters = model.parameters();
        this.training = new Windows(tokens.training(), settings.context());
        this.validation = new Evaluation(tokens.validation(), settings.context(), settings.batch());
        this.schedule = settings.schedule();
        Seed seed = Seed.of(settings.seed());
        this.batchSeed = seed.split("batches");
        this.dropoutSeed = seed.split("dropout");
        AdamW optimiser = new AdamW(parameters, new AdamW.Settings(BETA1, BETA2, EPS, settings.weightDecay()));
        this.state = new TrainingState(model, optimiser, new History());
    }

    /// The live state: [TrainingState#restore] continues another run from here.
    public TrainingState state() {
        return state;
    }

    /// Trains until all steps are done.
    ///
    /// @throws NumericException if the loss or a gradient is not finite; the parameters are then as before that step
    public History run() {
        History history = state.history();
        while (true) {
            int step = history.steps();
            boolean last = step >= settings.steps();
            if (!history.isEvaluatedAt(step) && (last || step % settings.evaluateEvery() == 0)) {
                evaluate(step, last);
            }
            if (step > 0 && (last || step % settings.checkpointEvery() == 0)) {
                refuseIfBroken(step, validation.loss(forward, 1));
                listener.onCheckpoint(state);
            }
            if (last) {
                return history;
            }
            update(step);
        }
    }

    private void evaluate(int step, boolean last) {
        boolean all = last || settings.evaluationWindows() == 0;
        double loss = all ? validation.loss(forward) : validation.loss(forward, settings.evaluationWindows());
        refuseIfBroken(step, loss);
        History.Point point = new History.Point(step, loss);
        state.history().addEvaluation(point);
        listener.onEvaluation(point, state.history());
    }

    private void update(int step) {
        long start = System.nanoTime();
        double loss;
        try (Scope _ = Scope.open()) {
            Windows.Batch batch = training.random(settings.batch(), batchSeed.split(step));
            Tensor lossTensor =
                    TrainingPass.run(
                            dropoutSeed.split(step),
                            () -> CrossEntropy.mean(forward.apply(batch.inputs()), batch.targets()));
            loss = lossTensor.item();
            if (!Double.isFinite(loss)) {
                throw notFinite(step, "the loss is " + loss, firstBadParameter());
            }
            Gradients gradients = Autograd.gradients(lossTensor);
            double norm = GradientClipping.norm(parameters.values(), gradients);
            if (!Double.isFinite(norm)) {
                throw notFinite(step, "the gradient's norm is " + norm, firstBadGradient(gradients));
            }
            state.optimiser().step(gradients, schedule.at(step), GradientClipping.factor(norm, settings.clip()));
        }
        state.history().addStep(loss, (System.nanoTime() - start) * 1e-9);
        listener.onStep(step + 1, loss);
    }

    // An update can break a model that the loss before it showed in order; such a model must not replace a saved one.
    private void refuseIfBroken(int step, double validationLoss) {
        if (!Double.isFinite(validationLoss)) {
            throw notFinite(step, "the validation loss is " + validationLoss, firstBadParameter());
        }
    }

    private static NumericException notFinite(int step, String what, String where) {
        return new NumericException(
                "training: "
                        + what
                        + " at step "
                        + step
                        + ", first in "
                        + where
                        + "; the last checkpoint is untouched; use a lower learning rate or a longer warm-up");
    }

    private String firstBadParameter() {
        for (Map.Entry<String, Parameter> entry : parameters.entrySet()) {
            if (isBad(entry.getValue().value())) {
                return "parameter '" + entry.getKey() + "'";
            }
        }
        return "the logits (every parameter is finite)";
    }

    private String firstBadGradient(Gradients gradients) {
        for (Map.Entry<String, Parameter> entry : parameters.entrySet()) {
            if (isBad(gradients.of(entry.getValue().value()))) {
                return "the gradient of '" + entry.getKey() + "'";
            }
        }
        return "the sum of squares (every gradient is finite)";
    }

    private static boolean isBad(Tensor tensor) {
        for (long i = 0; i < tensor.elements(); i++) {
            if (!Double.isFinite(tensor.at(i))) {
                return true;
            }
        }
        return false;
    }
}
