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
    /// @throws ShapeException if the shape is another, or it is not floating
    public void bind(Tensor computed) {
        requireFit("parameter", computed);
        value = computed;
    }

    /// Refuses a tensor that cannot be the value.
    ///
    /// @param name what the tensor is called
    void requireFit(String name, Tensor tensor) {
        if (!tensor.shape().equals(value.shape()) || !tensor.dtype().isFloating()) {
            throw new ShapeException(
                    name + ": found " + tensor + "; the model needs floating numbers of shape " + value.shape());
        }
    }
}
