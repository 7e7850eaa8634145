"""num_frozen and weight_norm: which parameters have not moved since the measurement before."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.probes.measured import Fields, Measured, scalar


class FrozenProbe:
    """Compares all trainable parameters, bit by bit, with their copy from the measurement before.

    Keeps one copy of them: the price is as much memory as the parameters take.
    """

    def __init__(self, named: Sequence[tuple[str, Tensor]]) -> None:
        self.names = [name for name, _ in named]
        self._parameters = [parameter for _, parameter in named]
        self._sizes = [parameter.numel() for parameter in self._parameters]
        self._before: Tensor | None = None

    def start(self) -> None:
        """Remember the parameters as they are now; the next `read` compares with them."""
        if self._parameters:
            self._before = self._flat()

    def read(self) -> list[Measured]:
        """`weight_norm`, `num_frozen`, and `frozen_names` where a whole tensor has not moved."""
        if not self._parameters:
            return []
        now = self._flat()
        measured = [scalar("weight_norm", torch.linalg.vector_norm(now))]
        if self._before is not None:
            unmoved = torch.split(now == self._before, self._sizes)
            measured.append(Measured(torch.stack([part.sum() for part in unmoved]), self._fields))
        self._before = now
        return measured

    def _flat(self) -> Tensor:
        return torch.cat([parameter.detach().reshape(-1) for parameter in self._parameters])

    def _fields(self, numbers: list[float]) -> Fields:
        counts = [int(number) for number in numbers]
        whole = [
            name for name, count, size in zip(self.names, counts, self._sizes, strict=True) if count == size
        ]
        return {"num_frozen": sum(counts)} | ({"frozen_names": whole} if whole else {})
