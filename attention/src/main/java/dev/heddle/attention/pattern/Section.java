package dev.heddle.attention.pattern;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// A part of the pairs of a pattern that a kernel computes in one go: for some heads, with tokens gathered so that the
/// pairs form dense tiles. The sections of a pattern hold each of its pairs once.
///
/// @param heads the query heads, rising
/// @param gathered the tokens, or null for all of them in their own order
/// @param pattern over the places of `gathered`; over positions if that is null
public record Section(int[] heads, @Nullable Gathered gathered, AttentionPattern pattern) {
    /// The sections of a pattern in a call. A pattern whose terms are at home in the tokens' own order is one section, as
    /// it stands.
    public static List<Section> of(AttentionPattern pattern, int heads, int queries, int keys) {
        Map<Terms, List<Integer>> groups = new LinkedHashMap<>();
        for (int head = 0; head < heads; head++) {
            groups.computeIfAbsent(Terms.of(pattern, head), terms -> new ArrayList<>()).add(head);
        }
        if (groups.keySet().stream().allMatch(Terms::areNatural)) {
            return List.of(new Section(every(heads), null, pattern));
        }
        List<Section> sections = new ArrayList<>();
        groups.forEach(
                (terms, members) ->
                        terms.addSections(members.stream().mapToInt(h -> h).toArray(), queries, keys, sections));
        return sections;
    }

    private static int[] every(int heads) {
        int[] all = new int[heads];
        for (int head = 0; head < heads; head++) {
            all[head] = head;
        }
        return all;
    }

    /// The terms of a pattern, united by the gathering that each is at home in.
    private record Terms(Map<Gathering, AttentionPattern> byGathering) {
        static Terms of(AttentionPattern pattern, int head) {
            List<AttentionPattern> rising = new ArrayList<>(pattern.terms(head));
            rising.sort(Comparator.comparingInt(term -> rank(term.gathering(head))));
            Map<Gathering, AttentionPattern> terms = new LinkedHashMap<>();
            rising.forEach(term -> terms.merge(term.gathering(head), term, AttentionPattern::or));
            return new Terms(terms);
        }

        // What needs no gathering comes first: later terms then leave out its pairs, and it stays as plain as it is.
        private static int rank(Gathering gathering) {
            return gathering.equals(Gathering.NATURAL) ? 0 : gathering.stride();
        }

        boolean areNatural() {
            return byGathering.keySet().equals(Set.of(Gathering.NATURAL));
        }

        void addSections(int[] heads, int queries, int keys, List<Section> sections) {
            List<AttentionPattern> before = new ArrayList<>();
            byGathering.forEach(
                    (gathering, term) -> {
                        Gathered gathered =
                                gathering.equals(Gathering.NATURAL) ? null : gathering.gather(queries, keys);
                        AttentionPattern own = seen(term, gathered);
                        for (AttentionPattern other : before) {
                            own = own.and(seen(other, gathered).not());
                        }
                        if (gathered == null || (gathered.queries() > 0 && gathered.keys() > 0)) {
                            sections.add(new Section(heads, gathered, own));
                        }
                        before.add(term);
                    });
        }

        private static AttentionPattern seen(AttentionPattern pattern, @Nullable Gathered gathered) {
            return gathered == null ? pattern : pattern.through(gathered);
        }
    }
}
