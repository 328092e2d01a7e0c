package dev.heddle.testkit;

import dev.heddle.core.catalog.Config;
import dev.heddle.core.error.HeddleException;
import dev.heddle.core.tensor.DType;

import org.jspecify.annotations.Nullable;

import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/// What became of one golden file.
///
/// @param file where it is
/// @param status PASS, FAIL or UNSUPPORTED
/// @param variant the variant it names; its folder's name if it cannot be read
/// @param caseName the case it names; its own name if it cannot be read
/// @param dtype the element type of the run that is reported
/// @param tensors every tensor that was compared, in the order of the file
/// @param reason why it does not pass, in words; empty if it does
public record GoldenResult(
        Path file,
        Status status,
        String variant,
        String caseName,
        DType dtype,
        List<TensorComparison> tensors,
        String reason) {

    private static final Pattern LINES = Pattern.compile("\\s*\\p{Cntrl}+\\s*");

    /// The outcomes.
    public enum Status {
        /// Every tensor is within the file's tolerance.
        PASS,
        /// A tensor is not, or is missing, or the file is broken.
        FAIL,
        /// The variant is not in the catalogue.
        UNSUPPORTED
    }

    /// @throws NullPointerException if a tensor is null
    public GoldenResult {
        tensors = List.copyOf(tensors);
    }

    static GoldenResult unread(Path file, DType dtype) {
        Path folder = file.toAbsolutePath().getParent();
        String variant = folder == null || folder.getFileName() == null ? "?" : folder.getFileName().toString();
        String name = file.getFileName() == null ? "?" : file.getFileName().toString();
        return new GoldenResult(
                file, Status.FAIL, variant, name.replaceFirst("\\.safetensors$", ""), dtype, List.of(), "");
    }

    GoldenResult named(String namedVariant, String namedCase) {
        return new GoldenResult(file, status, namedVariant, namedCase, dtype, tensors, reason);
    }

    GoldenResult unsupported() {
        return with(Status.UNSUPPORTED, List.of(), "the variant '" + variant + "' is not in the catalogue");
    }

    GoldenResult broken(Throwable cause) {
        String message = cause.getMessage();
        String words =
                switch (cause) {
                    case HeddleException _ when message != null -> message;
                    case OutOfMemoryError _ ->
                            "memory: the run needs more than the JVM's heap of "
                                    + Runtime.getRuntime().maxMemory()
                                    + " bytes; use smaller sizes or a larger -Xmx";
                    default -> cause.toString();
                };
        return with(Status.FAIL, List.of(), LINES.matcher(words).replaceAll(" "));
    }

    GoldenResult compared(List<TensorComparison> comparisons) {
        if (comparisons.isEmpty()) {
            return with(Status.FAIL, comparisons, "the file holds no out.* or grad.* tensor to compare with");
        }
        String failures =
                String.join(
                        "; ",
                        comparisons.stream()
                                .filter(comparison -> !comparison.passed())
                                .map(comparison -> comparison.name() + " " + comparison.detail())
                                .toList());
        return with(failures.isEmpty() ? Status.PASS : Status.FAIL, comparisons, failures);
    }

    private GoldenResult with(Status newStatus, List<TensorComparison> comparisons, String words) {
        return new GoldenResult(file, newStatus, variant, caseName, dtype, comparisons, words);
    }

    static GoldenResult worse(GoldenResult a, GoldenResult b) {
        if (a.status != b.status) {
            return a.status == Status.PASS ? b : a;
        }
        return a.worstRatio() >= b.worstRatio() ? a : b;
    }

    /// The tensor with the largest error in units of what is allowed; nothing if none was compared.
    public Optional<TensorComparison> worst() {
        return tensors.stream().max(Comparator.comparingDouble(TensorComparison::ratio));
    }

    /// The worst tensor's error in units of what is allowed; 0 if nothing was compared.
    public double worstRatio() {
        return worst().map(TensorComparison::ratio).orElse(0.0);
    }

    /// Passes on.
    ///
    /// @return this
    /// @throws AssertionError if the file does not pass; it says which tensor is worst and by how much
    public GoldenResult orThrow() {
        if (status != Status.PASS) {
            throw new AssertionError(line() + ": " + reason);
        }
        return this;
    }

    /// `PASS|FAIL|UNSUPPORTED variant/case worst-tensor max-abs max-rel`, with `-` for what there is none of.
    public String line() {
        String figures =
                worst().map(w -> String.format(Locale.ROOT, "%s %.3g %.3g", word(w.name()), w.maxAbs(), w.maxRel()))
                        .orElse("- - -");
        return status + " " + word(variant) + "/" + word(caseName) + " " + figures;
    }

    // A file can call itself anything; a line stays one line of five words.
    private static String word(String text) {
        return text.isEmpty() ? "?" : text.replaceAll("[\\s\\p{Cntrl}]", "_");
    }

    /// The same and more as a JSON object on one line.
    public String toJson() {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("status", status.name());
        json.put("variant", variant);
        json.put("case", caseName);
        json.put("file", file.toString());
        json.put("precision", dtype.name().toLowerCase(Locale.ROOT));
        worst().ifPresent(
                        w -> {
                            json.put("worst_tensor", w.name());
                            json.put("max_abs", finite(w.maxAbs()));
                            json.put("max_rel", finite(w.maxRel()));
                            json.put("error_over_tolerance", finite(w.ratio()));
                        });
        json.put("tensors", tensors.size());
        json.put("reason", reason);
        return Config.of(json).toJson();
    }

    // JSON has no NaN and no infinity.
    private static @Nullable Double finite(double value) {
        return Double.isFinite(value) ? value : null;
    }
}
