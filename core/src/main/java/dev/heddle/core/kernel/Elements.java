package dev.heddle.core.kernel;

/// How one element is stored; arithmetic is always in double.
public enum Elements {
    /// 32-bit floats.
    F32(Float.BYTES) {
        @Override
        public double get(long base, long index) {
            return Native.getFloat(base + index * Float.BYTES);
        }

        @Override
        public void set(long base, long index, double value) {
            Native.setFloat(base + index * Float.BYTES, (float) value);
        }
    },
    /// 64-bit floats.
    F64(Double.BYTES) {
        @Override
        public double get(long base, long index) {
            return Native.getDouble(base + index * Double.BYTES);
        }

        @Override
        public void set(long base, long index, double value) {
            Native.setDouble(base + index * Double.BYTES, value);
        }
    };

    /// The size of one element.
    public final int bytes;

    Elements(int bytes) {
        this.bytes = bytes;
    }

    /// The element `index` places after the address `base`.
    public abstract double get(long base, long index);

    /// Writes the element `index` places after the address `base`.
    public abstract void set(long base, long index, double value);

    /// Adds to the element `index` places after the address `base`.
    public void add(long base, long index, double value) {
        set(base, index, get(base, index) + value);
    }

    /// Fills a row with the elements from `index` on.
    public void read(long base, long index, double[] row) {
        for (int i = 0; i < row.length; i++) {
            row[i] = get(base, index + i);
        }
    }

    /// Writes `count` numbers of a row, from its place `from` on, to the elements from `index` on.
    public void write(long base, long index, double[] row, int from, int count) {
        for (int i = 0; i < count; i++) {
            set(base, index + i, row[from + i]);
        }
    }
}
