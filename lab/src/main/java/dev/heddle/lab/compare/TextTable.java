package dev.heddle.lab.compare;

import java.util.ArrayList;
import java.util.List;

/// The table of a comparison for a terminal; `*` marks the best figure of a column.
final class TextTable {
    private TextTable() {}

    static String of(List<VariantResult> results) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(cells("variant", Column.ALL.stream().map(Column::name).toList()));
        rows.add(cells("", Column.ALL.stream().map(Column::unit).toList()));
        for (VariantResult result : results) {
            List<String> figures =
                    Column.ALL.stream()
                            .map(column -> column.text(result) + (column.isBest(result, results) ? "*" : " "))
                            .toList();
            rows.add(cells(result.variant(), figures));
        }
        var text = new StringBuilder();
        for (List<String> row : rows) {
            for (int i = 0; i < row.size(); i++) {
                text.append(i == 0 ? left(row.get(i), width(rows, i)) : "  " + right(row.get(i), width(rows, i)));
            }
            text.append(System.lineSeparator());
        }
        return text.toString();
    }

    private static List<String> cells(String first, List<String> rest) {
        List<String> cells = new ArrayList<>(List.of(first));
        // Headings make room for the mark that figures may bear.
        rest.forEach(cell -> cells.add(cell.endsWith("*") || cell.endsWith(" ") ? cell : cell + " "));
        return cells;
    }

    private static int width(List<List<String>> rows, int column) {
        return rows.stream().mapToInt(row -> row.get(column).length()).max().orElse(0);
    }

    private static String left(String text, int width) {
        return text + " ".repeat(width - text.length());
    }

    private static String right(String text, int width) {
        return " ".repeat(width - text.length()) + text;
    }
}
