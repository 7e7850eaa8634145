"""What a fault is: a run with one thing broken on purpose, and what the decision tree must say of it.

The loop calls every hook at its one place and knows no fault by name. What a fault does not override
leaves training exactly as it is. A fault changes what happens, never what is recorded of it: the header
declares what the config says, and the fault is the undeclared difference. Nothing here imports torch before
a hook runs, so listing faults is free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from flight_recorder.engine.data.batches import Batch
    from flight_recorder.engine.data.corpus import Corpus
    from flight_recorder.engine.model.model import GPT
    from flight_recorder.engine.run.build import Loop
    from flight_recorder.engine.run.saving import Saver

LearningRate = Callable[[int], float]

NAMED, SILENT, DAMAGED = "named", "silent", "damaged"
"""What gives a fault away: a cause that the tree names, a log that has fallen silent, a damaged line."""


class Fault:
    """A run without a fault; each subclass breaks one thing.

    Attributes:
        name: what `--fault` and the config call it.
        cause: what the decision tree must name; several faults may produce the same cause.
        also: other causes that are just as true of the same run, so that either may come first.
        level: the lowest level of a verdict that counts as naming it; yellow or green for what is normal
            in honest runs as well and must not alarm by itself.
        strength: how much, in the unit that `breaks` states.
        strengths: those that are tried in the fire drills, the default first.
        onset_step: the first step at which anything differs from a healthy run.
        deadline_step: the tree must have named the cause by this step.
        num_steps: shortest run in which it shows.
        needs: config keys without which there is nothing to break, such as accumulation.
        resumes: whether the drill is stopped half-way and resumed.
        sleeps: whether most of the drill's time is spent waiting, so that other work can be done beside it.
        sign: NAMED, SILENT or DAMAGED.
    """

    name = "none"
    cause = ""
    also: tuple[str, ...] = ()
    level = "orange"
    default_strength = 1.0
    strengths: tuple[float, ...] = ()
    breaks = "nothing"
    """One sentence, for `engine faults`: what is changed, with {strength} where it counts."""
    onset_step = 0
    deadline_step = 1
    num_steps = 120
    needs: ClassVar[Mapping[str, Any]] = {}
    resumes = False
    sleeps = False
    sign = NAMED

    def __init__(self, strength: float | None = None) -> None:
        self.strength = self.default_strength if strength is None else strength

    def __str__(self) -> str:
        return f"{self.name}:{self.strength:g}"

    def corpus(self, corpus: Corpus) -> Corpus:
        """The data that is learned from and measured on instead of this."""
        return corpus

    def model(self, model: GPT) -> None:
        """Change the model after its initialisation, before the optimizer sees it."""

    def optimizer(self, optimizer: Optimizer) -> Optimizer:
        """The optimizer that is used instead of this one."""
        return optimizer

    def learning_rate(self, declared: LearningRate) -> LearningRate:
        """The learning rate that is applied instead of the declared one."""
        return declared

    def begin(self, loop: Loop) -> None:
        """Change what is built, before anything of it is measured."""

    def load(self, step: int) -> None:
        """Before the batches of a step are made, however many it has: where a loader may be slow."""

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

    def skips_update(self, step: int) -> bool:
        """Whether this step makes no update."""
        return False

    def clears_gradients(self, step: int) -> bool:
        """Whether the gradients are forgotten after this step's update."""
        return True

    def fields(self, step: int) -> dict[str, Any]:
        """What machinery of the fault's own measured in this step: an emulated loss scaler, for one."""
        return {}

    def after_step(self, loop: Loop, saver: Saver) -> None:
        """The step is taken and its record handed over."""

    def sums_over_ranks(self) -> bool:
        """Whether the gradients of all ranks are added up before the update."""
        return True

    def evaluates(self, step: int) -> bool:
        """Whether an evaluation that is due is made."""
        return True

    def evaluation(self, loop: Loop) -> dict[str, Any]:
        """What machinery of the fault's own adds to an evaluation: the checksum of a second rank."""
        return {}

    def keeps_checkpoint(self, role_or_step: str | int) -> bool:
        """Whether a checkpoint that is due is written."""
        return True

    def restored(self, optimizer: Optimizer) -> Optimizer:
        """The optimizer that goes on after a resume instead of this one."""
        return optimizer
