package dev.heddle.core.catalog;

import dev.heddle.core.nn.Module;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

import java.util.Map;

/// A variant built from a configuration, as a function from named inputs to named outputs: the one handle that the
/// equivalence suite, the gradient check, golden files, the cost audit and benchmarks hold it by.
///
/// Names are those of the golden files without their prefix: inputs `x`, `key_mask`, …, outputs `y`, `lse`, …
public interface Subject {
    /// The trained parameters, none by default; [#bind] says how golden names map to them.
    default Module module() {
        return new WithoutParameters();
    }

    /// Runs one form. The main output is called `y`, or `loss` for a language model.
    Map<String, Tensor> run(Map<String, Tensor> inputs, Form form);

    /// Lets the parameters be the given weights, by their golden names, so that gradients flow to those.
    ///
    /// @throws dev.heddle.core.error.ConfigException if names are missing or left over
    default void bind(Map<String, Tensor> weights) {
        module().bind(weights);
    }

    /// Random inputs for a batch of sequences of `length` tokens.
    Map<String, Tensor> sampleInputs(int batch, int length, DType dtype, Seed seed);

    /// What the variant promises to cost for one sequence of `length` tokens.
    Cost cost(int length);

    /// The numbers that the state really holds after `length` tokens; 0 without a state.
    default long stateElements(int length) {
        return 0;
    }

    /// True if gradients flow through this form to every input and parameter: the suite then compares them with those of
    /// the parallel form.
    default boolean trains(Form form) {
        return form instanceof Form.Parallel;
    }

    /// False if this configuration lacks a form that the variant declares: attention to both sides has none that goes
    /// token by token.
    default boolean supports(Form form) {
        return true;
    }

    /// The share by which a forward pass over `length` tokens may do more multiply-adds than [#cost] promises, because
    /// kernels fill up their tiles.
    default double padding(int length) {
        return 0;
    }

    /// The form that a golden file of this mode (`parallel`, `recurrent`, `decode` …) is about.
    default Form form(String mode) {
        return Form.PARALLEL;
    }

    /// The longest sequence that can be run, in tokens.
    default int longest() {
        return Integer.MAX_VALUE;
    }
}
