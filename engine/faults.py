"""Fire drills: each fault breaks one thing on purpose and bears the name of the cause it must produce.

The loop calls every hook at its one place and knows no fault by name. What a fault does not override
leaves training exactly as it is. Nothing here imports torch before a hook runs: listing faults is free.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from engine.batches import Batch
    from engine.model import GPT

LearningRate = Callable[[int], float]


class UnknownFault(ValueError):
    """No fault has this name, or its strength is no number; the message names the nearest right one."""


class Fault:
    """A run without a fault; each subclass breaks one thing.

    Attributes:
        name: what `--fault` and the config call it.
        cause: what the decision tree must name; several faults may produce the same cause.
        strength: how much, in the unit that `breaks` states.
    """

    name = "none"
    cause = ""
    default_strength = 1.0
    breaks = "nothing"
    """One sentence, for `engine faults`: what is changed, with {strength} where it counts."""
    deadline_step = 0
    """The tree must have named the cause by this step."""

    def __init__(self, strength: float | None = None) -> None:
        self.strength = self.default_strength if strength is None else strength

    def __str__(self) -> str:
        return f"{self.name}:{self.strength:g}"

    def model(self, model: GPT) -> None:
        """Change the model after its initialisation, before the optimizer sees it."""

    def optimizer(self, optimizer: Optimizer) -> Optimizer:
        """The optimizer that is used instead of this one."""
        return optimizer

    def learning_rate(self, declared: LearningRate) -> LearningRate:
        """The learning rate that is applied instead of the declared one."""
        return declared

    def batch(self, step: int, batch: Batch) -> Batch:
        """The micro-batch that is learned from instead of this one."""
        return batch

    def divisor(self, num_targets: float, num_micro_batches: int) -> float:
        """What the step's summed token losses are divided by instead of the number of targets."""
        return num_targets

    def gradients(self, step: int, parameters: list[nn.Parameter]) -> None:
        """Change the gradients of the whole step, before their norm is taken."""

    def before_update(self, step: int, optimizer: Optimizer) -> Optimizer:
        """The optimizer that makes this update, given the one that made the last."""
        return optimizer

    def clears_gradients(self, step: int) -> bool:
        """Whether the gradients are forgotten after this step's update."""
        return True


class BadInit(Fault):
    """Every matrix starts far too large."""

    name = "bad_init"
    cause = "bad_init"
    default_strength = 100.0
    breaks = "every weight matrix and embedding starts {strength:g} times as large as declared"

    def model(self, model: GPT) -> None:
        """Scale all 2-D parameters."""
        for parameter in model.parameters():
            if parameter.dim() >= 2:
                parameter.data.mul_(self.strength)


class NoWarmup(Fault):
    """The declared warm-up is not applied."""

    name = "no_warmup"
    cause = "no_warmup"
    breaks = "the declared warm-up is skipped, and every learning rate is multiplied by {strength:g}"

    def learning_rate(self, declared: LearningRate) -> LearningRate:
        """The declared curve with its rising part cut flat at the top."""
        warmup = getattr(declared, "warmup_steps", 0)
        return lambda step: self.strength * declared(max(step, warmup))


class BrokenMask(Fault):
    """Attention sees the future."""

    name = "broken_mask"
    cause = "broken_mask"
    deadline_step = 1
    breaks = "attention sees the tokens it has to predict"

    def model(self, model: GPT) -> None:
        """Leave the causal mask out of every block."""
        for block in model.blocks:
            block.get_submodule("attention").causal = False  # type: ignore[assignment]


FAULTS: dict[str, type[Fault]] = {fault.name: fault for fault in (BadInit, NoWarmup, BrokenMask)}


def parse_fault(text: str | None) -> Fault:
    """The fault that NAME or NAME:STRENGTH asks for; None is a run without one.

    Raises:
        UnknownFault: no such name, or the strength is no number.
    """
    if text is None:
        return Fault()
    name, _, strength = text.partition(":")
    if name not in FAULTS:
        near = difflib.get_close_matches(name, FAULTS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "`engine faults` lists those there are."
        raise UnknownFault(f"no fault is called {name!r}; {hint}")
    try:
        return FAULTS[name](float(strength) if strength else None)
    except ValueError:
        raise UnknownFault(f"the strength of {name} must be a number, not {strength!r}.") from None


def explain(fault: type[Fault]) -> dict[str, Any]:
    """What `engine faults` says about one fault."""
    return {
        "name": fault.name,
        "cause": fault.cause,
        "default strength": f"{fault.default_strength:g}",
        "breaks": fault.breaks.format(strength=fault.default_strength),
        "named by step": fault.deadline_step,
    }
