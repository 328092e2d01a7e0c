package dev.heddle.lab.picture;

import dev.heddle.attention.pattern.Reach;
import dev.heddle.core.error.ConfigException;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.Collectors;

/// What there is to see of a pattern: the pairs that it allows, once for all heads that have the same ones, and what a
/// query sees through several layers of any of those heads.
public final class PatternPanels {
    private static final int MOST_KINDS = 4;

    private final PatternView view;
    private final List<Panel> panels = new ArrayList<>();
    private final int left;

    /// @param head the only head to show; empty for all
    /// @param layers of the stack through which a query looks
    /// @throws ConfigException if there is no such head
    public PatternPanels(PatternView view, OptionalInt head, int layers) {
        this.view = view;
        List<Kind> kinds = kinds(view, head);
        kinds.stream().limit(MOST_KINDS).forEach(this::addPairs);
        left = kinds.size() - panels.size();
        Reach any = kinds.stream().map(Kind::pairs).reduce(Reach::beside).orElseThrow();
        String whose = kinds.size() == 1 ? "Reach" : "Reach of all heads";
        String through = layers == 1 ? ", 1 layer" : ", 1 to " + layers + " layers";
        panels.add(new ReachPanel(whose + through, any, layers));
    }

    /// Heads that allow the same pairs.
    private record Kind(Reach pairs, List<Integer> heads) {
        boolean allows(Reach other) {
            for (int query = 0; query < pairs.tokens(); query++) {
                for (int key = 0; key < pairs.tokens(); key++) {
                    if (pairs.reaches(query, key) != other.reaches(query, key)) {
                        return false;
                    }
                }
            }
            return true;
        }
    }

    private static List<Kind> kinds(PatternView view, OptionalInt only) {
        if (only.isPresent() && (only.getAsInt() < 0 || only.getAsInt() >= view.heads())) {
            throw new ConfigException(
                    "head: " + only.getAsInt() + " of " + view.heads() + " heads; use 0 to " + (view.heads() - 1));
        }
        List<Kind> kinds = new ArrayList<>();
        for (int head = only.orElse(0); head < (only.isPresent() ? only.getAsInt() + 1 : view.heads()); head++) {
            Reach pairs = Reach.of(view.pattern(), head, view.length(), 1);
            Kind kind = kinds.stream().filter(other -> other.allows(pairs)).findFirst().orElse(null);
            if (kind == null) {
                kind = new Kind(pairs, new ArrayList<>());
                kinds.add(kind);
            }
            kind.heads.add(head);
        }
        return kinds;
    }

    private void addPairs(Kind kind) {
        panels.add(new PairsPanel(title(kind.heads), view.pattern(), kind.heads.getFirst(), kind.pairs));
    }

    private String title(List<Integer> heads) {
        if (heads.size() == view.heads()) {
            return "Pairs of a head";
        }
        String numbers = heads.stream().map(String::valueOf).collect(Collectors.joining(", "));
        return (heads.size() == 1 ? "Pairs of head " : "Pairs of heads ") + numbers;
    }

    List<Panel> list() {
        return panels;
    }

    /// What was drawn from which configuration, and whether it is all.
    String facts() {
        String settings =
                view.config().keys().stream()
                        .map(key -> key + " " + view.config().get(key))
                        .collect(Collectors.joining(", "));
        String rest = left == 0 ? "" : " · %d more kinds of heads not shown".formatted(left);
        return "%d tokens · %s%s".formatted(view.length(), settings, rest);
    }

    /// What the panels say in numbers, a line each.
    public String figures() {
        return panels.stream()
                .map(panel -> panel.title() + ": " + panel.figures())
                .collect(Collectors.joining(System.lineSeparator()));
    }
}
