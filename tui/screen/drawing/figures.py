"""Figures of the panels for what the screen shows, made again only when something in them has changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from flight_recorder.tui.panels.figure import Figure, Floats, Line, Role, Scale
from flight_recorder.tui.panels.panel import Panel
from flight_recorder.tui.panels.view import View as PanelView
from flight_recorder.tui.run import Run
from flight_recorder.tui.screen.drawing.spans import Spans, said
from flight_recorder.tui.screen.state.view import Range, View, shown_range
from flight_recorder.tui.series.axis import Axis, axis_of, recorded_steps, step_axis


def whole_range(run: Run, paused_at: int | None = None) -> Range:
    """First and last recorded step; the last one stands still while the view is paused."""
    first, last = recorded_steps(run.recording)
    return float(first), float(last if paused_at is None else max(first, min(last, paused_at)))


def axis_for(run: Run, view: View) -> Axis:
    """The x axis of the view; the step where the run has no numbers for that."""
    return axis_of(run.recording, view.x_axis) or step_axis()


QUIET_S = 0.4
"""How long news that would hardly be seen may wait: values inside what their line's newest cell already
covers, in a range that grew by less than a character. Everything else is drawn at the next frame."""

_SLIGHT_DOTS = 2.0
"""Growth of the range, in dots of the drawing, that is hardly seen."""

_SLIGHT_PART = 0.01
"""Distance in y, as a part of the panel's height, that is hardly seen: about a dot."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A figure with what it was made of."""

    figure: Figure
    view: tuple[Any, ...]
    steps: Range
    contents: list[_Content]
    made_at: float


class Figures:
    """The newest figure of each panel, kept until the panel's records, verdicts or the view are others.

    Attributes:
        num_made: figures made so far, by panel.
        num_drawn: drawings made so far, by widget.
        is_behind: whether a figure that was asked for last waits for `QUIET_S`, see there.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.num_made: dict[str, int] = {}
        self.num_drawn: dict[str, int] = {}
        self.is_behind = False
        self._clock = clock
        self._drawn: dict[str, tuple[Figure | None, Any, list[Spans]]] = {}
        self._kept: dict[str, _Kept] = {}

    def figure(
        self,
        panel: Panel,
        run: Run,
        view: View,
        whole: Range,
        width_dots: int,
        others: Sequence[Run] = (),
        is_paused: bool = False,
    ) -> Figure:
        """The panel of this run, with the lines of the other runs behind it.

        While the view is paused it stays what it was, whatever comes in, until the view itself is changed.
        """
        runs = tuple(id(one) for one in (run, *others))
        looks = (runs, width_dots, replace(view, cell=0, reading=0, violation=0, node=0, cursor=None))
        steps = shown_range(view, whole)
        contents = [_content(panel, one) for one in (run, *others)]
        kept = self._kept.get(panel.id)
        if (
            kept is not None
            and kept.view == looks
            and (is_paused or self._may_stay(kept, panel, contents, steps))
        ):
            return kept.figure
        self.num_made[panel.id] = self.num_made.get(panel.id, 0) + 1
        figure = panel.figure(run, _panel_view(panel, run, view, steps, width_dots))
        if is_paused:
            figure = replace(figure, latest="")  # the newest value is beyond what is shown
        for place, other in enumerate(others):
            figure = _overlaid(figure, panel, other, view, steps, width_dots, role_of_other(place))
        self._kept[panel.id] = _Kept(figure, looks, steps, contents, self._clock())
        return figure

    def _may_stay(self, kept: _Kept, panel: Panel, contents: list[_Content], steps: Range) -> bool:
        """Whether the kept figure shows all there is, or all but what may wait a little."""
        dot = (steps[1] - steps[0]) / kept.view[1]
        is_slight = max(abs(steps[0] - kept.steps[0]), abs(steps[1] - kept.steps[1])) <= _SLIGHT_DOTS * dot
        if is_slight and kept.contents == contents:
            return True
        if not is_slight or any(
            not _is_slight_news(kept.figure, panel, before, now)
            for before, now in zip(kept.contents, contents, strict=True)
        ):
            return False
        waits = self._clock() - kept.made_at < QUIET_S
        self.is_behind |= waits
        return waits

    def drawing(
        self, widget: str, figure: Figure | None, basis: Any, draw: Callable[[], list[Spans]]
    ) -> list[Spans]:
        """What `draw` gives, kept for the widget until the figure is another one or the basis differs."""
        kept = self._drawn.get(widget)
        if kept is not None and kept[0] is figure and kept[1] == basis:
            return kept[2]
        self.num_drawn[widget] = self.num_drawn.get(widget, 0) + 1
        lines = draw()
        self._drawn[widget] = figure, basis, lines
        return lines


@dataclass(frozen=True, slots=True)
class _Content:
    """What a figure is made of, as something cheap that differs when the figure would."""

    run: Run = field(compare=False)
    facts: tuple[Any, ...]
    verdicts: tuple[Any, ...]
    lengths: tuple[int, ...]


def _content(panel: Panel, run: Run) -> _Content:
    recording = run.recording
    # The reading of a verdict changes with every step; a panel shows its state and where it held.
    verdicts = tuple(
        (one.check, one.state, one.level, one.symptom, len(one.spans))
        for one in run.judge.verdicts
        if one.panel == panel.id
    )
    facts = (id(recording), recording.num_resets, len(recording.header), len(recording.checkpoints))
    try:
        lengths = tuple(len(trace.column) for trace in panel.measured(recording))
    except Exception:  # the figure says what is wrong
        lengths = ()
    return _Content(run, facts, verdicts, lengths)


def _is_slight_news(figure: Figure, panel: Panel, before: _Content, now: _Content) -> bool:
    """Whether nothing came but values that each line's newest cell covers already."""
    if (
        before.facts != now.facts
        or before.verdicts != now.verdicts
        or len(before.lengths) != len(now.lengths)
    ):
        return False
    lines = {line.name: line for line in figure.lines}
    traces = panel.measured(now.run.recording)
    return all(
        _is_covered(figure, lines.get(trace.name), trace.column.values[length:])
        for trace, length in zip(traces, before.lengths, strict=True)
    )


def _is_covered(figure: Figure, line: Line | None, values: Floats) -> bool:
    if not len(values):
        return True
    if line is None or not len(line.low) or not np.isfinite(values).all():
        return False
    if figure.y_scale == "log" and not (values > 0).all():
        return False
    transformed = np.log if figure.y_scale == "log" else np.asarray
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = transformed(line.low[-1]), transformed(line.high[-1])
        heights = [transformed(one.high) for one in figure.lines] + [
            transformed(one.low) for one in figure.lines
        ]
        shown = np.concatenate(heights)
    shown = shown[np.isfinite(shown)]
    margin = _SLIGHT_PART * float(np.ptp(shown)) if len(shown) else 0.0
    new = transformed(values)
    return bool((new >= low - margin).all() and (new <= high + margin).all())


def _panel_view(panel: Panel, run: Run, view: View, steps: Range, width_dots: int) -> PanelView:
    axis = axis_for(run, view)
    first, last = (float(x) for x in axis.x_of(np.array(steps, np.float64)))
    return PanelView(
        width_dots=width_dots,
        x_first=first,
        x_last=last,
        x_axis=axis.name,
        y_scale=_scale(panel, view),
        smoothing=view.smoothing,
        heat=view.heat,
        search=view.search,
    )


def _scale(panel: Panel, view: View) -> Scale:
    flipped: dict[Scale, Scale] = {"log": "linear", "linear": "log"}
    return flipped[panel.y_scale] if panel.number in view.flipped_scales else panel.y_scale


_OTHERS: tuple[Role, ...] = ("other-0", "other-1", "other-2", "other-3")


def role_of_other(place: int) -> Role:
    """What the lines of another run look like: the first few in colours of their own, the others muted."""
    return _OTHERS[place] if place < len(_OTHERS) else "faint"


def _overlaid(
    figure: Figure, panel: Panel, other: Run, view: View, steps: Range, width_dots: int, role: Role
) -> Figure:
    """The figure with another run's lines of the same panel and range behind its own."""
    theirs = panel.figure(other, _panel_view(panel, other, view, steps, width_dots))
    lines: list[Line] = [
        replace(line, name=f"{line.name} ({said(other.name)})", role=role) for line in theirs.lines
    ]
    return replace(figure, lines=(*lines, *figure.lines))
