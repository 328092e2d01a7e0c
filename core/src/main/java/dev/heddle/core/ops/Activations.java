package dev.heddle.core.ops;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.kernel.Kernels;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

/// Element-wise non-linearities and the gated product of GLU layers.
public final class Activations {
    private Activations() {}

    /// `act(x)`, element by element.
    public static Tensor activate(Activation activation, Tensor x) {
        Kernels kernels = x.dtype().kernels();
        Tensor y = Tensor.uninitialised(x.dtype(), x.shape());
        kernels.activation(activation, x.address(), y.address(), y.elements());
        return Autograd.record(
                y,
                dy -> {
                    Tensor dx = Tensor.uninitialised(x.dtype(), x.shape());
                    kernels.activationBackward(activation, x.address(), dy.address(), dx.address(), dx.elements());
                    return new Tensor[] {dx};
                },
                x);
    }

    /// `act'(x)`, element by element, as a constant.
    public static Tensor derivative(Activation activation, Tensor x) {
        Tensor y = Tensor.full(x.dtype(), x.shape(), 1);
        x.dtype().kernels().activationBackward(activation, x.address(), y.address(), y.address(), y.elements());
        return Autograd.record(y, dy -> new Tensor[0], x.detach());
    }

    /// `act(gate) · up`, element by element (arXiv 2002.05202): both of one shape.
    public static Tensor gated(Activation activation, Tensor gate, Tensor up) {
        if (!gate.shape().equals(up.shape())) {
            throw new ShapeException("gated: gate " + gate.shape() + " and up " + up.shape() + " must be equal");
        }
        Kernels kernels = gate.dtype().kernels();
        Tensor y = Tensor.uninitialised(gate.dtype(), gate.shape());
        kernels.gated(activation, gate.address(), up.address(), y.address(), y.elements());
        return Autograd.record(
                y,
                dy -> {
                    Tensor dGate = Tensor.uninitialised(gate.dtype(), gate.shape());
                    Tensor dUp = Tensor.uninitialised(gate.dtype(), gate.shape());
                    kernels.gatedBackward(
                            activation,
                            gate.address(),
                            up.address(),
                            dy.address(),
                            dGate.address(),
                            dUp.address(),
                            dy.elements());
                    return new @Nullable Tensor[] {dGate, dUp};
                },
                gate,
                up);
    }
}
