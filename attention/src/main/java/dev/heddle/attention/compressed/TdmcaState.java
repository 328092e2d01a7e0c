package dev.heddle.attention.compressed;

import dev.heddle.attention.KeyValueCache;
import dev.heddle.attention.MixerState;
import dev.heddle.core.error.InputException;
import dev.heddle.core.ops.Layout;
import dev.heddle.core.tensor.Scope;
import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.List;

/// What a layer has seen: the columns that later tokens may see, and the tokens of the block that is not closed yet.
///
/// @param owner the layer that can continue it
/// @param columns keys and values
/// @param pending per compressed stream `[B, fewer tokens than a block, D]`; none where nothing is compressed
/// @param length tokens seen
record TdmcaState(TdmcaLayer owner, KeyValueCache columns, List<Tensor> pending, int length) implements MixerState {
    TdmcaState {
        pending = List.copyOf(pending);
    }

    /// @throws InputException if another layer started it, or for another batch
    static TdmcaState of(TdmcaLayer layer, MixerState state, Tensor x) {
        if (!(state instanceof TdmcaState own) || own.owner != layer) {
            throw new InputException("state: it was started by another layer; use one from this layer's start");
        }
        if (own.batch() != x.dim(0)) {
            throw new InputException(
                    "state: it holds "
                            + own.batch()
                            + " sequences and the input is "
                            + x.shape()
                            + "; the batch must stay the same");
        }
        return own;
    }

    /// The pending tokens of every stream, then the new ones.
    List<Tensor> followedBy(List<Tensor> streams) {
        List<Tensor> joined = new ArrayList<>();
        for (int s = 0; s < streams.size(); s++) {
            Tensor before = pending.get(s);
            joined.add(before.dim(1) == 0 ? streams.get(s) : Layout.concatenate(1, before, streams.get(s)));
        }
        return joined;
    }

    /// The state after more tokens; what is left of the streams from token `closed` on is kept beyond any scope.
    TdmcaState after(KeyValueCache newColumns, List<Tensor> streams, int closed, int tokens) {
        List<Tensor> rest = new ArrayList<>();
        for (Tensor stream : streams) {
            rest.add(Scope.outside(() -> Layout.slice(stream.detach(), 1, closed, stream.dim(1))));
        }
        return new TdmcaState(owner, newColumns, rest, length + tokens);
    }

    @Override
    public int batch() {
        return columns.batch();
    }

    @Override
    public long elements() {
        return columns.elements() + pending.stream().mapToLong(Tensor::elements).sum();
    }
}
