package dev.heddle.lab;

import java.io.PrintWriter;
import java.io.StringWriter;

/// What one call of the command line did.
///
/// @param code its exit code
/// @param out standard output
/// @param err standard error
record Run(int code, String out, String err) {
    static Run heddle(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code =
                Main.commandLine()
                        .setOut(new PrintWriter(out, true))
                        .setErr(new PrintWriter(err, true))
                        .execute(arguments);
        return new Run(code, out.toString(), err.toString());
    }
}
