"""Weights that do not start as declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_recorder.engine.faults.fault import Fault

if TYPE_CHECKING:
    from flight_recorder.engine.model.model import GPT
    from flight_recorder.engine.run.build import Loop


class BadInit(Fault):
    """Every matrix starts far too large."""

    name = "bad_init"
    cause = "bad_init"
    also = ("embedding_scale",)
    default_strength = 100.0
    strengths = (100.0, 10.0)
    breaks = "every weight matrix and embedding starts {strength:g} times as large as declared"

    def model(self, model: GPT) -> None:
        """Scale all 2-D parameters."""
        for parameter in model.parameters():
            if parameter.dim() >= 2:
                parameter.data.mul_(self.strength)


class BadInitOfOneBlock(Fault):
    """One block starts too large: loss and gradient of the first step look normal."""

    name = "bad_init_block"
    cause = "bad_init"
    default_strength = 100.0
    strengths = (100.0, 10.0)
    breaks = "the matrices of the first block start {strength:g} times as large as declared"

    def model(self, model: GPT) -> None:
        """Scale the matrices of block 0."""
        for parameter in model.blocks[0].parameters():
            if parameter.dim() >= 2:
                parameter.data.mul_(self.strength)


class ZeroInit(Fault):
    """Every linear weight starts at (nearly) nothing."""

    name = "zero_init"
    cause = "zero_init"
    default_strength = 0.0
    strengths = (0.0, 0.01)
    breaks = "every linear weight starts {strength:g} times as large as declared"

    def model(self, model: GPT) -> None:
        """Scale the matrices of all blocks."""
        for parameter in model.blocks.parameters():
            if parameter.dim() >= 2:
                parameter.data.mul_(self.strength)


class ZeroInitOfOneBlock(Fault):
    """One block contributes nothing; everything else looks normal."""

    name = "zero_init_block"
    cause = "zero_init"
    default_strength = 0.0
    breaks = "the linear weights of the last block start {strength:g} times as large as declared"

    def model(self, model: GPT) -> None:
        """Scale the matrices of the last block."""
        for parameter in model.blocks[-1].parameters():
            if parameter.dim() >= 2:
                parameter.data.mul_(self.strength)


class EmbeddingScale(Fault):
    """The embeddings start too large or too small, as with PyTorch's default of a standard normal."""

    name = "embedding_scale"
    cause = "embedding_scale"
    default_strength = 50.0
    strengths = (50.0, 10.0, 0.05)
    breaks = "both embeddings start {strength:g} times as large as declared; 50 is PyTorch's own default"

    def model(self, model: GPT) -> None:
        """Scale token and position embedding."""
        model.token_embedding.weight.data.mul_(self.strength)
        model.position_embedding.weight.data.mul_(self.strength)


class HeadBias(Fault):
    """The output layer has a bias that prefers some tokens from the start."""

    name = "head_bias"
    cause = "head_bias"
    default_strength = 5.0
    strengths = (5.0, 1.0)
    breaks = "the output layer has a bias that starts random, with standard deviation {strength:g}"

    def model(self, model: GPT) -> None:
        """Give the head a random bias; no random number of the run is used up."""
        import torch

        random = torch.Generator().manual_seed(0)
        model.head_bias = torch.nn.Parameter(torch.randn(model.vocab_size, generator=random) * self.strength)


class LoadedCheckpoint(Fault):
    """The run starts from trained weights although it is declared to start from scratch."""

    name = "loaded_checkpoint"
    cause = "loaded_checkpoint"
    default_strength = 200.0
    strengths = (200.0, 100.0)
    breaks = "the weights are those of a checkpoint that has been trained for {strength:g} steps"

    def begin(self, loop: Loop) -> None:
        """Train the checkpoint that somebody left in the folder; the run's own optimizer stays fresh."""
        import torch
        import torch.nn.functional as F

        from flight_recorder.engine.model.optimizer import clip_gradients, gradient_norm

        earlier = torch.optim.AdamW(loop.parameters, lr=3e-3, betas=(0.9, 0.95))
        for step in range(int(self.strength)):
            batch = loop.order.batch(step, 0).to(loop.device)
            logits = loop.model(batch.inputs).flatten(0, 1)
            F.cross_entropy(logits, batch.targets.flatten()).backward()  # type: ignore[no-untyped-call]
            clip_gradients(loop.parameters, gradient_norm(loop.parameters), 1.0)
            earlier.step()
            earlier.zero_grad()
