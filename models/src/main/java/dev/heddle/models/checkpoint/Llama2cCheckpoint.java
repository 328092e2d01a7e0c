package dev.heddle.models.checkpoint;

import dev.heddle.core.error.FileFormatException;
import dev.heddle.core.kernel.Activation;
import dev.heddle.core.kernel.Native;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.models.DecoderStack;
import dev.heddle.models.LlamaDecoder;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/// Reads a model in the "legacy" file form of karpathy/llama2.c: seven `int32` (width, hidden width, layers, heads,
/// key/value heads, vocabulary, context), then `float32` arrays, each for all layers together. A positive vocabulary
/// means that the output matrix is the token table; with a negative one it stands at the end.
///
/// The file is untrusted: its length must be exactly what the header asks for before anything is read or made.
public final class Llama2cCheckpoint {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int HEADER_FIELDS = 7;
    private static final long HEADER_BYTES = (long) HEADER_FIELDS * Integer.BYTES;
    private static final int MAGIC_OF_LATER_VERSIONS = 0x616b3432;
    private static final double EPS = 1e-5;
    private static final double ROPE_BASE = 10_000;

    private Llama2cCheckpoint() {}

    /// Builds the model of a file.
    ///
    /// @throws FileFormatException if the file is absent, truncated, too long or no such file
    public static DecoderStack load(Path path) {
        return open(path).model();
    }

    /// What the file says about its model.
    ///
    /// @throws FileFormatException as [#load]
    public static LlamaDecoder config(Path path) {
        return open(path).config();
    }

    private static Loaded open(Path path) {
        if (!Files.isRegularFile(path)) {
            throw refusal(path, Files.exists(path) ? "is not a regular file" : "does not exist");
        }
        try (Arena arena = Arena.ofConfined();
                FileChannel channel = FileChannel.open(path)) {
            MemorySegment file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            LlamaDecoder config = header(path, file);
            DecoderStack model = config.build(Seed.of(0));
            model.load(new Arrays(config, file).weights());
            return new Loaded(config, model);
        } catch (IOException e) {
            throw new FileFormatException(path + ": cannot be read (" + e + "); check the path and its permissions", e);
        }
    }

    private record Loaded(LlamaDecoder config, DecoderStack model) {}

    private static LlamaDecoder header(Path path, MemorySegment file) {
        if (file.byteSize() < HEADER_BYTES) {
            throw refusal(path, "holds " + file.byteSize() + " bytes, less than its header");
        }
        if (file.get(INT, 0) == MAGIC_OF_LATER_VERSIONS) {
            throw refusal(path, "is of a later version of the format, not the legacy one");
        }
        String[] names = {"width", "hidden width", "layers", "heads", "key/value heads", "vocabulary", "context"};
        int[] sizes = new int[HEADER_FIELDS];
        for (int i = 0; i < HEADER_FIELDS; i++) {
            int size = file.get(INT, (long) i * Integer.BYTES);
            sizes[i] = i == 5 ? Math.abs(size) : size;
            if (sizes[i] < 1) {
                throw refusal(path, "claims a " + names[i] + " of " + size);
            }
        }
        if (sizes[0] % sizes[3] != 0 || sizes[0] / sizes[3] % 2 != 0 || sizes[3] % sizes[4] != 0) {
            throw refusal(
                    path,
                    "claims " + sizes[3] + " heads and " + sizes[4] + " key/value heads for a width of " + sizes[0]);
        }
        LlamaDecoder config = config(sizes, file.get(INT, 5L * Integer.BYTES) > 0);
        long expected = expectedBytes(config);
        if (expected != file.byteSize()) {
            throw refusal(
                    path,
                    "holds " + file.byteSize() + " bytes, its header asks for " + Long.toUnsignedString(expected));
        }
        return config;
    }

    private static LlamaDecoder config(int[] sizes, boolean tied) {
        return new LlamaDecoder(
                sizes[5],
                sizes[0],
                sizes[3],
                sizes[4],
                sizes[2],
                sizes[6],
                sizes[1],
                false,
                Activation.SILU,
                EPS,
                ROPE_BASE,
                LlamaDecoder.RopeLayout.INTERLEAVED,
                tied);
    }

    // −1 if the number does not fit: no file has that size.
    private static long expectedBytes(LlamaDecoder config) {
        try {
            long d = config.width();
            long kv = d / config.heads() * config.keyValueHeads();
            long layer = sum(2 * d, 2 * d * d, 2 * d * kv, Math.multiplyExact(3 * d, (long) config.hidden()));
            long tables = Math.multiplyExact((config.tied() ? 1L : 2L) * config.vocabulary(), d);
            long rotary = (long) config.context() * (d / config.heads());
            long numbers = sum(Math.multiplyExact(layer, (long) config.depth()), tables, rotary, d);
            return Math.addExact(HEADER_BYTES, Math.multiplyExact(numbers, (long) Float.BYTES));
        } catch (ArithmeticException e) {
            return -1;
        }
    }

    private static long sum(long... terms) {
        long total = 0;
        for (long term : terms) {
            total = Math.addExact(total, term);
        }
        return total;
    }

    private static FileFormatException refusal(Path path, String found) {
        return new FileFormatException(
                path + ": " + found + "; give a model file of llama2.c, such as stories260K.bin");
    }

    /// The arrays one after the other.
    private static final class Arrays {
        private final LlamaDecoder config;
        private final MemorySegment file;
        private final Map<String, Tensor> weights = new LinkedHashMap<>();
        private long at = HEADER_BYTES;

        Arrays(LlamaDecoder config, MemorySegment file) {
            this.config = config;
            this.file = file;
        }

        Map<String, Tensor> weights() {
            int d = config.width();
            int kv = d / config.heads() * config.keyValueHeads();
            next("embedding.weight", config.vocabulary(), d);
            layers("mixer_branch.norm.weight", d);
            layers("mixer.wq.weight", d, d);
            layers("mixer.wk.weight", kv, d);
            layers("mixer.wv.weight", kv, d);
            layers("mixer.wo.weight", d, d);
            layers("feed_forward_branch.norm.weight", d);
            layers("feed_forward.gate_proj.weight", config.hidden(), d);
            layers("feed_forward.down_proj.weight", d, config.hidden());
            layers("feed_forward.up_proj.weight", config.hidden(), d);
            next("norm.weight", d);
            // Tables of cosines and sines, which Rope computes more exactly.
            at += (long) config.context() * (d / config.heads()) * Float.BYTES;
            if (!config.tied()) {
                next("head.weight", config.vocabulary(), d);
            }
            return weights;
        }

        private void layers(String name, int... sizes) {
            for (int layer = 0; layer < config.depth(); layer++) {
                next("blocks." + layer + "." + name, sizes);
            }
        }

        private void next(String name, int... sizes) {
            Tensor weight = Tensor.uninitialised(DType.F32, Shape.of(sizes));
            // Every platform that Heddle runs on is little-endian, so file and memory agree.
            MemorySegment.copy(file, at, Native.ALL, weight.address(), weight.bytes());
            at += weight.bytes();
            weights.put(name, weight);
        }
    }
}
