package dev.heddle.lab.training;

import dev.heddle.core.nn.Dense;
import dev.heddle.core.nn.Embedding;
import dev.heddle.core.nn.Initialiser;
import dev.heddle.core.nn.Linear;
import dev.heddle.core.nn.Module;
import dev.heddle.core.nn.TrainingPass;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;

/// The smallest language model: the next token from the last one alone, with dropout.
final class Bigram extends Module {
    private final Embedding embedding;
    private final Linear output;

    Bigram(int vocabulary, Seed seed) {
        embedding = child("embedding", new Embedding(vocabulary, 8, Initialiser.normal(0.1), seed.split("embedding")));
        output = child("output", new Dense(8, vocabulary, true, Initialiser.normal(0.1), seed.split("output")));
    }

    Tensor logits(Tensor tokens) {
        return output.forward(TrainingPass.dropout(embedding.forward(tokens), 0.1));
    }
}
