"""From data units to places on the page: a linear or a logarithmic axis and its ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.panels.figure import Figure, Floats, Scale

NEAREST_RULE = 0.35
"""A threshold that lies farther off the data than this share of their range does not stretch the axis."""

_LARGEST = 1e100
"""Values beyond it are drawn at it: ratios of what an axis holds must not overflow."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Data from `low` to `high` laid out from `start` to `end`, in tenths of a pixel."""

    scale: Scale
    low: float
    high: float
    start: float
    end: float

    def at(self, values: Floats | float) -> NDArray[np.float64]:
        """Places of the values; what lies off the axis is put on its edge, NaN stays NaN."""
        inside = np.clip(np.asarray(values, np.float64), self.low, self.high)
        if self.scale == "log":
            share = np.log(inside / self.low) / math.log(self.high / self.low)
        else:
            share = (inside - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Whether the value lies on the axis."""
        return self.low <= value <= self.high


def ticks(axis: Axis, most: int) -> tuple[list[float], list[float]]:
    """Round values with a label and, on a logarithmic axis, those between the decades without one."""
    if axis.scale == "linear":
        step = _round_step((axis.high - axis.low) / most)
        first = math.ceil(axis.low / step - 1e-9)
        last = math.floor(axis.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)], []
    decades = range(math.floor(math.log10(axis.low)), math.ceil(math.log10(axis.high)) + 1)
    stride = max(1, math.ceil(sum(axis.holds(10.0**d) for d in decades) / most))
    minor = [] if stride > 1 else [m * 10.0**d for d in decades for m in range(2, 10)]
    minor = [value for value in minor if axis.holds(value)]
    major = [10.0**d for d in decades if d % stride == 0 and axis.holds(10.0**d)]
    if len(major) >= 2:
        return major, minor
    between = [m * 10.0**d for d in decades for m in (2, 5) if axis.holds(m * 10.0**d)]
    if len(major) + len(between) >= 2:
        return sorted(major + between), minor
    return ticks(Axis("linear", axis.low, axis.high, 0, 1), most)[0], []


def _round_step(least: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten that is not below this."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= least * (1 - 1e-9))


def tick_label(value: float) -> str:
    """A tick in as few characters as it takes: 2,000 · 0.5 · 3e-4."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:,.10f}".rstrip("0").rstrip(".")
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def y_axis(figure: Figure, start: float, end: float) -> Axis:
    """The axis that holds every finite value, and those thresholds that are near them."""
    values = [part for line in figure.lines for part in (line.low, line.high, line.last)]
    found = np.concatenate([*values, np.array(figure.y_includes, np.float64)])
    found = np.clip(found[np.isfinite(found)], -_LARGEST, _LARGEST)
    scale: Scale = figure.y_scale
    if scale == "log":
        found = np.maximum(found[found > 0], 1 / _LARGEST)
        if not len(found):
            scale = "linear"
    if not len(found):
        found = np.array([rule.value for rule in figure.rules if math.isfinite(rule.value)] or [0.0, 1.0])
    low, high = _with_near_rules(float(found.min()), float(found.max()), figure, scale)
    return _padded(scale, low, high, start, end)


def _with_near_rules(low: float, high: float, figure: Figure, scale: Scale) -> tuple[float, float]:
    least, most = low, high
    for rule in figure.rules:
        if not math.isfinite(rule.value) or (scale == "log" and rule.value <= 0):
            continue
        if scale == "log":
            room = max(math.log(high / low) * NEAREST_RULE, math.log(2))
            near = low * math.exp(-room) <= rule.value <= high * math.exp(room)
        else:
            room = max((high - low) * NEAREST_RULE, abs(high) * 0.05)
            near = low - room <= rule.value <= high + room
        if near:
            least, most = min(least, rule.value), max(most, rule.value)
    return least, most


def _padded(scale: Scale, low: float, high: float, start: float, end: float) -> Axis:
    """A little air above and below, and an honest range for a curve that is flat."""
    if scale == "log":
        factor = max((high / low) ** 0.04, 1.02 if high > low else 1.5)
        return Axis("log", low / factor, high * factor, start, end)
    spread = high - low or abs(high) * 0.2 or 1.0
    floor = 0.0 if low >= 0 and low < 0.4 * high else low - 0.05 * spread
    return Axis("linear", floor, high + 0.06 * spread, start, end)


def x_axis(figure: Figure, start: float, end: float) -> Axis:
    """The figure's own range, widened to one unit where the run has one step only."""
    low, high = figure.x_range
    if not (math.isfinite(low) and math.isfinite(high)):
        low, high = 0.0, 1.0
    if high <= low:
        high = low + 1.0
    return Axis("linear", low, high, start, end)
