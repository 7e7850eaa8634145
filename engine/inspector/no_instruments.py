"""What stands in for the instruments where they are switched off."""

from __future__ import annotations

from torch import Tensor
from torch.optim import Optimizer

from flight_recorder.engine.probes.measured import Fields, Measured


class NoInstruments:
    """Measures nothing, with the methods of `Instruments`: the loop needs no branches."""

    def before_step(self, step: int) -> None:
        """No hook is armed."""

    def after_backward(self, step: int, *, grad_norm: Tensor, clip_factor: float | Tensor) -> None:
        """Nothing is looked at."""

    def after_update(self, step: int, *, optimizer: Optimizer) -> None:
        """Nothing is looked at."""

    def read(self, step: int) -> list[Measured]:
        """Nothing was measured."""
        return []

    def initial(self, *, tokens: Tensor, declared_std: dict[str, float]) -> Fields:
        """No field."""
        return {}

    def header(self) -> Fields:
        """No field."""
        return {}

    def state_dict(self) -> Fields:
        """Nothing to keep."""
        return {}

    def load_state_dict(self, state: Fields) -> None:
        """Nothing to restore."""

    def close(self) -> None:
        """No hook to remove."""
