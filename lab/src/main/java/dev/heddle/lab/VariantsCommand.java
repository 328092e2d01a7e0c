package dev.heddle.lab;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;

import dev.heddle.core.catalog.Catalog;
import dev.heddle.core.catalog.Form;
import dev.heddle.core.catalog.Schema;
import dev.heddle.core.catalog.Variant;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// Lists the catalogue.
@Command(
        name = "variants",
        description = "List every variant: its family, what it is, and in which forms it computes.",
        mixinStandardHelpOptions = true)
final class VariantsCommand implements Runnable {
    @Spec private CommandSpec spec;

    @Option(names = "--json", description = "Print a JSON array with sources and configuration keys too.")
    private boolean json;

    @Override
    public void run() {
        PrintWriter out = spec.commandLine().getOut();
        List<Variant> variants = Catalog.load().variants();
        if (json) {
            out.println(toJson(variants));
            return;
        }
        int id = variants.stream().mapToInt(variant -> variant.id().length()).max().orElse(0);
        int family = variants.stream().mapToInt(variant -> variant.family().length()).max().orElse(0);
        for (Variant variant : variants) {
            out.printf("%-" + id + "s  %-" + family + "s  %s%n", variant.id(), variant.family(), variant.summary());
        }
    }

    private static String toJson(List<Variant> variants) {
        try {
            return JsonMapper.builder()
                    .enable(SerializationFeature.INDENT_OUTPUT)
                    .build()
                    .writeValueAsString(variants.stream().map(VariantsCommand::toMap).toList());
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("maps of texts and numbers are always JSON", e);
        }
    }

    private static Map<String, Object> toMap(Variant variant) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("id", variant.id());
        map.put("family", variant.family());
        map.put("summary", variant.summary());
        map.put("source", variant.source());
        map.put("sparse", variant.isSparse());
        map.put("forms", variant.forms().stream().map(VariantsCommand::name).toList());
        map.put("config", variant.schema().keys().stream().map(VariantsCommand::toMap).toList());
        return map;
    }

    private static String name(Form.Kind form) {
        return form.name().toLowerCase(Locale.ROOT);
    }

    private static Map<String, @Nullable Object> toMap(Schema.Key key) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("key", key.name());
        map.put("required", key.required());
        map.put("default", key.otherwise());
        map.put("meaning", key.meaning());
        return map;
    }
}
