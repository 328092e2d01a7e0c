package dev.heddle.core.file;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/// What a safetensors header says: the metadata, and each tensor's place in the data behind it.
record Header(Map<String, String> metadata, SequencedMap<String, Slot> slots) {
    static final String METADATA = "__metadata__";

    /// The longest header that is read or written, the limit of the official library.
    static final long MAX_BYTES = 100_000_000;

    /// One tensor: bytes `begin` to `end` (exclusive) of the data, `end − begin` = product(shape) × width.
    record Slot(StoredType type, List<Long> shape, long begin, long end) {}

    /// Refuses slots that overlap, leave holes or do not end exactly where the data ends.
    void checkCover(Source source, long dataBytes) {
        var ordered =
                slots.entrySet().stream()
                        .sorted(
                                Map.Entry.comparingByValue(
                                        Comparator.comparingLong(Slot::begin).thenComparingLong(Slot::end)))
                        .toList();
        long covered = 0;
        for (var entry : ordered) {
            Slot slot = entry.getValue();
            if (slot.end() > dataBytes) {
                throw source.refusal(
                        "tensor "
                                + Source.quoted(entry.getKey())
                                + " ends at byte "
                                + slot.end()
                                + " of "
                                + dataBytes
                                + " bytes of data",
                        "the file is truncated, " + Source.BROKEN);
            }
            if (slot.begin() != covered) {
                throw source.refusal(
                        "tensor "
                                + Source.quoted(entry.getKey())
                                + " begins at byte "
                                + slot.begin()
                                + " where the data before it ends at "
                                + covered,
                        "tensors must neither overlap nor leave holes");
            }
            covered = slot.end();
        }
        if (covered != dataBytes) {
            throw source.refusal(
                    "the tensors end at byte " + covered + " of " + dataBytes + " bytes of data",
                    "nothing may follow the last tensor, " + Source.BROKEN);
        }
    }
}
