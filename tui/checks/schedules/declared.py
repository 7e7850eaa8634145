"""The declared schedule as a closed form, and other schedules that a slip would have made of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flight_recorder.engine.runlog.schedules import Floats, Schedule, from_header
from flight_recorder.tui.checks.facts import Facts


def declared_schedule(facts: Facts) -> Schedule | None:
    """The schedule of the header with every constant; None where one of them is missing or unknown."""
    number = facts.schedule_number
    constants = {name: number(name, *others) for name, others in _CONSTANTS.items()}
    declared = {
        **facts.schedule,
        **constants,
        "lr_max": facts.lr_max,
        "warmup_steps": facts.warmup_steps,
        "total_steps": constants["total_steps"] or facts.number("planned_steps"),
    }
    return from_header(declared, lag=int(facts.number("lr_lag") or 0))


_CONSTANTS = {
    "lr_min": (),
    "total_steps": ("T",),
    "cooldown_steps": ("cooldown",),
    "decay_start": (),
    "decay_every": (),
    "decay_factor": (),
}
"""Numbers of a declared schedule, and the other names that they are known by."""


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
