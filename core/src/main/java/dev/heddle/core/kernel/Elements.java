package dev.heddle.core.kernel;

/// How one element is stored; arithmetic is always in double.
enum Elements {
    F32(Float.BYTES) {
        @Override
        double get(long base, long index) {
            return Native.getFloat(base + index * Float.BYTES);
        }

        @Override
        void set(long base, long index, double value) {
            Native.setFloat(base + index * Float.BYTES, (float) value);
        }
    },
    F64(Double.BYTES) {
        @Override
        double get(long base, long index) {
            return Native.getDouble(base + index * Double.BYTES);
        }

        @Override
        void set(long base, long index, double value) {
            Native.setDouble(base + index * Double.BYTES, value);
        }
    };

    /// The size of one element.
    final int bytes;

    Elements(int bytes) {
        this.bytes = bytes;
    }

    /// The element `index` places after the address `base`.
    abstract double get(long base, long index);

    abstract void set(long base, long index, double value);
}
