"""Learning-rate schedules as closed forms: the one place that knows their curves.

The engine runs them, the callbacks and the readers of foreign configs declare them, and the monitor holds
logged rates against them and finds out which one a run followed. Only numpy is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DECAYS_WITH_AN_END = ("linear", "cosine", "one_minus_sqrt")
"""Curves that reach lr_min at total_steps. The last is 1 - sqrt(progress), https://arxiv.org/abs/2405.18392."""

_MAX_DROPS = 1000
"""Steps down that are written out; a run with more of them is at its lowest rate long before."""

_POLYNOMIAL_END = 1e-7
"""`lr_end` of `get_polynomial_decay_schedule_with_warmup`,
https://huggingface.co/docs/transformers/main_classes/optimizer_schedules."""


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
            return np.maximum(self.lr_max * np.sqrt(self.rate / (past + self.rate)), self.lr_min)
        length = max((self.total_steps or self.decay_start + 1) - self.decay_start, 1e-9)
        return self.lr_max - (self.lr_max - self.lr_min) * fraction_gone(self.kind, past / length)

    @property
    def family(self) -> str:
        """The family's name: WSD where a plateau stands before the decay."""
        return "wsd" if self.has_plateau and self.kind in DECAYS_WITH_AN_END else self.kind


def from_header(declared: Mapping[str, Any], lag: int = 0) -> Schedule | None:
    """The schedule that a header declares, in the words of FORMAT.md; None where a constant is missing.

    Numbers are taken as they are: who reads a foreign log checks them first.
    """
    family, lr_max = declared.get("family"), declared.get("lr_max")
    if lr_max is None or not isinstance(family, str):
        return None
    warmup = float(declared.get("warmup_steps") or 0)
    common = {
        "lr_max": lr_max,
        "lr_min": declared.get("lr_min") or 0.0,
        "warmup_kind": str(declared.get("warmup_kind", "linear")),
        "warmup_steps": int(warmup),
        "warmup_shift": _warmup_shift(declared, lag),
        "lag": lag,
        "decay_start": warmup,
        "total_steps": declared.get("total_steps"),
    }
    return _of_family(family, common, declared)


def _warmup_shift(declared: Mapping[str, Any], lag: int) -> float:
    """1 for (t + 1) / W and 0 for t / W; trainers that log with a lag start at 0."""
    written = str(declared.get("warmup", "")).replace(" ", "")
    if written in ("t/W", "(t+1)/W"):
        return 0.0 if written == "t/W" else 1.0
    return 0.0 if lag else 1.0


def _of_family(family: str, common: dict[str, Any], declared: Mapping[str, Any]) -> Schedule | None:
    total, warmup = common["total_steps"], common["decay_start"]
    if family == "constant":
        return Schedule(kind="constant", **common)
    if family == "inverse_sqrt":
        origin = max(1.0, warmup)
        return Schedule(kind="inverse_sqrt", rate=origin, **common | {"decay_start": origin})
    if total is None:
        return None
    if family in DECAYS_WITH_AN_END:
        return Schedule(kind=family, **common)
    if family == "wsd":
        cooldown = declared.get("cooldown_steps")
        start = declared.get("decay_start") if cooldown is None else total - cooldown
        return None if start is None else Schedule(kind="linear", **common | {"decay_start": start})
    if family == "step":
        return _steps_down(common, declared.get("decay_every"), declared.get("decay_factor"))
    return None


def _steps_down(common: dict[str, Any], every: float | None, factor: float | None) -> Schedule | None:
    if not every or factor is None:
        return None
    count = min(int((common["total_steps"] - common["decay_start"]) // every), _MAX_DROPS)
    milestones = tuple(common["decay_start"] + every * (index + 1) + common["lag"] for index in range(count))
    levels = tuple(max(common["lr_min"], common["lr_max"] * factor**index) for index in range(count + 1))
    return Schedule(kind="step", milestones=milestones, levels=levels, **common)


def of_transformers(
    kind: str, lr_max: float, options: Mapping[str, Any], warmup: Mapping[str, Any]
) -> dict[str, Any] | None:
    """What `lr_scheduler_type` and `lr_scheduler_kwargs` of transformers declare, in the words of the header.

    `warmup` holds the header's fields of a warm-up. None where the schedule has no closed form here.
    """
    if kind == "constant":
        return {"family": "constant"}
    if kind == "constant_with_warmup":
        return {"family": "constant", **warmup}
    if kind == "linear":
        return {"family": "linear", "lr_min": 0.0, **warmup}
    if kind in ("cosine", "cosine_with_min_lr") and options.get("num_cycles", 0.5) == 0.5:
        share = options.get("min_lr_rate")
        lowest = options.get("min_lr") if share is None else share * lr_max
        return {"family": "cosine", "lr_min": float(lowest or 0.0), **warmup}
    if kind == "polynomial" and options.get("power", 1) == 1:
        end = options.get("lr_end")
        return {"family": "linear", "lr_min": _POLYNOMIAL_END if end is None else float(end), **warmup}
    if kind == "inverse_sqrt" and warmup and options.get("timescale") in (None, warmup.get("warmup_steps")):
        return {"family": "inverse_sqrt", **warmup}
    return None
