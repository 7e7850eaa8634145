"""What a probe is and where the probes come from: a file in this folder, a row of the schema, a test."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from flight_recorder.engine.probes.cadence import Cadence
from flight_recorder.engine.probes.measured import Fields, Measured
from flight_recorder.engine.probes.points import Points
from flight_recorder.engine.probes.tap import Taps


@dataclass(slots=True)
class Target:
    """What probes are attached to.

    Attributes:
        model: as the loop calls it, wrappers and all.
        named: its trainable parameters by name, without wrappers.
        declared: what the user has told: fields of the header.
        padding: True where a token of the running micro-batch is padding, shape (B, T); None when not known.
    """

    model: nn.Module
    named: Sequence[tuple[str, nn.Parameter]]
    optimizer: torch.optim.Optimizer | None
    points: Points
    taps: Taps
    cadence: Cadence
    dead_eps: float
    declared: Mapping[str, Any] = field(default_factory=dict)
    padding: Tensor | None = None


@dataclass(slots=True)
class Step:
    """One step of the training, as far as it has come.

    Attributes:
        number: optimizer steps done before it.
        due: groups that are measured in it.
        with_rms: whether `activation_rms` is measured as well.
        grad_norm: global norm of the gradient before `clip_factor`, once it is there and where it is known.
        clip_factor: what the gradient was or will be multiplied by before the update.
        norms: norms of the gradients as the update finds them, of the parameters `normed`; where known.
        reported: the norm before clipping as the loop tells it.
        optimizer: the one that has made the update.
    """

    number: int
    due: frozenset[str]
    with_rms: bool = False
    grad_norm: float | Tensor | None = None
    clip_factor: float | Tensor = 1.0
    norms: Tensor | None = None
    normed: Sequence[Tensor] = ()
    reported: float | Tensor | None = None
    optimizer: torch.optim.Optimizer | None = None

    def is_noted(self, cadence: Cadence) -> bool:
        """Whether facts that are as they should be are written too; those that are not are at every step."""
        return cadence.facts > 0 and (self.number < cadence.early or self.number % cadence.facts == 0)


class Probe:
    """One thing that is measured. Every method but `attach` may be left out.

    What it keeps of a step is its own; it changes nothing that training reads: no random number is drawn, no
    tensor of the graph is written to. Each method runs without gradients and is paid for under `group`.

    Attributes:
        group: the name of its cadence and of its account; one that is in every step is in no cadence.
        place: who is read later wins where two probes give the same field.
    """

    group: ClassVar[str]
    place: ClassVar[int] = 0

    @classmethod
    def attach(cls, target: Target) -> Self | None:
        """The probe at work on this target; None where there is nothing that it could measure."""
        raise NotImplementedError

    def before_step(self, step: Step) -> None:
        """The passes from now on belong to this step."""

    def after_backward(self, step: Step) -> None:
        """The gradient is whole and the update not yet made."""

    def after_update(self, step: Step) -> None:
        """The optimizer has stepped; its learning rate is still that of this step. Not called for none."""

    def read(self) -> list[Measured]:
        """What was measured, still on the device; called once a step where the group is due."""
        return []

    def at_evaluation(self) -> Fields:
        """Fields of an evaluation's record, as it ends."""
        return {}

    def close(self) -> None:
        """Nothing of it is left on the model."""

    def header(self) -> Fields:
        """Fields of the header, as far as they are known by now."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs to measure as if uninterrupted."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave, with the parameters restored."""


@cache
def found() -> tuple[type[Probe], ...]:
    """Every probe of this folder, in the order in which they are read."""
    package = __name__.rpartition(".")[0]
    paths = import_module(package).__path__
    modules = [import_module(f"{package}.{file.name}") for file in pkgutil.iter_modules(paths)]
    kinds = [
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Probe) and kind.__module__ == module.__name__
    ]
    return tuple(sorted((kind for kind in kinds if kind is not Probe), key=lambda kind: kind.place))
