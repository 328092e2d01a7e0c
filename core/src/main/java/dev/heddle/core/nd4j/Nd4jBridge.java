package dev.heddle.core.nd4j;

import dev.heddle.core.error.ShapeException;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.indexer.ByteIndexer;
import org.bytedeco.javacpp.indexer.DoubleIndexer;
import org.bytedeco.javacpp.indexer.FloatIndexer;
import org.bytedeco.javacpp.indexer.Indexer;
import org.bytedeco.javacpp.indexer.IntIndexer;
import org.nd4j.linalg.api.buffer.DataBuffer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

import java.util.Arrays;

/// Heddle tensors as ND4J arrays and back, over the same memory. Nothing else in Heddle shows an [INDArray].
///
/// A view lives as long as what it views: keep the tensor reachable while its array is in use (arrays made here do so
/// by themselves for arrays that become tensors), and do not let it leave the tensor's scope.
public final class Nd4jBridge {
    private Nd4jBridge() {}

    /// A tensor over the array's memory; copied first if the array is not dense and row-major.
    ///
    /// @throws ShapeException if the array's type is not FLOAT, DOUBLE, INT or BOOL
    public static Tensor tensor(INDArray array) {
        DType dtype = dtype(array.dataType());
        boolean dense =
                array.ordering() == 'c' && !array.isView() && array.elementWiseStride() == 1
                        || array.length() <= 1 && !array.isView();
        INDArray source = dense ? array : array.dup('c');
        int[] sizes = Arrays.stream(source.shape()).mapToInt(Math::toIntExact).toArray();
        long address = source.isEmpty() ? 0 : source.data().address();
        return Tensor.wrap(dtype, Shape.of(sizes), address, source);
    }

    /// An array over the tensor's memory.
    public static INDArray array(Tensor tensor) {
        DataType type = dataType(tensor.dtype());
        long[] sizes = Arrays.stream(tensor.shape().toArray()).asLongStream().toArray();
        if (tensor.elements() == 0) {
            return Nd4j.empty(type);
        }
        DataBuffer buffer = buffer(tensor, type);
        return Nd4j.create(buffer, sizes);
    }

    private static DataBuffer buffer(Tensor tensor, DataType type) {
        long length = tensor.elements();
        Pointer raw = new At(tensor, length);
        return switch (tensor.dtype()) {
            case F32 -> {
                FloatPointer pointer = new FloatPointer(raw);
                yield Nd4j.createBuffer(pointer, type, length, (Indexer) FloatIndexer.create(pointer));
            }
            case F64 -> {
                DoublePointer pointer = new DoublePointer(raw);
                yield Nd4j.createBuffer(pointer, type, length, (Indexer) DoubleIndexer.create(pointer));
            }
            case I32 -> {
                IntPointer pointer = new IntPointer(raw);
                yield Nd4j.createBuffer(pointer, type, length, (Indexer) IntIndexer.create(pointer));
            }
            case BOOL -> {
                BytePointer pointer = new BytePointer(raw);
                yield Nd4j.createBuffer(pointer, type, length, (Indexer) ByteIndexer.create(pointer));
            }
        };
    }

    /// A JavaCPP pointer at a tensor's memory.
    private static final class At extends Pointer {
        At(Tensor tensor, long length) {
            this.address = tensor.address();
            this.limit = length;
            this.capacity = length;
        }
    }

    private static DType dtype(DataType type) {
        return switch (type) {
            case FLOAT -> DType.F32;
            case DOUBLE -> DType.F64;
            case INT -> DType.I32;
            case BOOL -> DType.BOOL;
            default ->
                    throw new ShapeException(
                            "array: type " + type + " has no tensor type; cast it to FLOAT, DOUBLE, INT or BOOL");
        };
    }

    private static DataType dataType(DType dtype) {
        return switch (dtype) {
            case F32 -> DataType.FLOAT;
            case F64 -> DataType.DOUBLE;
            case I32 -> DataType.INT32;
            case BOOL -> DataType.BOOL;
        };
    }
}
