package dev.heddle.testkit;

import dev.heddle.core.catalog.Form;
import dev.heddle.core.file.SafetensorsWriter;
import dev.heddle.core.tensor.Autograd;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Gradients;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Shape;
import dev.heddle.core.tensor.Tensor;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/// A golden file of the honest toy, to be spoilt.
final class ToyGoldenFile {
    final Map<String, String> metadata = new LinkedHashMap<>();
    final Map<String, Tensor> tensors = new LinkedHashMap<>();

    ToyGoldenFile(int width, int length) {
        metadata.put("variant", "toy");
        metadata.put("case", "plain");
        metadata.put("config", "{\"width\": " + width + "}");
        metadata.put("mode", "parallel");
        metadata.put("rtol", "1e-5");
        metadata.put("atol", "1e-5");
        Toy toy = Toy.honest(width);
        toy.module().convert(DType.F64);
        Tensor w = toy.module().parameters().get("w").value();
        Tensor x = Autograd.variable(toy.sampleInputs(2, length, DType.F64, Seed.of(1)).get("x"));
        Map<String, Tensor> outputs = toy.run(Map.of("x", x), Form.PARALLEL);
        Tensor y = outputs.get("y");
        Tensor cotangent = Cotangents.draw(DType.F64, y.shape(), Seed.of(2));
        Gradients gradients = Autograd.gradients(y, cotangent);
        Gradients ofEnergy = Autograd.gradients(outputs.get("energy"));
        tensors.put("in.x", x.cast(DType.F32));
        tensors.put("w.w", w.cast(DType.F32));
        tensors.put("in.cotangent", cotangent.cast(DType.F32));
        tensors.put("out.y", y);
        tensors.put("out.energy", outputs.get("energy").viewAs(Shape.of(1)));
        tensors.put("grad.in.x", gradients.of(x));
        tensors.put("grad.w.w", gradients.of(w));
        tensors.put("grad_energy.in.x", ofEnergy.of(x));
        tensors.put("out.grad_norm", Tensor.scalar(DType.F64, norm(gradients.of(w))));
    }

    private static double norm(Tensor gradient) {
        double total = 0;
        for (double g : gradient.toDoubles()) {
            total += g * g;
        }
        return Math.sqrt(total);
    }

    Path write(Path file) {
        SafetensorsWriter writer = new SafetensorsWriter();
        metadata.forEach(writer::metadata);
        tensors.forEach(writer::add);
        writer.write(file);
        return file;
    }
}
