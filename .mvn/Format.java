import com.google.googlejavaformat.java.Main;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Formats every Java source of the project, or fails naming those that are not formatted.
///
/// Run by the root pom as a program of its own on the build's JDK, because google-java-format reads source with the
/// javac of the JVM it runs on, and Maven itself may run on an older one. Documentation comments and long strings are left
/// as written.
class Format {
    private static final List<String> OPTIONS =
            List.of("--aosp", "--max-line-length", "120", "--skip-javadoc-formatting", "--skip-reflowing-long-strings");

    static void main(String[] arguments) throws Exception {
        boolean apply = arguments[0].equals("apply");
        List<String> command = new ArrayList<>(OPTIONS);
        command.addAll(apply ? List.of("--replace") : List.of("--dry-run", "--set-exit-if-changed"));
        int options = command.size();
        try (var files = Files.walk(Path.of(arguments[1]))) {
            files.filter(Files::isRegularFile)
                    .map(Path::toString)
                    .filter(name -> name.endsWith(".java") && !name.matches(".*[/\\\\](target|\\.git)[/\\\\].*"))
                    .sorted()
                    .forEach(command::add);
        }
        if (command.size() == options) {
            return;
        }
        int result =
                new Main(new PrintWriter(System.out, true), new PrintWriter(System.err, true), System.in)
                        .format(command.toArray(String[]::new));
        if (result != 0 && !apply) {
            System.err.println("format: the files above are not formatted; run: mvn -N verify -Dformat=apply");
        }
        System.exit(result);
    }
}
