package dev.heddle.lab.training;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.FileFormatException;
import dev.heddle.core.file.Safetensors;
import dev.heddle.core.file.SafetensorsWriter;
import dev.heddle.core.nn.Module;
import dev.heddle.core.optim.AdamW;
import dev.heddle.core.tensor.Tensor;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/// All that a training run carries from step to step, in one file: parameters, moments, history. There is no state of
/// a random generator, because randomness follows from seed and step.
public final class TrainingState {
    private static final String FORMAT = "heddle-training-1";
    private static final String PARAMETER = "model.";
    private static final String MOMENT = "optimiser.";

    private final Module model;
    private final AdamW optimiser;
    private History history;

    TrainingState(Module model, AdamW optimiser, History history) {
        this.model = model;
        this.optimiser = optimiser;
        this.history = history;
    }

    AdamW optimiser() {
        return optimiser;
    }

    /// What has happened so far.
    public History history() {
        return history;
    }

    /// Replaces the file whole or not at all.
    ///
    /// @param run what is needed to build the model and the corpus again
    /// @throws dev.heddle.core.error.HeddleException if it cannot be written (disk full, say); the old file is intact
    public void save(Path path, Config run) {
        SafetensorsWriter file = new SafetensorsWriter().metadata("format", FORMAT).metadata("run", run.toJson());
        model.parameters().forEach((name, parameter) -> file.add(PARAMETER + name, parameter.value()));
        optimiser.state().forEach((name, moment) -> file.add(MOMENT + name, moment));
        history.addTo(file);
        file.write(path);
    }

    /// The `run` that a file was saved with.
    ///
    /// @throws FileFormatException if the file is absent, damaged or no training checkpoint
    public static Config run(Path path) {
        try (Safetensors file = Safetensors.open(path)) {
            return run(path, file);
        }
    }

    private static Config run(Path path, Safetensors file) {
        String run = file.metadata().get("run");
        if (!FORMAT.equals(file.metadata().get("format")) || run == null) {
            throw new FileFormatException(
                    path + ": is not a training checkpoint of this version; give a file that 'heddle train' wrote");
        }
        return Config.parse(run);
    }

    /// Continues from a file: the model and optimiser that this state was made for take over what it holds.
    ///
    /// @throws dev.heddle.core.error.HeddleException if the file is damaged or of another model; this state is of no
    ///     further use then
    public void restore(Path path) {
        try (Safetensors file = Safetensors.open(path)) {
            run(path, file);
            History saved = History.read(file);
            Map<String, Tensor> weights = section(file, PARAMETER);
            Map<String, Tensor> moments = section(file, MOMENT);
            model.load(weights);
            optimiser.restore(moments, saved.steps());
            history = saved;
        }
    }

    private static Map<String, Tensor> section(Safetensors file, String prefix) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (String name : file.entries().keySet()) {
            if (name.startsWith(prefix)) {
                tensors.put(name.substring(prefix.length()), file.tensor(name));
            }
        }
        return tensors;
    }
}
