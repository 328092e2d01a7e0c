package dev.heddle.testkit;

import dev.heddle.core.tensor.DType;

import java.util.List;

/// Which of Heddle's two paths a golden file is held against.
public enum Precision {
    /// Double precision, the plain reference kernels.
    F64(DType.F64),
    /// Single precision, the fused kernels that users run.
    F32(DType.F32),
    /// One after the other; the worse result counts.
    BOTH(DType.F64, DType.F32);

    private final List<DType> types;

    Precision(DType... types) {
        this.types = List.of(types);
    }

    List<DType> types() {
        return types;
    }
}
