"""Optimizers that forget, decay what they should not, or hold too little."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flight_recorder.engine.faults.fault import Fault

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.optim import Optimizer

    from flight_recorder.engine.model.model import GPT
    from flight_recorder.engine.run.build import Loop
    from flight_recorder.engine.run.saving import Saver

Groups = list[dict[str, Any]]


def made_anew(optimizer: Optimizer) -> Optimizer:
    """An optimizer of the same kind over the same groups that has seen nothing yet."""
    groups = [dict(group) for group in optimizer.param_groups]
    make: Callable[[Groups], Optimizer] = type(optimizer)
    return make(groups)


class OptimizerRebuilt(Fault):
    """The optimizer is made inside the loop."""

    name = "optimizer_rebuilt"
    cause = "optimizer_rebuilt"
    strengths = (1.0, 3.0)
    breaks = "the optimizer is made anew before every {strength:g}th update"
    onset_step = 1
    deadline_step = 10

    def before_update(self, step: int, optimizer: Optimizer) -> Optimizer:
        """A fresh one, as often as the strength says."""
        return made_anew(optimizer) if step > 0 and step % int(self.strength) == 0 else optimizer


class NoBiasCorrection(Fault):
    """The moments are used as they are while they are still close to zero."""

    name = "no_bias_correction"
    cause = "no_bias_correction"
    breaks = "Adam's moments are not divided by 1 - beta^t"
    deadline_step = 3

    def optimizer(self, optimizer: Optimizer) -> Optimizer:
        """AdamW without that division."""
        from flight_recorder.engine.faults.uncorrected_adamw import UncorrectedAdamW

        return UncorrectedAdamW(optimizer.param_groups)


class DecayOnAll(Fault):
    """Gains and biases decay with the matrices.

    Green: one group is what PyTorch makes of `model.parameters()`, and many train well with it on purpose.
    It must be shown and named, and must not alarm by itself.
    """

    name = "decay_on_all_parameters"
    cause = "decay_on_all_parameters"
    level = "green"
    breaks = "all parameters are in one group, so gains and biases decay as well"

    def optimizer(self, optimizer: Optimizer) -> Optimizer:
        """One group with the decay of the matrices."""
        first, *others = optimizer.param_groups
        parameters = [*first["params"], *(p for group in others for p in group["params"])]
        make: Callable[[Groups], Optimizer] = type(optimizer)
        return make([{**first, "params": parameters}])


class Overshooting(Fault):
    """Updates grow out of all proportion in the middle of the run, and the logged rate does not tell.

    Each is the one of a learning rate as many times too high, and the loss may end above a uniform guess.
    """

    name = "instability"
    cause = "instability"
    also = ("lr_too_high", "above_uniform")
    default_strength = 100.0
    strengths = (100.0, 30.0)
    breaks = "from step 150 on every update is applied {strength:g} times over, whatever rate is logged"
    onset_step = 150
    deadline_step = 240
    num_steps = 260

    def __init__(self, strength: float | None = None) -> None:
        super().__init__(strength)
        self._before: list[torch.Tensor] = []

    def before_update(self, step: int, optimizer: Optimizer) -> Optimizer:
        """Remember from where the update starts."""
        if step >= self.onset_step:
            self._before = [p.detach().clone() for group in optimizer.param_groups for p in group["params"]]
        return optimizer

    def after_step(self, loop: Loop, saver: Saver) -> None:
        """Go the same way again."""
        held = (p for group in loop.optimizer.param_groups for p in group["params"])
        for before, parameter in zip(self._before, held, strict=False):
            parameter.data.add_(parameter.data - before, alpha=self.strength - 1)


class FrozenParameters(Fault):
    """Nearly everything is frozen."""

    name = "frozen_parameters"
    cause = "frozen_parameters"
    breaks = "every parameter but the last normalisation is frozen"
    deadline_step = 3

    def model(self, model: GPT) -> None:
        """Freeze all but final_ln."""
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.startswith("final_ln"))


class FrozenBlock(Fault):
    """One block is frozen, as left over from a fine-tuning script."""

    name = "frozen_block"
    cause = "frozen_parameters"
    breaks = "the parameters of the first block are frozen"
    deadline_step = 3

    def model(self, model: GPT) -> None:
        """Freeze block 0."""
        for parameter in model.blocks[0].parameters():
            parameter.requires_grad_(False)


class DetachedBlock(Fault):
    """The optimizer holds a block that no gradient reaches."""

    name = "detached_block"
    cause = "frozen_parameters"
    breaks = "no gradient reaches the parameters of the first block, although the optimizer holds them"
    deadline_step = 3

    def __init__(self, strength: float | None = None) -> None:
        super().__init__(strength)
        self._cut_off: set[int] = set()

    def model(self, model: GPT) -> None:
        """Remember the parameters of block 0."""
        self._cut_off = {id(parameter) for parameter in model.blocks[0].parameters()}

    def gradients(self, step: int, parameters: list[nn.Parameter]) -> None:
        """Take their gradients away."""
        for parameter in parameters:
            if id(parameter) in self._cut_off:
                parameter.grad = None
