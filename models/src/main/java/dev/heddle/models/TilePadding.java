package dev.heddle.models;

import dev.heddle.attention.kernel.AttentionShape;
import dev.heddle.attention.kernel.TiledWork;
import dev.heddle.attention.pattern.AttentionPattern;

/// What the attention layers of a model may compute beyond the pairs that their pattern allows, because the kernel fills
/// up its tiles.
///
/// @param layers attention layers
/// @param heads query heads of each
/// @param headWidth width of a head
/// @param pattern which keys a query sees
record TilePadding(int layers, int heads, int headWidth, AttentionPattern pattern) {
    /// The share of `multiplyAdds` that may come on top of them for one sequence.
    double share(int length, long multiplyAdds) {
        AttentionShape shape = new AttentionShape(1, heads, heads, length, length, headWidth, headWidth);
        long pairs = 0;
        for (int head = 0; head < heads; head++) {
            pairs += pattern.pairs(head, length, length);
        }
        long more = TiledWork.multiplyAdds(shape, pattern) - 2 * pairs * headWidth;
        return (double) layers * more / multiplyAdds;
    }
}
