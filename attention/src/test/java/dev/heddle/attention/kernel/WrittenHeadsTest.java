package dev.heddle.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

class WrittenHeadsTest {
    private final List<Integer> cleared = new ArrayList<>();
    private final WrittenHeads written = new WrittenHeads(heads -> Arrays.stream(heads).forEach(cleared::add));

    @Test
    void firstPassThatComesToAllTokensSimplyWrites() {
        assertThat(written.prepare(new int[] {0, 2}, true)).isFalse();
        assertThat(written.prepare(new int[] {0, 2}, true)).isTrue();
        assertThat(cleared).isEmpty();
    }

    @Test
    void firstPassThatLeavesTokensOutFindsItsHeadsCleared() {
        assertThat(written.prepare(new int[] {1, 3}, false)).isTrue();
        assertThat(cleared).containsExactly(1, 3);
        assertThat(written.prepare(new int[] {1, 3}, false)).isTrue();
        assertThat(cleared).containsExactly(1, 3);
    }

    @Test
    void passOverSomeWrittenHeadsFindsOnlyTheOthersCleared() {
        assertThat(written.prepare(new int[] {0}, true)).isFalse();
        assertThat(written.prepare(new int[] {0, 1}, true)).isTrue();
        assertThat(cleared).containsExactly(1);
    }

    @Test
    void whatNoPassWroteIsClearedAtTheEnd() {
        assertThat(written.prepare(new int[] {1}, true)).isFalse();
        written.finish(3);
        assertThat(cleared).containsExactly(0, 2);
    }
}
