package dev.heddle.benchmarks.peer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;

import dev.heddle.core.tensor.Tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/// The GPT-2 layout without biases in PyTorch, trained by its fused AdamW.
///
/// It is as fast as PyTorch can be made from here: the whole step is two TorchScript calls, one for the loss and the
/// gradients of all parameters, one for the update; within them are only PyTorch's own fused operations
/// (`layer_norm`, one `linear` for queries, keys and values, `scaled_dot_product_attention`, `gelu`,
/// `cross_entropy_loss`, `_fused_adamw_`).
public final class TorchDecoder implements AutoCloseable {
    private static final double EPS = 1e-5;
    private static final int PER_BLOCK = 6;

    /// The name by which DJL recognises neighbours in a list of arguments as one list.
    private static final String LIST = "p[]";

    private final Torch torch = new Torch();
    private final Sizes sizes;
    private final Torch.Function gradients;
    private final List<Group> groups;
    private final NDList operands;

    /// @param depth blocks L
    /// @param width model width D
    /// @param batch sequences in a step
    /// @param length tokens of a sequence
    public record Sizes(int depth, int width, int heads, int batch, int length) {}

    /// What AdamW is told; decay is for tensors of two axes only.
    public record Update(double rate, double beta1, double beta2, double eps, double decay) {}

    /// @param weights token table, position table, for each block norm, queries-keys-values `[3·D, D]`, output, norm,
    ///     first and second matrix of the feed-forward layer, and the last norm
    /// @param tokens `[B, N]`, row by row
    /// @param targets as `tokens`
    public TorchDecoder(Sizes sizes, Update rule, List<Tensor> weights, int[] tokens, int[] targets) {
        this.sizes = sizes;
        // Its optimiser of graphs crashes on gradients taken inside of a script.
        JniUtils.setGraphExecutorOptimize(false);
        gradients =
                torch.program(
                        "p: List[Tensor], tokens: Tensor, targets: Tensor",
                        "Tuple[Tensor, List[Optional[Tensor]]]",
                        loss());
        List<NDArray> leaves = weights.stream().map(torch::copy).toList();
        groups = List.of(new Group(torch, rule, rule.decay, 2, leaves), new Group(torch, rule, 0, 1, leaves));
        operands = new NDList(leaves);
        leaves.forEach(
                leaf -> {
                    leaf.setRequiresGradient(true);
                    leaf.setName(LIST);
                });
        operands.add(indices(tokens));
        operands.add(indices(targets));
    }

    private NDArray indices(int[] values) {
        long[] wide = Arrays.stream(values).asLongStream().toArray();
        return torch.manager().create(wide, new Shape(sizes.batch, sizes.length));
    }

    private String loss() {
        List<String> lines = new ArrayList<>();
        int d = sizes.width;
        String heads = "[%d, %d, %d, %d]".formatted(sizes.batch, sizes.length, sizes.heads, d / sizes.heads);
        lines.add("x = torch.add(torch.embedding(p[0], tokens), p[1])");
        for (int block = 0; block < sizes.depth; block++) {
            int at = 2 + PER_BLOCK * block;
            lines.add("y = " + norm("x", at));
            lines.add("q, k, v, = torch.split(torch.linear(y, p[%d]), %d, 2)".formatted(at + 1, d));
            for (String name : List.of("q", "k", "v")) {
                lines.add("%1$s = torch.transpose(torch.view(%1$s, %2$s), 1, 2)".formatted(name, heads));
            }
            lines.add("a = torch.scaled_dot_product_attention(q, k, v, None, 0., True)");
            lines.add(
                    "a = torch.reshape(torch.transpose(a, 1, 2), [%d, %d, %d])"
                            .formatted(sizes.batch, sizes.length, d));
            lines.add("x = torch.add(x, torch.linear(a, p[%d]))".formatted(at + 2));
            lines.add("h = torch.gelu(torch.linear(%s, p[%d]))".formatted(norm("x", at + 3), at + 4));
            lines.add("x = torch.add(x, torch.linear(h, p[%d]))".formatted(at + 5));
        }
        lines.add("logits = torch.linear(" + norm("x", 2 + PER_BLOCK * sizes.depth) + ", p[0])");
        lines.add(
                "loss = torch.cross_entropy_loss(torch.reshape(logits, [%1$d, -1]), torch.reshape(targets, [%1$d]))"
                        .formatted(sizes.batch * sizes.length));
        lines.add("return (loss, torch.grad([loss], p))");
        return String.join("\n", lines);
    }

    private String norm(String input, int weight) {
        return "torch.layer_norm(%s, [%d], p[%d], None, %s)".formatted(input, sizes.width, weight, EPS);
    }

    /// One training step; returns the loss before it.
    public float step() {
        JniUtils.setGradMode(true);
        try (NDList results = IValueUtils.forward(gradients.block(), operands, true)) {
            JniUtils.setGradMode(false);
            groups.forEach(group -> group.update(results.subList(1, results.size())));
            return results.getFirst().toFloatArray()[0];
        }
    }

    @Override
    public void close() {
        groups.forEach(Group::close);
        gradients.close();
        torch.close();
    }

    /// The parameters of one number of axes, which decay alike, with their moments.
    private static final class Group implements AutoCloseable {
        private final Torch.Function function;
        private final int[] members;
        private final IValue parameters;
        private final IValue first;
        private final IValue second;
        private final IValue steps;

        Group(Torch torch, Update rule, double decay, int axes, List<NDArray> all) {
            members = IntStream.range(0, all.size()).filter(i -> all.get(i).getShape().dimension() == axes).toArray();
            List<NDArray> mine = chosen(all);
            parameters = list(mine);
            first = list(mine.stream().map(NDArray::zerosLike).toList());
            second = list(mine.stream().map(NDArray::zerosLike).toList());
            steps = list(mine.stream().map(p -> torch.manager().zeros(new Shape())).toList());
            function =
                    torch.program(
                            "p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], s: List[Tensor]",
                            "int",
                            code(rule, decay));
        }

        private List<NDArray> chosen(List<NDArray> all) {
            return Arrays.stream(members).mapToObj(all::get).toList();
        }

        private static IValue list(List<NDArray> arrays) {
            return IValue.listFrom(arrays.stream().map(a -> (PtNDArray) a).toArray(PtNDArray[]::new));
        }

        private static String code(Update rule, double decay) {
            return """
                    _0 = torch._foreach_add_(s, 1)
                    _1 = torch._fused_adamw_(p, g, m, v, annotate(List[Tensor], []), s, lr=%s, beta1=%s, beta2=%s, \
                    weight_decay=%s, eps=%s, amsgrad=False, maximize=False)
                    return 0
                    """
                    .formatted(rule.rate, rule.beta1, rule.beta2, decay, rule.eps);
        }

        void update(List<NDArray> gradients) {
            try (IValue slopes = list(chosen(gradients))) {
                IValueUtils.forward(function.block(), new IValue[] {parameters, slopes, first, second, steps}).close();
            }
        }

        @Override
        public void close() {
            List.of(parameters, first, second, steps).forEach(IValue::close);
            function.close();
        }
    }
}
