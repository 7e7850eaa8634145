"""What x may be: the step, or what the step amounts to in epochs, tokens or wall time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from flight_recorder.tui.series.columns import Column, Floats, Steps
from flight_recorder.tui.series.recording import Recording

AxisName = Literal["step", "epoch", "tokens", "time"]
_FURTHEST = 1e18
"""What lies beyond is no epoch, token or second."""

AXIS_NAMES: tuple[AxisName, ...] = get_args(AxisName)


@dataclass(frozen=True, slots=True)
class Axis:
    """One choice of x for one run, with the way there and back.

    Attributes:
        name: which of the choices.
        label: name and unit, "wall time (min)".
        x_of: x at each of these steps.
        step_of: the step, with a fraction, at each of these x.
    """

    name: AxisName
    label: str
    x_of: Callable[[Floats | Steps], Floats]
    step_of: Callable[[Floats], Floats]


def step_axis() -> Axis:
    """x is the step."""
    return _proportional("step", "step", 1.0)


def axis_of(recording: Recording, name: AxisName) -> Axis | None:
    """The axis of this name; None when neither records nor header say how a step translates into it."""
    if name == "step":
        return step_axis()
    if name == "time":
        return _time_axis(recording.steps["time"])
    per_unit = {"epoch": "steps_per_epoch", "tokens": "tokens_per_step"}[name]
    column = recording.steps[name]
    if len(column) > 1:
        return _measured(name, name, column, 0.0, 1.0) if _can_be_x(column) else None
    rate = recording.header.get(per_unit)
    if isinstance(rate, int | float) and 1 / _FURTHEST < rate < _FURTHEST:
        return _proportional(name, name, 1 / rate if name == "epoch" else float(rate))
    return None


def known_axes(recording: Recording) -> tuple[AxisName, ...]:
    """The choices of x that this run has numbers for."""
    return tuple(name for name in AXIS_NAMES if axis_of(recording, name))


def recorded_steps(recording: Recording) -> tuple[int, int]:
    """First and last step that anything was measured at; (0, 0) before that."""
    tables = (recording.steps, recording.evaluations)
    ends = [int(table.steps[end]) for table in tables for end in (0, -1) if len(table)]
    return (min(ends), max(ends)) if ends else (0, 0)


def _proportional(name: AxisName, label: str, factor: float) -> Axis:
    return Axis(
        name, label, lambda steps: np.asarray(steps, np.float64) * factor, lambda x: np.asarray(x) / factor
    )


def _can_be_x(column: Column) -> bool:
    """Whether the ends of the column are places on an axis; a value between them that is none has no x."""
    return bool((np.abs(column.values[[0, -1]]) < _FURTHEST).all())


def _time_axis(column: Column) -> Axis | None:
    if len(column) < 2 or not _can_be_x(column):
        return None
    start = float(column.values[0])
    seconds = float(column.values[-1]) - start
    unit, size = ("h", 3600.0) if seconds > 3 * 3600 else ("min", 60.0) if seconds > 180 else ("s", 1.0)
    return _measured("time", f"wall time ({unit})", column, start, size)


def _measured(name: AxisName, label: str, column: Column, offset: float, unit: float) -> Axis:
    """x from a column, on straight lines between its values; reads only the values around those asked for."""

    def around(right: Steps) -> tuple[list[Floats], list[Floats]]:
        neighbours = (right - 1, right)
        steps = [column.steps_at(at).astype(np.float64) for at in neighbours]
        return steps, [column.values[at] for at in neighbours]

    def x_of(steps: Floats | Steps) -> Floats:
        wanted = np.asarray(steps, np.float64)
        right = np.clip(column.num_before(np.ceil(wanted).astype(np.int64)), 1, len(column) - 1)
        known_steps, known_values = around(right)
        return (_between(wanted, known_steps, known_values) - offset) / unit

    def step_of(x: Floats) -> Floats:
        wanted = np.asarray(x, np.float64) * unit + offset
        right = np.clip(np.searchsorted(column.values, wanted), 1, len(column) - 1)
        known_steps, known_values = around(right)
        return _between(wanted, known_values, known_steps)

    return Axis(name, label, x_of, step_of)


def _between(wanted: Floats, froms: list[Floats], tos: list[Floats]) -> Floats:
    size = froms[1] - froms[0]
    share = np.divide(wanted - froms[0], size, out=np.zeros_like(wanted), where=size > 0)
    result: Floats = tos[0] + np.clip(share, 0.0, 1.0) * (tos[1] - tos[0])
    return result
