package dev.heddle.core.nn;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Tensor;

/// A trained tensor of a [Module]: a place that holds a value, so that loading and casting can replace it.
public final class Parameter {
    private Tensor value;

    Parameter(Tensor initial) {
        this.value = Autograd.variable(initial);
    }

    /// The value, a leaf of the tape (unless [#bind] put something else there).
    public Tensor value() {
        return value;
    }

    /// Replaces the value by a copy-free leaf over `data`, which this parameter owns from now on.
    ///
    /// @throws ShapeException if the shape is another
    public void set(Tensor data) {
        bind(Autograd.variable(data));
    }

    /// Replaces the value by a tensor that may have been computed from others: gradients then flow to those.
    ///
    /// @throws ShapeException if the shape is another
    public void bind(Tensor computed) {
        if (!computed.shape().equals(value.shape())) {
            throw new ShapeException("parameter: " + computed.shape() + " does not fit " + value.shape());
        }
        value = computed;
    }
}
