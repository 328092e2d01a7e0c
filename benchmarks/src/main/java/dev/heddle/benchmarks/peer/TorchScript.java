package dev.heddle.benchmarks.peer;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/// A TorchScript archive made from source text: the way to call a PyTorch function that DJL's own interface lacks.
///
/// The format is a zip of stored entries: the code of a module without parameters, and pickles of the module and of an
/// empty list of constants.
final class TorchScript {
    private static final byte[] NO_CONSTANTS = {(byte) 0x80, 2, ')', '.'};

    private TorchScript() {}

    /// An archive whose module has one method, `forward`.
    ///
    /// @param parameters the tensors it takes, as `q, k, v`
    /// @param expression what it returns, in TorchScript
    static byte[] function(String parameters, String expression) {
        return program(parameters.replaceAll("(\\w+)", "$1: Tensor"), "Tensor", "return " + expression);
    }

    /// An archive whose module has one method, `forward`, of several statements.
    ///
    /// @param parameters with their types, as `q: Tensor, weights: List[Tensor]`
    /// @param type what it returns
    /// @param body its statements, one a line, in the form that PyTorch itself writes
    static byte[] program(String parameters, String type, String body) {
        String code =
                """
                class Peer(Module):
                  __parameters__ = []
                  __buffers__ = []
                  training : bool
                  def forward(self: __torch__.Peer,
                    %s) -> %s:
                %s
                """
                        .formatted(parameters, type, body.strip().indent(4).stripTrailing());
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            store(zip, "peer/data.pkl", module());
            store(zip, "peer/code/__torch__.py", code.getBytes(StandardCharsets.UTF_8));
            store(zip, "peer/constants.pkl", NO_CONSTANTS);
            store(zip, "peer/version", "3\n".getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    /// A pickled `Peer` whose state is `{training: False}`.
    private static byte[] module() {
        ByteArrayOutputStream pickle = new ByteArrayOutputStream();
        pickle.writeBytes(new byte[] {(byte) 0x80, 2});
        pickle.writeBytes("c__torch__\nPeer\n".getBytes(StandardCharsets.UTF_8));
        pickle.writeBytes(new byte[] {')', (byte) 0x81, '}', '('});
        byte[] name = "training".getBytes(StandardCharsets.UTF_8);
        pickle.writeBytes(new byte[] {'X', (byte) name.length, 0, 0, 0});
        pickle.writeBytes(name);
        pickle.writeBytes(new byte[] {(byte) 0x89, 'u', 'b', '.'});
        return pickle.toByteArray();
    }

    private static void store(ZipOutputStream zip, String name, byte[] content) throws IOException {
        ZipEntry entry = new ZipEntry(name);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(content.length);
        CRC32 crc = new CRC32();
        crc.update(content);
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }
}
