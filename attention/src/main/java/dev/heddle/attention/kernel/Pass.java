package dev.heddle.attention.kernel;

import dev.heddle.attention.pattern.AttentionPattern;
import dev.heddle.attention.pattern.Gathered;
import dev.heddle.attention.pattern.Section;

import org.jspecify.annotations.Nullable;

import java.util.Arrays;
import java.util.List;

/// One go of the tiled kernel over a section of the pattern's pairs: some heads, and places of queries and keys, which
/// are the tokens in their own order or gathered. A kernel sees places; only where it reads or writes a token's row does
/// it ask which token stands there.
final class Pass {
    final AttentionCall call;
    final AttentionShape shape;

    /// Over positions: query place `p` is at position `p + offset`, key place `s` at position `s`.
    final AttentionPattern pattern;

    final int offset;

    /// The query heads of this pass, rising.
    final int[] heads;

    /// The key/value heads that those read, rising.
    final int[] kvHeads;

    /// Places of queries.
    final int queries;

    /// Places of keys.
    final int keys;

    private final @Nullable Gathered gathered;

    private Pass(AttentionCall call, Section section) {
        this.call = call;
        shape = call.shape();
        pattern = section.pattern();
        heads = section.heads();
        kvHeads = Arrays.stream(heads).map(h -> h / shape.group()).distinct().toArray();
        gathered = section.gathered();
        queries = gathered == null ? shape.queries() : gathered.queries();
        keys = gathered == null ? shape.keys() : gathered.keys();
        offset = gathered == null ? shape.offset() : 0;
    }

    /// All passes of a call.
    static List<Pass> of(AttentionCall call) {
        AttentionShape shape = call.shape();
        return Section.of(call.pattern(), shape.heads(), shape.queries(), shape.keys()).stream()
                .map(section -> new Pass(call, section))
                .toList();
    }

    /// Whether places are tokens.
    boolean isNatural() {
        return gathered == null;
    }

    /// The token at a place of the queries, from 0.
    int query(int place) {
        return gathered == null ? place : gathered.query(place) - shape.offset();
    }

    /// The token at a place of the keys.
    int key(int place) {
        return gathered == null ? place : gathered.key(place);
    }
}
