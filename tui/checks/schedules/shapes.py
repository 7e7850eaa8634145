"""Learning-rate schedules as closed forms: what an observed schedule is written down as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PHRASES = {
    "linear": "linear decay",
    "cosine": "cosine decay",
    "one_minus_sqrt": "1 - sqrt decay",
}
"""How the decays that end somewhere are called in a sentence."""


def fraction_gone(kind: str, progress: Floats) -> Floats:
    """How much of the way from lr_max to lr_min is done at `progress` in [0, 1] of the decay."""
    u = np.clip(progress, 0.0, 1.0)
    if kind == "linear":
        return u
    if kind == "cosine":
        return 0.5 - 0.5 * np.cos(np.pi * u)
    return np.sqrt(u)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule with all of its constants; steps are counted as the log counts them.

    `kind` is the shape of what follows the warm-up: constant, linear, cosine, one_minus_sqrt, exponential,
    inverse_sqrt or step. `lag` is how many steps the log's counter runs ahead of the scheduler's own, whose
    first value belongs to 0: 1 where a trainer logs after it has counted the step. `decay_start` and
    `total_steps` are on the scheduler's counter, so that they read as they were configured.
    """

    kind: str
    lr_max: float
    lr_min: float = 0.0
    warmup_kind: str = ""
    warmup_steps: int = 0
    warmup_shift: float = 0.0
    """Added to the counter during the warm-up: 1 for (t + 1) / W, 0 for t / W."""
    lag: int = 0
    decay_start: float = 0.0
    total_steps: float | None = None
    rate: float = 0.0
    """exponential: factor per step. inverse_sqrt: steps that the counter is shifted by."""
    milestones: tuple[float, ...] = ()
    """step: first step logged at each new level."""
    levels: tuple[float, ...] = ()
    has_plateau: bool = False

    def value(self, steps: NDArray[Any]) -> Floats:
        """Learning rate at these steps of the log."""
        i = np.asarray(steps, np.float64) - self.lag
        after = self._after_warmup(i)
        if not self.warmup_steps:
            return after
        ramp = np.maximum(i + self.warmup_shift, 0.0)
        if self.warmup_kind == "logarithmic":
            rising = self.lr_max * np.log(np.maximum(ramp, 1.0)) / np.log(max(self.warmup_steps, 2))
        else:
            rising = self.lr_max * ramp / self.warmup_steps
        return np.where(ramp < self.warmup_steps, rising, after)

    def _after_warmup(self, i: Floats) -> Floats:
        past = np.maximum(i - self.decay_start, 0.0)
        if self.kind == "constant":
            return np.full_like(i, self.lr_max)
        if self.kind == "step":
            index = np.searchsorted(np.array(self.milestones), i + self.lag, side="right")
            return np.asarray(self.levels, np.float64)[index]
        if self.kind == "exponential":
            return np.asarray(self.lr_max * self.rate**past)
        if self.kind == "inverse_sqrt":
            return np.asarray(self.lr_max * np.sqrt(self.rate / (past + self.rate)))
        length = max((self.total_steps or self.decay_start + 1) - self.decay_start, 1e-9)
        return self.lr_max - (self.lr_max - self.lr_min) * fraction_gone(self.kind, past / length)

    @property
    def family(self) -> str:
        """The family's name: WSD where a plateau stands before the decay."""
        return "wsd" if self.has_plateau and self.kind in PHRASES else self.kind

    @property
    def complexity(self) -> int:
        """How many constants it takes, for the choice of the simplest that fits."""
        own = {
            "constant": 1,
            "linear": 2,
            "exponential": 2,
            "inverse_sqrt": 2,
            "one_minus_sqrt": 3,
            "cosine": 3,
        }
        shape = own.get(self.kind, 1 + len(self.levels))
        return shape + (self.lr_min > 0) + 2 * self.has_plateau

    def parameters(self) -> dict[str, Any]:
        """The constants that matter for this family, by name, in the words of a configuration."""
        found: dict[str, Any] = {"lr_max": _short(self.lr_max)}
        if self.warmup_steps:
            found |= {"warmup_kind": self.warmup_kind or "unknown", "warmup_steps": self.warmup_steps}
        if self.kind in PHRASES:
            found |= {"lr_min": _short(self.lr_min), "total_steps": _whole(self.total_steps)}
        if self.family == "wsd" or (self.decay_start and not self.warmup_steps):
            found["decay_start"] = _whole(self.decay_start)
        if self.family == "wsd":
            found["decay_kind"] = self.kind
        if self.kind == "exponential":
            found |= {"decay_per_step": _short(self.rate)}
        if self.kind == "inverse_sqrt":
            found |= {"shift": _short(self.rate)}
        if self.kind == "step":
            ratios = [_short(b / a, 4) for a, b in zip(self.levels, self.levels[1:], strict=False) if a]
            found |= {"milestones": [_whole(step) for step in self.milestones], "factors": ratios}
        if self.lag:
            found["lag"] = self.lag
        return found

    def words(self) -> str:
        """The schedule as a phrase: "linear warm-up over 10 steps, then cosine decay to 0 at step 200"."""
        front = f"{self.warmup_kind or 'some'} warm-up over {self.warmup_steps} steps, then "
        return (front if self.warmup_steps else "") + self._after_words()

    def _after_words(self) -> str:
        if self.kind == "constant":
            return f"constant at {self.lr_max:.4g}"
        if self.kind == "step":
            return f"{len(self.milestones)} steps down, at {', '.join(f'{m:g}' for m in self.milestones)}"
        if self.kind == "exponential":
            return f"exponential decay by {self.rate:.6g} a step"
        if self.kind == "inverse_sqrt":
            return "decay with one over the square root of the step"
        held = f"constant to step {self.decay_start:g}, then " if self.has_plateau else ""
        return f"{held}{PHRASES[self.kind]} to {self.lr_min:.4g} at step {_whole(self.total_steps)}"


def _short(value: float, digits: int = 6) -> float:
    return float(f"{value:.{digits}g}")


def _whole(value: float | None) -> float | int | None:
    if value is None:
        return None
    return round(value) if abs(value - round(value)) < 0.05 else round(value, 2)
