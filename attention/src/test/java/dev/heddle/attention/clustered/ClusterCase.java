package dev.heddle.attention.clustered;

import static org.assertj.core.api.Assertions.assertThat;

import dev.heddle.attention.kernel.AttentionOptions;
import dev.heddle.attention.kernel.ScaledDotProduct;
import dev.heddle.attention.pattern.Patterns;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.util.List;
import java.util.random.RandomGenerator;

/// Random queries, keys and values `[B, H, L, D]` as leaves.
record ClusterCase(Tensor q, Tensor k, Tensor v, Seed seed) {
    static final int B = 2;
    static final int H = 3;

    static ClusterCase of(int length, int width, DType dtype, long number) {
        Seed seed = Seed.of(number);
        return new ClusterCase(
                leaf("q", length, width, dtype, seed),
                leaf("k", length, width, dtype, seed),
                leaf("v", length, width, dtype, seed),
                seed);
    }

    private static Tensor leaf(String name, int length, int width, DType dtype, Seed seed) {
        return Autograd.variable(normal(Shape.of(B, H, length, width), seed.split(name)).cast(dtype));
    }

    static Tensor normal(Shape shape, Seed seed) {
        return Initialiser.normal(1).create(shape, seed).cast(DType.F64);
    }

    /// These with other queries.
    ClusterCase withQueries(Tensor queries) {
        return new ClusterCase(Autograd.variable(queries), k, v, seed);
    }

    /// Random clusters.
    Tensor ids(int clusters) {
        RandomGenerator random = seed.split("ids").generator();
        int[] ids = new int[B * H * length()];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = random.nextInt(clusters);
        }
        return Tensor.of(ids, B, H, length());
    }

    int length() {
        return q.dim(2);
    }

    int width() {
        return q.dim(3);
    }

    /// Attention of every query to every key.
    Tensor full() {
        AttentionOptions options = AttentionOptions.of(Patterns.full()).laidOut(AttentionOptions.Layout.HEAD_MAJOR);
        return ScaledDotProduct.attend(q, k, v, options).y();
    }

    /// The gradients of one random combination of an output of these.
    List<Tensor> gradients(Tensor y) {
        Tensor cotangent = normal(y.shape(), seed.split("cotangent")).cast(y.dtype());
        Gradients gradients = Autograd.gradients(y, cotangent);
        return List.of(gradients.of(q), gradients.of(k), gradients.of(v));
    }

    void equal(Tensor a, Tensor b, double tolerance) {
        equalTensors(a, b, tolerance);
        List<Tensor> left = gradients(a);
        List<Tensor> right = gradients(b);
        for (int i = 0; i < left.size(); i++) {
            equalTensors(left.get(i), right.get(i), 10 * tolerance);
        }
    }

    static void equalTensors(Tensor a, Tensor b, double tolerance) {
        assertThat(difference(a, b)).isLessThanOrEqualTo(tolerance);
    }

    static double difference(Tensor a, Tensor b) {
        assertThat(a.shape()).isEqualTo(b.shape());
        double worst = 0;
        for (long i = 0; i < a.elements(); i++) {
            double difference = Math.abs(a.at(i) - b.at(i));
            worst = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : Math.max(worst, difference);
        }
        return worst;
    }
}
