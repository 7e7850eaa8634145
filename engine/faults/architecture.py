"""Models that are not built as declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flight_recorder.engine.faults.fault import Fault

if TYPE_CHECKING:
    import torch
    from torch import nn

    from flight_recorder.engine.model.model import GPT


class NoNormalization(Fault):
    """The declared normalisation is missing."""

    name = "no_normalization"
    cause = "no_normalization"
    breaks = "no layer is normalised"

    def model(self, model: GPT) -> None:
        """Put the identity where a LayerNorm was."""
        for block in model.blocks:
            _replace_normalizations(block, ("attention_ln", "ffn_ln"))
        _replace_normalizations(model, ("final_ln",))


class NoFinalNormalization(Fault):
    """Only the last normalisation is missing."""

    name = "no_final_normalization"
    cause = "no_normalization"
    breaks = "the last normalisation, in front of the logits, is missing"

    def model(self, model: GPT) -> None:
        """Put the identity in the place of final_ln."""
        _replace_normalizations(model, ("final_ln",))


class ExplodingResidual(Fault):
    """The residual connection counts its input more than once."""

    name = "exploding_residual"
    cause = "exploding_residual"
    default_strength = 3.0
    strengths = (3.0, 10.0)
    breaks = "each block adds {strength:g} x its input where 1 x is meant"

    def model(self, model: GPT) -> None:
        """Add the input of every block to its output again."""
        for block in model.blocks:
            block.register_forward_hook(lambda _, inputs, output: output + (self.strength - 1) * inputs[0])


class DeadUnits(Fault):
    """A share of the hidden units is switched off, as by a pruning mask that was left in."""

    name = "dead_units"
    cause = "dead_units"
    default_strength = 0.5
    strengths = (0.5, 0.9)
    breaks = "a share of {strength:g} of the hidden units of every block always gives zero"
    deadline_step = 3

    def model(self, model: GPT) -> None:
        """Multiply the hidden units by a mask."""
        import torch

        num_units = model.config.ffn_multiple * model.config.width
        mask_F = (torch.arange(num_units) >= self.strength * num_units).float()
        for block in model.blocks:
            block.get_submodule("ffn.activation").register_forward_hook(
                lambda _, inputs, output: output * mask_F.to(output)
            )


class DeadHead(Fault):
    """An attention head looks at the first token, whatever comes."""

    name = "dead_head"
    cause = "dead_head"
    strengths = (1.0, 2.0)
    breaks = "{strength:g} heads of the first block look at the first token only"
    deadline_step = 6

    def model(self, model: GPT) -> None:
        """Overwrite the attention weights of some heads."""
        weights = model.blocks[0].get_submodule("attention.weights")
        weights.register_forward_hook(self._stuck)

    def _stuck(self, module: nn.Module, inputs: Any, weights_BHTT: torch.Tensor) -> torch.Tensor:
        stuck = weights_BHTT.clone()
        stuck[:, : int(self.strength)] = 0.0
        stuck[:, : int(self.strength), :, 0] = 1.0
        return stuck


def _replace_normalizations(module: nn.Module, names: tuple[str, ...]) -> None:
    from torch import nn

    for name in names:
        setattr(module, name, nn.Identity())
