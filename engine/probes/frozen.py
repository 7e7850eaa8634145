"""num_frozen and weight_norm: which parameters have not moved since the measurement before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from flight_recorder.engine.distributed.shards import is_sharded, local_part, norm_over_parts, sum_over_parts
from flight_recorder.engine.probes.measured import Fields, Measured, scalar
from flight_recorder.engine.probes.probe import Probe, Step, Target

ROUNDING_SHARE = 1e-5
"""A gradient below this share of the largest is what rounding left of zero: that of a bias in front of a
batch normalisation, 2e-7 of the others' in a small CNN. Such a tensor cannot move, and nothing is wrong."""


class FrozenProbe(Probe):
    """Compares all trainable parameters, bit by bit, with their copy from the measurement before.

    Keeps one copy of them: the price is as much memory as the parameters take. Of parameters that are cut
    among ranks each rank compares its parts, and every rank has to ask at the same steps.
    """

    group = "frozen"

    def __init__(self, named: Sequence[tuple[str, Tensor]]) -> None:
        self.names = [name for name, _ in named]
        self._parameters = [parameter for _, parameter in named]
        self._sizes = [parameter.numel() for parameter in self._parameters]
        self._before: Tensor | None = None
        self._is_idle: Tensor | None = None
        self._has_moved: Tensor | None = None

    @classmethod
    def attach(cls, target: Target) -> Self:
        """On all trainable parameters."""
        return cls(target.named)

    def before_step(self, step: Step) -> None:
        """The parameters that the run begins with are the first to compare with."""
        if step.number == 0 and step.due & {self.group}:
            self.start()

    def after_backward(self, step: Step) -> None:
        """What cannot move is seen in the gradient."""
        if step.due & {self.group}:
            self.see_gradients()

    def see_gradients(self) -> None:
        """Remember which tensors have a gradient of nothing but rounding; the next `read` leaves them out."""
        gradients = [parameter.grad for parameter in self._parameters]
        if not gradients or any(gradient is None or gradient.is_sparse for gradient in gradients):
            return
        parts = [local_part(one.detach()) for one in gradients if one is not None]
        norms = torch.stack([torch.linalg.vector_norm(part) for part in parts])
        norms = norm_over_parts(norms, self._parameters[0])
        sizes = torch.tensor([float(size) for size in self._sizes], device=norms.device)
        roots = norms.float() / sizes.sqrt()
        self._is_idle = (roots > 0) & (roots < ROUNDING_SHARE * roots.max())

    def start(self) -> None:
        """Remember the parameters as they are now; the next `read` compares with them."""
        if self._parameters:
            self._before = self._flat()

    def read(self) -> list[Measured]:
        """`weight_norm`, `num_frozen`, and `frozen_names` where a whole tensor has not moved."""
        if not self._parameters:
            return []
        now = self._flat()
        pattern = self._parameters[0]
        measured = [scalar("weight_norm", norm_over_parts(torch.linalg.vector_norm(now), pattern))]
        if self._before is not None:
            same = now == self._before
            if self._has_moved is not None:
                same &= ~self._has_moved
            unmoved = torch.split(same, [local_part(one).numel() for one in self._parameters])
            counts = sum_over_parts(torch.stack([part.sum() for part in unmoved]), pattern)
            if self._is_idle is not None:
                counts = torch.where(self._is_idle, 0, counts)
            measured.append(Measured(counts, self._fields))
        self._before, self._is_idle, self._has_moved = now, None, None
        return measured

    def state_dict(self) -> dict[str, Any]:
        """Which elements have moved since the measurement before, a bit each; nothing of cut parameters."""
        if self._before is None or any(is_sharded(parameter) for parameter in self._parameters):
            return {}
        moved = (self._flat() != self._before).cpu()
        if self._has_moved is not None:
            moved |= self._has_moved.cpu()
        return {"has_moved": torch.from_numpy(np.packbits(moved.numpy()))}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave, with the parameters as they were then."""
        if "has_moved" in state:
            self._before = self._flat()
            bits = np.unpackbits(state["has_moved"].numpy(), count=len(self._before))
            self._has_moved = torch.from_numpy(bits).bool().to(self._before.device)

    def _flat(self) -> Tensor:
        return torch.cat([local_part(parameter.detach()).reshape(-1) for parameter in self._parameters])

    def _fields(self, numbers: list[float]) -> Fields:
        counts = [int(number) for number in numbers]
        whole = [
            name for name, count, size in zip(self.names, counts, self._sizes, strict=True) if count == size
        ]
        return {"num_frozen": sum(counts)} | ({"frozen_names": whole} if whole else {})
