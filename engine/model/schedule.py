"""The learning rate as a pure function of the step: no state that a resume could lose.

Every family warms up linearly as lr_max * (t + 1) / W, so that step 0 already learns and step W - 1 is the
first at lr_max. From step W on the family's own curve runs, and reaches its end at step T, where it stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from flight_recorder.engine.config import Training
from flight_recorder.engine.runlog import schedules

_BLOCK = 4096
"""Rates are computed for so many steps at once: an array costs as much as a single number does."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """`family` with every constant; learning rates are absolute, lengths are in optimizer steps."""

    family: str
    lr_max: float
    lr_min: float
    warmup_steps: int
    total_steps: int
    decay_every: int
    decay_factor: float
    cooldown_steps: int

    def __call__(self, step: int) -> float:
        """Learning rate of the update that follows `step` updates."""
        block, within = divmod(min(step, self.total_steps), _BLOCK)
        return float(_rates(self, block)[within])

    def describe(self) -> dict[str, Any]:
        """Family and every constant that its curve depends on, for the log's header."""
        declared: dict[str, Any] = {
            "family": self.family,
            "lr_max": self.lr_max,
            "lr_min": self.lr_max if self.family == "constant" else self.lr_min,
            "warmup_steps": self.warmup_steps,
            "warmup": "(t + 1) / W",
            "total_steps": self.total_steps,
        }
        if self.family == "step":
            declared |= {"decay_every": self.decay_every, "decay_factor": self.decay_factor}
        if self.family == "wsd":
            declared |= {"cooldown_steps": self.cooldown_steps}
        return declared


def declared_schedule(training: Training) -> Schedule:
    """The schedule that the config asks for."""
    return Schedule(
        family=training.schedule,
        lr_max=training.lr_max,
        lr_min=training.lr_min,
        warmup_steps=training.warmup,
        total_steps=training.T,
        decay_every=training.decay_every,
        decay_factor=training.decay_factor,
        cooldown_steps=training.cooldown,
    )


@lru_cache(maxsize=2)
def _rates(schedule: Schedule, block: int) -> schedules.Floats:
    curve = schedules.from_header(schedule.describe())
    assert curve is not None, "describe() names every constant"
    return curve.value(np.arange(block * _BLOCK, (block + 1) * _BLOCK))
