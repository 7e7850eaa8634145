"""Where a value stands on an axis, and the round numbers that are written along it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from flight_recorder.tui.numbers import count, scientific
from flight_recorder.tui.panels.figure import Figure, Floats, Line, Rule, Scale

_REACH = {True: 1.0, False: 0.4}
"""How far outside the data, in parts of their range, a line still is that widens the axis to show it; plain
references such as the baseline have the longer reach."""
_FAR = 1e6
TINY, HUGE = 1e-150, 1e150
"""What is nearer to zero or further from it is drawn as these: their ratios are still numbers."""


@dataclass(frozen=True, slots=True)
class AxisRange:
    """An axis from `low` to `high`, both finite, low < high, and positive on a log axis."""

    kind: Scale
    low: float
    high: float

    def fraction(self, values: Floats) -> Floats:
        """0 at the bottom, 1 at the top; what lies outside is brought to the edge, NaN stays NaN."""
        low, high = _transform(self.kind, np.array([self.low, self.high]))
        share = (_transform(self.kind, np.asarray(values, np.float64)) - low) / max(high - low, TINY)
        result: Floats = np.clip(share, 0.0, 1.0)
        return result

    def holds(self, value: float) -> bool:
        """Whether the value lies on the axis."""
        return self.low <= value <= self.high


def _transform(kind: Scale, values: Floats) -> Floats:
    limited: Floats = np.clip(values, TINY if kind == "log" else -HUGE, HUGE)
    return np.log10(limited) if kind == "log" else limited


def y_axis(figure: Figure, margin: float) -> AxisRange:
    """An axis that holds every line within the shown x, and the rules that are near enough.

    `margin` is the part of the range that stays free above and below.
    """
    kind = figure.y_scale
    values = np.concatenate([_shown(line, figure.x_range) for line in figure.lines] or [np.empty(0)])
    values = np.append(values, figure.y_includes)
    if kind == "log":
        values = values[values > 0]
    if not len(values):
        return AxisRange(kind, 0.1, 1.0)
    return _widened(kind, float(values.min()), float(values.max()), figure.rules, margin)


def _shown(line: Line, x_range: tuple[float, float]) -> Floats:
    inside = (line.x >= x_range[0]) & (line.x <= x_range[1])
    values = np.concatenate([line.low[inside], line.high[inside]])
    finite: Floats = values[np.isfinite(values)]
    return finite


def _widened(kind: Scale, low: float, high: float, rules: Iterable[Rule], margin: float) -> AxisRange:
    bottom, top = _transform(kind, np.array([low, high]))
    smallest = 0.1 if kind == "log" else max(0.05 * max(abs(bottom), abs(top)), TINY)
    size = max(top - bottom, smallest)
    near = [bottom, top]
    for rule in rules:
        at = float(_transform(kind, np.array([rule.value]))[0])
        reach = _REACH[rule.level is None] * size
        if math.isfinite(rule.value) and bottom - reach <= at <= top + reach:
            near.append(at)
    bottom, top = min(near), max(near)
    pad = max(margin * (top - bottom), (smallest - (top - bottom)) / 2)
    if kind == "log":
        return AxisRange(kind, 10 ** (bottom - pad), 10 ** (top + pad))
    floor = 0.0 if bottom == 0 else -math.inf  # what starts at zero sits on the frame
    return AxisRange(kind, max(bottom - pad, floor), top + pad)


def x_axis(figure: Figure) -> AxisRange:
    """The figure's own range of x, widened to one unit where the run has one step only."""
    low, high = (min(max(end, -HUGE), HUGE) for end in figure.x_range)
    return AxisRange("linear", low, high if high > low else low + 1.0)


def x_share(x: Floats, x_range: tuple[float, float]) -> Floats:
    """Where x lies in its range: 0 at the first, 1 at the last, anything else outside."""
    first, last = (min(max(end, -HUGE), HUGE) for end in x_range)
    size = max(last - first, TINY)
    share: Floats = np.clip((np.clip(x, -HUGE, HUGE) - first) / size, -_FAR, _FAR)
    return share


def y_ticks(scale: AxisRange, most: int, whole: bool = False) -> list[tuple[float, str]]:
    """At most `most` round values inside the axis with their labels, from low to high."""
    if scale.kind == "log":
        narrow = _narrow_log_ticks(scale, most) if scale.high <= 10 * scale.low else []
        if narrow:
            return narrow
        for values in _log_choices(scale.low, scale.high):
            if 2 <= len(values) <= most:
                return [(value, _log_label(value)) for value in values]
    ticks = linear_ticks(scale.low, scale.high, most)
    if whole:
        return [(value, count(value)) for value, _ in ticks if value == round(value)]
    return ticks


def _narrow_log_ticks(scale: AxisRange, most: int) -> list[tuple[float, str]]:
    """Equal steps within one decade of a log axis: as many as leave half a label's share between any two."""
    for wanted in range(most, 1, -1):
        ticks = linear_ticks(scale.low, scale.high, wanted)
        places = scale.fraction(np.array([value for value, _ in ticks]))
        if len(ticks) > 1 and np.diff(places).min() * most >= 0.5:
            return ticks
    return []


def _log_choices(low: float, high: float) -> Iterable[list[float]]:
    """Round values on a log axis, the densest first."""
    first, last = math.floor(math.log10(low)), math.floor(math.log10(high))
    if last - first <= 20:
        for digits in ((1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
            yield _inside([d * 10.0**e for e in range(first, last + 1) for d in digits], low, high)
    for every in (1, 2, 3, 5, 10, 20, 50, 100, 200):
        yield _inside([10.0**e for e in range(-(-first // every) * every, last + 1, every)], low, high)


def _inside(values: Iterable[float], low: float, high: float) -> list[float]:
    return [value for value in values if low <= value <= high]


def _log_label(value: float) -> str:
    return f"{value:,.12g}" if 1e-3 <= value < 1e6 else scientific(value, 0)


def linear_ticks(
    low: float, high: float, most: int, label: Callable[[float, float], str] | None = None
) -> list[tuple[float, str]]:
    """At most `most` multiples of 1, 2 or 5 times a power of ten from low to high."""
    low, high = max(low, -HUGE), min(high, HUGE)
    step = _round_step(high - low, most)
    if not step:
        return []
    first = math.ceil(low / step)
    furthest = high + 1e-9 * step  # 12 * 0.2 is a little more than 2.4
    values = [index * step for index in range(first, first + most) if index * step <= furthest]
    return [(value, (label or _linear_label)(value, step)) for value in values]


def _round_step(size: float, most: int) -> float:
    if most < 1 or not size > TINY:
        return 0.0
    rough = size / most
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999999)


def _linear_label(value: float, step: float) -> str:
    if value == 0:
        return "0"
    step_exponent = math.floor(math.log10(step) + 1e-9)
    if step >= 1e-3 and abs(value) < 1e6:
        return f"{value:,.{max(0, -step_exponent)}f}"
    return scientific(value, max(0, math.floor(math.log10(abs(value)) + 1e-9) - step_exponent))


def x_label(value: float, step: float) -> str:
    """A position on x in few characters: "1,000", "250k", "1.5M"."""
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= (size if unit != "k" else 1e5):
            return f"{value / size:.6g}{unit}"
    return _linear_label(value, step)


def x_ticks(first: float, last: float, width: int) -> list[tuple[float, str]]:
    """Round positions from first to last whose labels have room on `width` cells."""
    for most in range(max(1, width // 8), 0, -1):
        ticks = linear_ticks(first, last, most, x_label)
        if sum(len(label) + 3 for _, label in ticks) <= width:
            return ticks
    return []
