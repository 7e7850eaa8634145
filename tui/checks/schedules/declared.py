"""The declared schedule as a closed form, and other schedules that a slip would have made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.schedules.shapes import PHRASES, Schedule

Floats = NDArray[np.float64]


def declared_schedule(facts: Facts) -> Schedule | None:
    """The schedule of the header with every constant; None where one of them is missing or unknown."""
    number = facts.schedule_number
    family, lr_max = facts.schedule.get("family"), facts.lr_max
    warmup, total = facts.warmup_steps or 0.0, number("total_steps", "T") or facts.number("planned_steps")
    if lr_max is None or not isinstance(family, str):
        return None
    lag = int(facts.number("lr_lag") or 0)
    common = {
        "lr_max": lr_max,
        "lr_min": number("lr_min") or 0.0,
        "warmup_kind": str(facts.schedule.get("warmup_kind", "linear")),
        "warmup_steps": int(warmup),
        "warmup_shift": _warmup_shift(facts, lag),
        "lag": lag,
        "decay_start": warmup,
        "total_steps": total,
    }
    return _of_family(family, common, number)


def _warmup_shift(facts: Facts, lag: int) -> float:
    """1 for (t + 1) / W and 0 for t / W; trainers that log with a lag start at 0."""
    written = str(facts.schedule.get("warmup", "")).replace(" ", "")
    if written in ("t/W", "(t+1)/W"):
        return 0.0 if written == "t/W" else 1.0
    return 0.0 if lag else 1.0


def _of_family(family: str, common: dict[str, Any], number: Callable[..., float | None]) -> Schedule | None:
    total, warmup = common["total_steps"], common["decay_start"]
    if family == "constant":
        return Schedule(kind="constant", **common)
    if family == "inverse_sqrt":
        return Schedule(
            kind="inverse_sqrt", rate=max(1.0, warmup), **common | {"decay_start": max(1.0, warmup)}
        )
    if total is None:
        return None
    if family in PHRASES:
        return Schedule(kind=family, **common)
    if family == "wsd":
        cooldown = number("cooldown_steps", "cooldown")
        start = number("decay_start") if cooldown is None else total - cooldown
        return None if start is None else Schedule(kind="linear", **common | {"decay_start": start})
    if family == "step":
        return _steps_down(common, number("decay_every"), number("decay_factor"))
    return None


def _steps_down(
    common: dict[str, Any], every: float | None, factor: float | None, *, most: int = 1000
) -> Schedule | None:
    """Drops at equal distances, of which only so many are worked out."""
    if not every or factor is None:
        return None
    count = min(int((common["total_steps"] - common["decay_start"]) // every), most)
    milestones = tuple(common["decay_start"] + every * (index + 1) + common["lag"] for index in range(count))
    levels = tuple(max(common["lr_min"], common["lr_max"] * factor**index) for index in range(count + 1))
    return Schedule(kind="step", milestones=milestones, levels=levels, **common)


def values_of(schedule: Schedule, steps: NDArray[Any]) -> Floats:
    """The schedule at these steps; the inverse square root ends at lr_min as the engine's does."""
    values = schedule.value(steps)
    if schedule.kind != "inverse_sqrt":
        return values
    rising = np.asarray(steps) - schedule.lag < schedule.warmup_steps
    return np.where(rising, values, np.maximum(values, schedule.lr_min))


def stretched(schedule: Schedule, total_steps: float) -> Schedule:
    """The same schedule with another end."""
    return replace(schedule, total_steps=total_steps)


def implied_end(schedule: Schedule, steps: NDArray[Any], lr: Floats, least_gone: Floats | float) -> Floats:
    """Total number of steps for which a cosine or linear decay gives these rates; NaN where none does.

    `least_gone` is the share of the decay that must lie behind: rounded digits drown what is smaller.
    """
    reach = schedule.lr_max - schedule.lr_min
    past = np.asarray(steps, np.float64) - schedule.lag - schedule.decay_start
    if schedule.kind not in ("cosine", "linear") or reach <= 0:
        return np.full(len(past), np.nan)
    gone = (schedule.lr_max - lr) / reach
    inside = (gone > least_gone) & (gone < 0.999) & (past > 0)
    gone = np.where(inside, gone, 0.5)
    share = gone if schedule.kind == "linear" else np.arccos(1 - 2 * gone) / np.pi
    return np.where(inside, schedule.decay_start + past / share, np.nan)
