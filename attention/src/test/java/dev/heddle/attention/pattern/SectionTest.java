package dev.heddle.attention.pattern;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.List;
import java.util.stream.Stream;

/// The sections of a pattern against the pattern itself, by brute force.
class SectionTest {
    private static final int HEADS = 3;

    static Stream<AttentionPattern> patterns() {
        return Stream.concat(
                PatternTest.patterns(),
                Stream.of(
                        new Window(-1, -1, 4).or(new Window(-1, 0, 6)),
                        new DilatedSegments(12, 3, HEADS, DilatedSegments.Offset.MODULO, false),
                        new DilatedSegments(12, 4, HEADS, DilatedSegments.Offset.CONTIGUOUS, true, 5),
                        new DilatedSegments(12, 4, HEADS, DilatedSegments.Offset.MODULO, true).or(Patterns.local(3)),
                        new Window(-1, -1, 4).and(new Window(9, 9, 6)),
                        new Window(-1, -1, 4).or(new Window(5, 5, 6)).or(Patterns.local(2)).and(Patterns.causal()),
                        new Window(3, 5, 2).and(Patterns.local(3).or(new Window(-1, -1, 7)).not())));
    }

    @ParameterizedTest
    @MethodSource("patterns")
    void sectionsHoldEachPairOnce(AttentionPattern pattern) {
        for (int[] size : new int[][] {{1, 1}, {7, 7}, {13, 29}, {29, 13}, {2, 70}, {80, 80}}) {
            int queries = size[0];
            int keys = size[1];
            int[][][] seen = new int[HEADS][queries][keys];
            for (Section section : Section.of(pattern, HEADS, queries, keys)) {
                count(section, queries, keys, seen);
            }
            for (int h = 0; h < HEADS; h++) {
                for (int i = 0; i < queries; i++) {
                    for (int j = 0; j < keys; j++) {
                        assertThat(seen[h][i][j])
                                .as("N=%d M=%d head %d query %d key %d", queries, keys, h, i, j)
                                .isEqualTo(pattern.allows(h, i + keys - queries, j) ? 1 : 0);
                    }
                }
            }
        }
    }

    private static void count(Section section, int queries, int keys, int[][][] seen) {
        Gathered gathered = section.gathered();
        int offset = gathered == null ? keys - queries : 0;
        int queryPlaces = gathered == null ? queries : gathered.queries();
        int keyPlaces = gathered == null ? keys : gathered.keys();
        for (int h : section.heads()) {
            for (int p = 0; p < queryPlaces; p++) {
                int i = gathered == null ? p : gathered.query(p) - (keys - queries);
                for (int s = 0; s < keyPlaces; s++) {
                    int j = gathered == null ? s : gathered.key(s);
                    boolean allowed = section.pattern().allows(h, p + offset, s);
                    seen[h][i][j] += allowed ? 1 : 0;
                    assertThat(section.pattern().bits(h, p + offset, s) & 1).isEqualTo(allowed ? 1 : 0);
                }
            }
            requireTrueTiles(section, h, offset, queryPlaces, keyPlaces);
        }
    }

    private static void requireTrueTiles(Section section, int h, int offset, int queries, int keys) {
        AttentionPattern pattern = section.pattern();
        for (int p = 0; p < queries; p += 6) {
            int last = Math.min(p + 6, queries);
            KeyRanges ranges = pattern.keys(h, p + offset, last + offset);
            for (int s = 0; s < keys; s += 8) {
                int stop = Math.min(s + 8, keys);
                int allowed = 0;
                for (int query = p; query < last; query++) {
                    for (int key = s; key < stop; key++) {
                        if (pattern.allows(h, query + offset, key)) {
                            allowed++;
                            assertThat(ranges.intersect(KeyRanges.of(key, key + 1)).count()).isEqualTo(1);
                        }
                    }
                }
                switch (pattern.tile(h, p + offset, last + offset, s, stop)) {
                    case EMPTY -> assertThat(allowed).isZero();
                    case FULL -> assertThat(allowed).isEqualTo((last - p) * (stop - s));
                    case PARTIAL -> {}
                }
            }
        }
    }

    @Test
    void stridedTilesAreDense() {
        List<Section> sections = Section.of(new Window(-1, -1, 16), 1, 4096, 4096);
        assertThat(sections).hasSize(1);
        assertThat(sections.getFirst().pattern().tile(0, 0, 192, 0, 256)).isEqualTo(Tile.FULL);
        assertThat(sections.getFirst().pattern().tile(0, 0, 192, 256, 512)).isEqualTo(Tile.EMPTY);
    }

    @Test
    void aLocalAndStridedUnionIsTwoSections() {
        AttentionPattern union = Patterns.local(8).or(new Window(-1, -1, 16)).and(Patterns.causal());
        List<Section> sections = Section.of(union, 2, 100, 100);
        assertThat(sections).hasSize(2);
        assertThat(sections.getFirst().gathered()).isNull();
    }
}
