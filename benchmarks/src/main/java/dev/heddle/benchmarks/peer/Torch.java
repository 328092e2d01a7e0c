package dev.heddle.benchmarks.peer;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtModel;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;

import dev.heddle.core.kernel.Native;
import dev.heddle.core.kernel.Parallel;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Tensor;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// The PyTorch engine, loaded from the Maven artifacts without a network and with as many threads as Heddle uses.
public final class Torch implements AutoCloseable {
    static {
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
        System.setProperty("ai.djl.pytorch.num_interop_threads", "1");
        System.setProperty("ai.djl.pytorch.num_threads", Integer.toString(Parallel.threads()));
    }

    private final NDManager manager = NDManager.newBaseManager("PyTorch");

    /// Starts the engine.
    public Torch() {
        JniUtils.setNumThreads(Parallel.threads());
    }

    /// The threads that PyTorch works with.
    public int threads() {
        return JniUtils.getNumThreads();
    }

    NDManager manager() {
        return manager;
    }

    /// A copy of a tensor in PyTorch's memory.
    public NDArray copy(Tensor tensor) {
        // PyTorch works on the buffer it is given and keeps that alive, but knows nothing of the tensor.
        int alignment = 64;
        ByteBuffer bytes =
                ByteBuffer.allocateDirect(Math.toIntExact(tensor.bytes()) + alignment)
                        .alignedSlice(alignment)
                        .limit(Math.toIntExact(tensor.bytes()))
                        .slice()
                        .order(ByteOrder.nativeOrder());
        MemorySegment.ofBuffer(bytes).copyFrom(Native.ALL.asSlice(tensor.address(), tensor.bytes()));
        Reference.reachabilityFence(tensor);
        long[] sizes = new long[tensor.rank()];
        for (int axis = 0; axis < sizes.length; axis++) {
            sizes[axis] = tensor.dim(axis);
        }
        DataType type = tensor.dtype() == DType.BOOL ? DataType.BOOLEAN : DataType.FLOAT32;
        return manager.create(bytes, new Shape(sizes), type);
    }

    /// A TorchScript function of tensors.
    ///
    /// @param parameters their names, as `q, k, v`
    /// @param expression what is returned
    public Function function(String parameters, String expression) {
        return load(TorchScript.function(parameters, expression));
    }

    /// A TorchScript function of several statements; see [TorchScript#program].
    Function program(String parameters, String type, String body) {
        return load(TorchScript.program(parameters, type, body));
    }

    private static Function load(byte[] archive) {
        PtModel model = (PtModel) Model.newInstance("peer", "PyTorch");
        try {
            model.load(new ByteArrayInputStream(archive), false);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (MalformedModelException e) {
            throw new IllegalStateException("PyTorch refused the archive", e);
        }
        return new Function(model, (PtSymbolBlock) model.getBlock());
    }

    @Override
    public void close() {
        manager.close();
    }

    /// A compiled function.
    public record Function(PtModel model, PtSymbolBlock block) implements AutoCloseable {
        /// Calls it without recording; the result belongs to the caller.
        public NDArray apply(NDArray... arguments) {
            return IValueUtils.forward(block, new NDList(arguments), false).getFirst();
        }

        /// Calls it and records what its gradient needs.
        public NDArray record(NDArray... arguments) {
            return IValueUtils.forward(block, new NDList(arguments), true).getFirst();
        }

        @Override
        public void close() {
            model.close();
        }
    }
}
