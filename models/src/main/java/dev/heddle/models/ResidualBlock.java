package dev.heddle.models;

import dev.heddle.attention.MixerState;
import dev.heddle.attention.TokenMixer;
import dev.heddle.core.tensor.DType;
import dev.heddle.core.tensor.Seed;
import dev.heddle.core.tensor.Tensor;
import dev.heddle.mlp.FeedForward;

import java.util.OptionalLong;

/// A mixer and then a feed-forward layer, each on a residual branch with norms where a [Placement] says.
///
/// Parameters: `mixer`, `feed_forward`, and the norms of [ResidualBranch] under `mixer_branch` and
/// `feed_forward_branch`.
final class ResidualBlock extends Block {
    private final TokenMixer mixer;
    private final FeedForward feedForward;
    private final ResidualBranch mixerBranch;
    private final ResidualBranch feedForwardBranch;

    ResidualBlock(Placement placement, Choices choices, Seed seed) {
        double scale = placement.residualScale(choices.depth());
        mixerBranch = child("mixer_branch", new ResidualBranch(placement, choices));
        mixer = child("mixer", choices.mixer().create(choices.width(), scale, seed.split("mixer")));
        feedForwardBranch = child("feed_forward_branch", new ResidualBranch(placement, choices));
        feedForward =
                child("feed_forward", choices.feedForward().create(choices.width(), scale, seed.split("feed_forward")));
    }

    @Override
    public Tensor forward(Tensor x) {
        Tensor mixed = mixerBranch.leave(x, mixer.forward(mixerBranch.enter(x)));
        return afterMixer(mixed);
    }

    @Override
    public TokenMixer.Step advance(Tensor x, MixerState state) {
        TokenMixer.Step step = mixer.advance(mixerBranch.enter(x), state);
        return new TokenMixer.Step(afterMixer(mixerBranch.leave(x, step.y())), step.state());
    }

    private Tensor afterMixer(Tensor x) {
        return feedForwardBranch.leave(x, feedForward.forward(feedForwardBranch.enter(x)));
    }

    @Override
    public boolean isRecurrent() {
        return mixer.isRecurrent();
    }

    @Override
    public MixerState start(int batch, int capacity, DType dtype) {
        return mixer.start(batch, capacity, dtype);
    }

    @Override
    public long multiplyAdds(int length) {
        return mixer.multiplyAdds(length) + length * feedForward.multiplyAdds();
    }

    @Override
    public OptionalLong scoredPairs(int length) {
        return mixer.scoredPairs(length);
    }

    @Override
    public long stateElements(int length) {
        return mixer.stateElements(length);
    }
}
