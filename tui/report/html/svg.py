"""One figure as inline SVG. Colours, widths and fonts are the style sheet's; here are only shapes.

Curves are written in whole tenths of a pixel, relative to the point before: a column of a noisy curve takes
a dozen bytes, and its smallest and largest value are always among its points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.numbers import number
from flight_recorder.tui.panels.drawing.axis import AxisRange, x_axis, x_ticks, y_axis, y_ticks
from flight_recorder.tui.panels.figure import Figure, Floats, Line, Mark, Rule
from flight_recorder.tui.report.wording import html_text

WIDTH, HEIGHT = 640, 250
LEFT, RIGHT, TOP, BOTTOM = 50, 10, 12, 24
"""Size and margins of a chart, in pixels."""

SCALE = 10
"""Units of a path's coordinates in a pixel."""

COLOURS = 8
"""Line colours of the style sheet, c0 to c7; more lines than that start over."""

MOST_MARKS = 40
"""Labelled marks of one chart; a run that was resumed more often than that shows the first."""

LONGEST_LABEL = 40
"""Characters of a label that are shown."""

_EXCUSED = -1
"""Stands for a level where a leaf held and was excused."""
_TINTS = {_EXCUSED: "excused"} | {int(level): str(level) for level in Level}

_LABEL_HEIGHT = 11
_CHARACTER_WIDTH = 6.0


_MARGIN = 0.04
"""Part of the range of y that stays free above and below the curves."""

_SMALL = (160, 18)
"""Pixels of the chart in a row of a list."""

_MOST_TICKS = 6
CELLS = 64
"""Characters for the labels along x."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The range of an axis laid out from `start` to `end`, in tenths of a pixel."""

    range: AxisRange
    start: float
    end: float

    def at(self, values: Floats | float) -> Floats:
        """Places of the values; what lies off the axis is put on its edge, NaN stays NaN."""
        return self.start + self.range.fraction(np.asarray(values, np.float64)) * (self.end - self.start)


class Labels:
    """Where the labels of one chart stand, so that none covers another."""

    def __init__(self) -> None:
        self._taken: list[tuple[float, float, float]] = []

    @staticmethod
    def width(text: str) -> float:
        """Room that a label takes, in pixels; an estimate on the safe side."""
        return _CHARACTER_WIDTH * min(len(text), LONGEST_LABEL) + 8

    def place(self, left: float, text: str, wanted: list[float]) -> float:
        """The first of the wanted heights, or of those above them, at which there is room."""
        right = left + self.width(text)
        above = [wanted[0] - _LABEL_HEIGHT * row for row in range(1, HEIGHT // _LABEL_HEIGHT)]
        heights = [height for height in (*wanted, *above) if height > TOP + 8]
        free = (height for height in heights if not self._covers(left, right, height))
        found = next(free, heights[0] if heights else wanted[0])
        self._taken.append((left, right, found))
        return found

    def _covers(self, left: float, right: float, height: float) -> bool:
        return any(
            left < other_right and right > other_left and abs(height - other) < _LABEL_HEIGHT
            for other_left, other_right, other in self._taken
        )


def axes(figure: Figure) -> tuple[Axis, Axis]:
    """Horizontal and vertical axis of the chart, in path units."""
    x = Axis(x_axis(figure), LEFT * SCALE, (WIDTH - RIGHT) * SCALE)
    return x, Axis(y_axis(figure, _MARGIN), (HEIGHT - BOTTOM) * SCALE, TOP * SCALE)


def chart(figure: Figure) -> str:
    """The figure as one `<svg>` element."""
    x, y = axes(figure)
    labels = Labels()
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{html_text(f"{figure.title}: {figure.latest or figure.health}")}">',
        _tints(figure, x),
        _grid(x, y, figure.x_label, figure.y_whole),
        _rule_lines(figure.rules, y),
        _mark_lines(figure.marks, x),
        f'<g class="curves" transform="scale({1 / SCALE:g})">',
        *(_curve(line, index, x, y) for index, line in enumerate(figure.lines)),
        "</g>",
        _non_finite(figure.lines, x),
        _mark_labels(figure.marks, x, y, labels),
        _rule_labels(figure.rules, y, labels),
        '<g class="cursor"></g></svg>',
    ]
    return "".join(parts)


def small_chart(figure: Figure, line: Line) -> str:
    """One line in the height of a row, at a scale of its own."""
    figure = replace(figure, lines=(line,), rules=())
    x = Axis(x_axis(figure), 0, _SMALL[0] * SCALE)
    y = Axis(y_axis(figure, _MARGIN), _SMALL[1] * SCALE, 0)
    return (
        f'<svg class="small" viewBox="0 0 {_SMALL[0]} {_SMALL[1]}" aria-hidden="true">'
        f'<g transform="scale({1 / SCALE:g})">{_curve(line, 0, x, y)}</g></svg>'
    )


def _grid(x: Axis, y: Axis, x_label: str, whole: bool) -> str:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    up = y_ticks(y.range, _MOST_TICKS, whole)
    lines = "".join(f"M{LEFT} {_px(y, value)}H{right}" for value, _ in up)
    labels = [
        f'<text class="tick" x="{LEFT - 5}" y="{_px(y, v) + 3.5:.4g}">{label}</text>' for v, label in up
    ]
    across = x_ticks(x.range.low, x.range.high, CELLS)
    lines += "".join(f"M{_px(x, value)} {TOP}V{bottom}" for value, _ in across)
    labels += [
        f'<text class="tick mid" x="{min(_px(x, v), right - 12):.4g}" y="{HEIGHT - 9}">{label}</text>'
        for v, label in across
    ]
    labels.append(f'<text class="tick" x="{LEFT - 12}" y="{HEIGHT - 9}">{html_text(x_label, 12)}</text>')
    frame = f'<path class="frame" d="M{LEFT} {TOP}V{bottom}H{right}"/>'
    return f'<path class="grid" d="{lines}"/>{frame}{"".join(labels)}'


def _px(axis: Axis, value: float) -> float:
    return round(float(axis.at(value)) / SCALE, 1)


def _tints(figure: Figure, x: Axis) -> str:
    """Each pixel has the worst level of the ranges that touch it; overlaps do not add up."""
    levels = np.zeros(WIDTH + 1, np.int64)
    ranges = [
        (_EXCUSED if tint.level is None else tint.level, tint.first, tint.last) for tint in figure.tints
    ]
    for level, first, last in sorted(ranges):
        levels[int(_px(x, first)) : int(_px(x, last)) + 1] = level
    bounds = [0, *(np.flatnonzero(np.diff(levels)) + 1).tolist(), len(levels)]
    return "".join(
        f'<rect class="tint {_TINTS[levels[left]]}" x="{left}" y="{TOP}" '
        f'width="{max(1.5, right - left)}" height="{HEIGHT - TOP - BOTTOM}"/>'
        for left, right in pairwise(bounds)
        if levels[left]
    )


def _rule_lines(rules: tuple[Rule, ...], y: Axis) -> str:
    return "".join(
        f'<path class="rule {_kind(rule)}" d="M{LEFT} {_px(y, rule.value)}H{WIDTH - RIGHT}"/>'
        for rule in rules
        if y.range.holds(rule.value)
    )


def _rule_labels(rules: tuple[Rule, ...], y: Axis, labels: Labels) -> str:
    """Names at the right, above their lines; a line that lies off the axis is named at that edge."""
    shapes = []
    for rule in sorted(rules, key=lambda rule: -rule.value):
        if not math.isfinite(rule.value):
            continue
        off = "" if y.range.holds(rule.value) else (" ↑" if rule.value > y.range.high else " ↓")
        at = _px(y, rule.value)
        value = "" if rule.level is None else f" {number(rule.value, 3)}"
        text = f"{rule.label}{value}{off}"
        height = labels.place(WIDTH - RIGHT - 4 - Labels.width(text), text, [at - 3, at + _LABEL_HEIGHT - 1])
        shapes.append(
            f'<text class="label end {_kind(rule)}" x="{WIDTH - RIGHT - 4}" y="{height:.4g}">'
            f"{html_text(text)}</text>"
        )
    return "".join(shapes)


def _kind(rule: Rule) -> str:
    return "plain" if rule.level is None else str(rule.level)


def _mark_lines(marks: tuple[Mark, ...], x: Axis) -> str:
    """A line over the whole height, but for checkpoints, of which there are many, a stroke below the axis."""
    bottom = HEIGHT - BOTTOM
    lines = "".join(
        f'<path class="mark {mark.kind}" d="M{_px(x, mark.x)} {TOP}V{bottom}"/>'
        for mark in _labelled(marks, x)
    )
    kept = {int(_px(x, mark.x)) for mark in marks if mark.kind == "checkpoint" and x.range.holds(mark.x)}
    strokes = "".join(f"M{at} {bottom}v5" for at in sorted(kept))
    return f'{lines}<path class="mark checkpoint" d="{strokes}"/>' if strokes else lines


def _labelled(marks: tuple[Mark, ...], x: Axis) -> list[Mark]:
    """The marks with a label of their own, from left to right; of very many the first."""
    found = [mark for mark in marks if mark.kind != "checkpoint" and x.range.holds(mark.x)]
    return sorted(found[:MOST_MARKS], key=lambda mark: mark.x)


def _mark_labels(marks: tuple[Mark, ...], x: Axis, y: Axis, labels: Labels) -> str:
    """Labels along the bottom, and dots where a value is known."""
    shapes = []
    for mark in _labelled(marks, x):
        at = _px(x, mark.x)
        if mark.y is not None and math.isfinite(mark.y):
            shapes.append(f'<circle class="mark {mark.kind}" cx="{at}" cy="{_px(y, mark.y)}" r="3.5"/>')
        if not mark.label:
            continue
        width = Labels.width(mark.label)
        left = at + 3 if at + width < WIDTH - RIGHT else at - width
        height = labels.place(left, mark.label, [HEIGHT - BOTTOM - 4])
        text = html_text(mark.label, LONGEST_LABEL)
        shapes.append(f'<text class="label {mark.kind}" x="{left:.4g}" y="{height:.4g}">{text}</text>')
    return "".join(shapes)


def _non_finite(lines: tuple[Line, ...], x: Axis) -> str:
    """A cross at the top for each place where a value was NaN or infinite, at most one a pixel."""
    everything = np.concatenate([line.nonfinite for line in lines]) if lines else np.empty(0)
    everything = everything[np.isfinite(everything)]
    if not len(everything):
        return ""
    places = np.unique((x.at(everything) / SCALE).astype(np.int64))
    crosses = "".join(f"M{at - 2} {TOP + 1}l4 4m-4 0l4-4" for at in places.tolist())
    label_x = min(int(places[0]) + 6, WIDTH - RIGHT - 70)
    return (
        f'<path class="nonfinite" d="{crosses}"/>'
        f'<text class="label nonfinite" x="{label_x}" y="{TOP + 17}">not finite</text>'
    )


def _curve(line: Line, index: int, x: Axis, y: Axis) -> str:
    path = "".join(_piece(*piece) for piece in _pieces(line, x, y))
    return f'<path class="line c{index % COLOURS} {line.role}" d="{path}"/>' if path else ""


def _pieces(line: Line, x: Axis, y: Axis) -> Iterable[tuple[Floats, Floats, Floats, Floats]]:
    """Unbroken stretches of the curve. It breaks at a value that is not finite, not where it is sparse."""
    known = np.isfinite(line.last) | np.isfinite(line.low)
    across = line.x[known]
    last = np.where(np.isfinite(line.last), line.last, line.high)[known]
    places = [np.rint(x.at(across))] + [
        np.rint(y.at(part)) for part in (line.low[known], line.high[known], last)
    ]
    breaks = np.unique(np.searchsorted(across, np.sort(line.nonfinite)))
    for piece in zip(*(np.split(part, breaks) for part in places), strict=True):
        if len(piece[0]):
            yield piece


def _piece(x: Floats, low: Floats, high: Floats, last: Floats) -> str:
    """One stretch as a path: each column's extremes where they are apart, then its last value."""
    points: list[tuple[int, int]] = []
    for at, bottom, top, end in zip(x.tolist(), low.tolist(), high.tolist(), last.tolist(), strict=True):
        if abs(bottom - top) > SCALE // 2:
            before = points[-1][1] if points else end
            first, second = (bottom, top) if abs(before - bottom) < abs(before - top) else (top, bottom)
            points += [(int(at), int(first)), (int(at), int(second))]
        if not points or points[-1] != (int(at), int(end)):
            points.append((int(at), int(end)))
    return _relative(points)


def _relative(points: list[tuple[int, int]]) -> str:
    """The points as one move and relative lines, in as few characters as SVG allows."""
    (x, y), rest = points[0], points[1:]
    text = [f"M{x} {y}" + ("" if rest else "h0")]
    for index, (next_x, next_y) in enumerate(rest):
        dx, dy = next_x - x, next_y - y
        text.append(
            ("l" if index == 0 else "" if dx < 0 else " ") + f"{dx}" + (f"{dy}" if dy < 0 else f" {dy}")
        )
        x, y = next_x, next_y
    return "".join(text)
