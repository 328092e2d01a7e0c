package dev.heddle.attention.composed;

import dev.heddle.attention.composed.TilePlan.QueryTile;
import dev.heddle.attention.composed.TilePlan.Stretch;
import dev.heddle.core.kernel.Blas;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import org.jspecify.annotations.Nullable;

import java.util.List;

/// One composition of one call: its factors where tiles read them, the keys' turned so that neighbouring keys lie
/// side by side. A side without factors reads zeros.
final class Stage {
    private final Composition composition;
    private final DType dtype;
    private final int batch;
    private final int heads;
    private final TilePlan plan;
    private final Mixing mixing;
    private final Tensor queries;

    /// `[B, F·H, room]`, or zeros for one row.
    private final Tensor keys;

    Stage(Composition composition, Tensor q, TilePlan plan) {
        this.composition = composition;
        this.plan = plan;
        dtype = q.dtype();
        batch = q.dim(0);
        heads = q.dim(2);
        mixing = Mixing.of(dtype);
        Tensor byQuery = composition.byQuery();
        Tensor byKey = composition.byKey();
        queries = byQuery == null ? Tensor.zeros(dtype, factors()) : byQuery;
        keys = byKey == null ? Tensor.zeros(dtype, plan.room()) : turned(byKey);
    }

    private int factors() {
        return composition.rows() * heads;
    }

    private long bytes(long elements) {
        return elements * dtype.bytes();
    }

    // The keys from the plan's origin on; those that fill up the room are zeros.
    private Tensor turned(Tensor byKey) {
        int used = plan.keys() - plan.origin();
        Tensor padded = Tensor.zeros(dtype, batch, plan.room(), factors());
        for (int b = 0; b < batch; b++) {
            long from = byKey.address() + bytes(((long) b * byKey.dim(1) + plan.origin()) * factors());
            Native.copy(
                    from, padded.address() + bytes((long) b * plan.room() * factors()), bytes((long) used * factors()));
        }
        Tensor turned = Tensor.uninitialised(dtype, batch, factors(), plan.room());
        dtype.kernels().transpose(padded.address(), turned.address(), batch, plan.room(), factors());
        return turned;
    }

    private Mixing.Operands operands(int b, QueryTile tile, Stretch stretch, long headStride) {
        boolean shared = composition.byQuery() == null;
        long query = shared ? 0 : bytes(((long) b * queries.dim(1) + tile.first()) * factors());
        boolean none = composition.byKey() == null;
        long key = bytes(stretch.from() - plan.origin() + (none ? 0 : (long) b * factors() * plan.room()));
        return new Mixing.Operands(
                heads,
                composition.rank(),
                composition.gated(),
                tile.rows(),
                stretch.columns(),
                tile.columns(),
                headStride,
                queries.address() + query,
                shared ? 0 : factors(),
                keys.address() + key,
                none ? 0 : plan.room());
    }

    /// Composes a tile of scores or probabilities.
    void forward(int b, QueryTile tile, Tensor in, Tensor out) {
        for (Stretch stretch : tile.stretches()) {
            long column = bytes(stretch.column());
            mixing.forward(operands(b, tile, stretch, in.dim(1)), in.address() + column, out.address() + column);
        }
        Tensor mixingOfAll = composition.mixing();
        if (mixingOfAll != null) {
            product(true, mixingOfAll, tile, in, out);
        }
    }

    // out += op(sw)·x over all pairs at once.
    private void product(boolean transposed, Tensor sw, QueryTile tile, Tensor x, Tensor out) {
        int stride = x.dim(1);
        dtype.blas()
                .gemm(
                        transposed,
                        false,
                        heads,
                        tile.rows() * tile.columns(),
                        heads,
                        1,
                        sw.address(),
                        heads,
                        x.address(),
                        stride,
                        1,
                        out.address(),
                        stride);
    }

    /// The gradients of a stage, of which every task adds to its own part. Parts are summed in their order.
    final class Gradients {
        private final @Nullable Tensor byQuery;
        private final Tensor byKey;
        private final @Nullable Tensor byPair;
        private final int parts;

        private Gradients(int parts) {
            this.parts = parts;
            Tensor q = composition.byQuery();
            byQuery = q == null ? null : Tensor.zeros(dtype, q.shape());
            int rows = composition.byKey() == null ? 1 : factors();
            byKey = Tensor.zeros(dtype, batch, parts, rows, plan.room());
            byPair = composition.mixing() == null ? null : Tensor.zeros(dtype, batch * parts, heads * heads);
        }

        /// Takes the gradient of a tile back through the stage.
        ///
        /// @param part whose the tile is
        void backward(int b, int part, QueryTile tile, Tensor in, Tensor dOut, Tensor dIn) {
            long own = (long) b * parts + part;
            Tensor queryRows = byQuery == null ? Tensor.zeros(dtype, factors()) : byQuery;
            for (Stretch stretch : tile.stretches()) {
                Mixing.Operands p = operands(b, tile, stretch, in.dim(1));
                long query = byQuery == null ? 0 : p.queryFactors() - queries.address();
                long key = bytes(stretch.from() - plan.origin() + own * byKey.dim(2) * plan.room());
                long column = bytes(stretch.column());
                mixing.backward(
                        p,
                        in.address() + column,
                        dOut.address() + column,
                        dIn.address() + column,
                        queryRows.address() + query,
                        byKey.address() + key);
            }
            Tensor sw = composition.mixing();
            if (sw != null && byPair != null) {
                product(false, sw, tile, dOut, dIn);
                addPairs(tile, in, dOut, byPair.address() + bytes(own * heads * heads));
            }
        }

        // dsw += in·dOutᵀ.
        private void addPairs(QueryTile tile, Tensor in, Tensor dOut, long to) {
            Blas blas = dtype.blas();
            int pairs = tile.rows() * tile.columns();
            int stride = in.dim(1);
            blas.gemm(false, true, heads, heads, pairs, 1, in.address(), stride, dOut.address(), stride, 1, to, heads);
        }

        /// Those of [Composition#tensors()], in that order.
        void collect(List<Tensor> gradients) {
            if (byPair != null) {
                Tensor sum = ComposedKernel.sumOfParts(byPair, 1, batch * parts);
                gradients.add(sum.viewAs(Shape.of(heads, heads)));
            }
            if (byQuery != null) {
                gradients.add(byQuery);
            }
            Tensor factorsByKey = composition.byKey();
            if (factorsByKey != null) {
                gradients.add(turnedBack(ComposedKernel.sumOfParts(byKey, batch, parts), factorsByKey.shape()));
            }
        }

        private Tensor turnedBack(Tensor sums, Shape shape) {
            Tensor padded = Tensor.uninitialised(dtype, batch, plan.room(), factors());
            dtype.kernels().transpose(sums.address(), padded.address(), batch, factors(), plan.room());
            Tensor gradient = Tensor.zeros(dtype, shape);
            long rows = bytes((long) (plan.keys() - plan.origin()) * factors());
            for (int b = 0; b < batch; b++) {
                long to = bytes(((long) b * shape.dim(1) + plan.origin()) * factors());
                Native.copy(
                        padded.address() + bytes((long) b * plan.room() * factors()), gradient.address() + to, rows);
            }
            return gradient;
        }
    }

    /// @param parts tasks of one batch entry
    Gradients gradients(int parts) {
        return new Gradients(parts);
    }
}
