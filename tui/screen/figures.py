"""Figures of the panels for what the screen shows, made again only when something in them has changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tui.panels.figure import Figure, Line, Scale
from tui.panels.panel import Panel
from tui.panels.view import View as PanelView
from tui.run import Run
from tui.screen.spans import Spans
from tui.screen.view import Range, View, shown_range
from tui.series.axis import Axis, axis_of, recorded_steps, step_axis


def whole_range(run: Run, paused_at: int | None = None) -> Range:
    """First and last recorded step; the last one stands still while the view is paused."""
    first, last = recorded_steps(run.recording)
    return float(first), float(last if paused_at is None else max(first, min(last, paused_at)))


def axis_for(run: Run, view: View) -> Axis:
    """The x axis of the view; the step where the run has no numbers for that."""
    return axis_of(run.recording, view.x_axis) or step_axis()


class Figures:
    """The newest figure of each panel, kept until the panel's records, verdicts or the view are others.

    Attributes:
        num_made: figures made so far, by panel.
        num_drawn: drawings made so far, by widget.
    """

    def __init__(self) -> None:
        self.num_made: dict[str, int] = {}
        self.num_drawn: dict[str, int] = {}
        self._drawn: dict[str, tuple[Figure | None, Any, list[Spans]]] = {}
        self._kept: dict[str, tuple[Any, Figure]] = {}

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
        first, last = shown_range(view, whole)
        dot = max(1.0, (last - first) / width_dots)
        basis = (
            id(run),
            replace(view, cell=0, reading=0, violation=0, node=0, cursor=None, mode=view.mode),
            (first, int(last / dot)),
            width_dots,
            None if is_paused else [_content(panel, one) for one in (run, *others)],
        )
        kept = self._kept.get(panel.id)
        if kept is not None and _is_same(kept[0], basis, is_paused):
            return kept[1]
        self.num_made[panel.id] = self.num_made.get(panel.id, 0) + 1
        figure = panel.figure(run, _panel_view(panel, run, view, (first, last), width_dots))
        if is_paused:
            figure = replace(figure, latest="")  # the newest value is beyond what is shown
        for other in others:
            figure = _overlaid(figure, panel, other, view, (first, last), width_dots)
        self._kept[panel.id] = basis, figure
        return figure

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


def _is_same(kept: tuple[Any, ...], basis: tuple[Any, ...], is_paused: bool) -> bool:
    return kept[:-1] == basis[:-1] if is_paused else kept == basis


def _content(panel: Panel, run: Run) -> tuple[Any, ...]:
    """What a figure is made of, as something cheap that differs when the figure would."""
    recording = run.recording
    return (
        id(recording),
        recording.num_resets,
        len(recording.header),
        len(recording.checkpoints),
        tuple(len(trace.column) for trace in panel.measured(recording)),
        tuple(verdict for verdict in run.judge.verdicts if verdict.panel == panel.id),
    )


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
    )


def _scale(panel: Panel, view: View) -> Scale:
    flipped: dict[Scale, Scale] = {"log": "linear", "linear": "log"}
    return flipped[panel.y_scale] if panel.number in view.flipped_scales else panel.y_scale


def _overlaid(figure: Figure, panel: Panel, other: Run, view: View, steps: Range, width_dots: int) -> Figure:
    """The figure with another run's lines of the same panel and range behind its own."""
    theirs = panel.figure(other, _panel_view(panel, other, view, steps, width_dots))
    lines: list[Line] = [
        replace(line, name=f"{line.name} ({other.name})", role="overlay") for line in theirs.lines
    ]
    return replace(figure, lines=(*lines, *figure.lines))
