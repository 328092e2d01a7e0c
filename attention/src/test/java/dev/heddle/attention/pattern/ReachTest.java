package dev.heddle.attention.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.heddle.core.error.ConfigException;

import org.junit.jupiter.api.Test;

class ReachTest {
    private static final AttentionPattern PLAIN = (head, query, key) -> (query * 7 + key * 5 + head * 3) % 6 == 0;

    @Test
    void noLayerConnectsATokenWithItselfOnly() {
        Reach reach = Reach.of(Patterns.full(), 0, 5, 0);
        for (int i = 0; i < 5; i++) {
            for (int j = 0; j < 5; j++) {
                assertThat(reach.reaches(i, j)).isEqualTo(i == j);
            }
        }
    }

    @Test
    void oneLayerConnectsWhatThePatternAllows() {
        Reach reach = Reach.of(PLAIN, 1, 131, 1);
        for (int i = 0; i < 131; i++) {
            for (int j = 0; j < 131; j++) {
                assertThat(reach.reaches(i, j)).isEqualTo(PLAIN.allows(1, i, j));
            }
        }
        assertThat(reach.pairs()).isEqualTo(PLAIN.pairs(1, 131, 131));
    }

    @Test
    void layersMultiplyTheirMasks() {
        int n = 23;
        boolean[][] power = new boolean[n][n];
        for (int i = 0; i < n; i++) {
            power[i][i] = true;
        }
        for (int layers = 1; layers <= 7; layers++) {
            power = product(power, n);
            Reach reach = Reach.of(PLAIN, 0, n, layers);
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    assertThat(reach.reaches(i, j)).as("%d layers, %d to %d", layers, i, j).isEqualTo(power[i][j]);
                }
            }
        }
    }

    private static boolean[][] product(boolean[][] before, int n) {
        boolean[][] after = new boolean[n][n];
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < n; k++) {
                for (int j = 0; PLAIN.allows(0, i, k) && j < n; j++) {
                    after[i][j] |= before[k][j];
                }
            }
        }
        return after;
    }

    @Test
    void windowsReachTheirWidthOnceALayer() {
        for (int window = 0; window < 5; window++) {
            for (int layers = 0; layers < 6; layers++) {
                Reach reach = Reach.of(Patterns.local(window), 0, 29, layers);
                Reach causal = Reach.of(Patterns.local(window).and(Patterns.causal()), 0, 29, layers);
                for (int i = 0; i < 29; i++) {
                    for (int j = 0; j < 29; j++) {
                        assertThat(reach.reaches(i, j)).isEqualTo(Math.abs(i - j) <= window * layers);
                        assertThat(causal.reaches(i, j)).isEqualTo(j <= i && i - j <= window * layers);
                    }
                }
                assertThat(reach.isFull()).isEqualTo(window * layers >= 28);
                assertThat(causal.isCausallyFull()).isEqualTo(window * layers >= 28);
                assertThat(causal.isFull()).isFalse();
            }
        }
    }

    @Test
    void dilatedWindowsNeverLeaveTheirResidue() {
        Reach reach = Reach.of(Patterns.local(3, 4), 0, 40, 50);
        for (int i = 0; i < 40; i++) {
            for (int j = 0; j < 40; j++) {
                assertThat(reach.reaches(i, j)).isEqualTo((i - j) % 4 == 0);
            }
        }
    }

    @Test
    void layersAndHeadsOfDifferentPatternsCombine() {
        Reach near = Reach.of(Patterns.window(2, 0), 0, 12, 1);
        Reach far = Reach.of(new Window(Window.UNLIMITED, 0, 3), 0, 12, 1);
        assertThat(near.after(far).isCausallyFull()).isTrue();
        assertThat(near.beside(far).isCausallyFull()).isFalse();
        assertThat(near.beside(far).pairs())
                .isEqualTo(Patterns.window(2, 0).or(new Window(Window.UNLIMITED, 0, 3)).pairs(12));
        assertThat(near.tokens()).isEqualTo(12);
    }

    @Test
    void nothingIsReachedAmongNoTokens() {
        assertThat(Reach.of(Patterns.full(), 0, 0, 3).pairs()).isZero();
        assertThat(Reach.of(Patterns.full(), 0, 0, 3).isFull()).isTrue();
    }

    @Test
    void badSizesAreRefused() {
        assertThatThrownBy(() -> Reach.of(Patterns.full(), 0, -1, 1))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("-1 tokens");
        assertThatThrownBy(() -> Reach.of(Patterns.full(), 0, 1, -2))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("-2 layers");
        Reach three = Reach.of(Patterns.full(), 0, 3, 1);
        Reach four = Reach.of(Patterns.full(), 0, 4, 1);
        assertThatThrownBy(() -> three.after(four)).isInstanceOf(ConfigException.class).hasMessageContaining("3 and 4");
        assertThatThrownBy(() -> three.beside(four)).isInstanceOf(ConfigException.class);
    }
}
