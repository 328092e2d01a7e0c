package dev.heddle.benchmarks;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// What one benchmark scored in each round; one that failed takes no part in later rounds.
final class Scores {
    private final String unit;
    private final List<Double> rounds = new ArrayList<>();

    /// @param unit as `ms/op`, or `ops/s`, of which more is better
    Scores(String unit) {
        this.unit = unit;
    }

    /// One round more.
    void add(double score) {
        rounds.add(score);
    }

    String unit() {
        return unit;
    }

    List<Double> rounds() {
        return Collections.unmodifiableList(rounds);
    }

    double median() {
        return median(rounds);
    }

    /// How many times as fast as a peer in each round that both got through.
    List<Double> ratios(Scores peer) {
        List<Double> ratios = new ArrayList<>();
        for (int round = 0; round < Math.min(rounds.size(), peer.rounds.size()); round++) {
            double mine = rounds.get(round);
            double other = peer.rounds.get(round);
            ratios.add(unit.startsWith("ops") ? mine / other : other / mine);
        }
        return ratios;
    }

    /// The one in the middle, or the mean of the two in the middle.
    static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        int upper = sorted.size() / 2;
        int lower = (sorted.size() - 1) / 2;
        return (sorted.get(lower) + sorted.get(upper)) / 2;
    }
}
