"""The learning rate as a pure function of the step: no state that a resume could lose.

Every family warms up linearly as lr_max * (t + 1) / W, so that step 0 already learns and step W - 1 is the
first at lr_max. From step W on the family's own curve runs, and reaches its end at step T.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flight_recorder.engine.config import Training


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
        if step < self.warmup_steps:
            return self.lr_max * (step + 1) / self.warmup_steps
        return _FAMILIES[self.family](self, min(step, self.total_steps))

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


def _progress(s: Schedule, step: int) -> float:
    """Share of the steps after warm-up that lies behind, 0 to 1."""
    return (step - s.warmup_steps) / max(1, s.total_steps - s.warmup_steps)


def _cosine(s: Schedule, step: int) -> float:
    return s.lr_min + 0.5 * (1 + math.cos(math.pi * _progress(s, step))) * (s.lr_max - s.lr_min)


def _linear(s: Schedule, step: int) -> float:
    return s.lr_max + _progress(s, step) * (s.lr_min - s.lr_max)


def _constant(s: Schedule, step: int) -> float:
    return s.lr_max


def _step(s: Schedule, step: int) -> float:
    drops = (step - s.warmup_steps) // s.decay_every
    return float(max(s.lr_min, s.lr_max * s.decay_factor**drops))


def _wsd(s: Schedule, step: int) -> float:
    """Warm-up, stable, decay: lr_max until the last `cooldown_steps`, then a straight line to lr_min."""
    left = s.total_steps - step
    if left >= s.cooldown_steps:
        return s.lr_max
    return s.lr_min + (s.lr_max - s.lr_min) * left / s.cooldown_steps


def _inverse_sqrt(s: Schedule, step: int) -> float:
    origin = max(1, s.warmup_steps)
    return max(s.lr_min, s.lr_max * math.sqrt(origin / max(step, origin)))


_FAMILIES: dict[str, Callable[[Schedule, int], float]] = {
    "cosine": _cosine,
    "linear": _linear,
    "constant": _constant,
    "step": _step,
    "wsd": _wsd,
    "inverse_sqrt": _inverse_sqrt,
}
