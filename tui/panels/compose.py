"""From the declaration of a panel and a run to a figure: reduction, references, verdicts, marks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from flight_recorder.tui.checks.verdict import Level, State, Verdict
from flight_recorder.tui.numbers import number
from flight_recorder.tui.panels.drawing import heat
from flight_recorder.tui.panels.figure import Figure, Line, Mark, Rule, Tint
from flight_recorder.tui.panels.view import View
from flight_recorder.tui.series.axis import Axis, axis_of, recorded_steps, step_axis
from flight_recorder.tui.series.recording import Recording
from flight_recorder.tui.series.reduce import Window, reduced, window_of
from flight_recorder.tui.vocabulary import loss_unit

if TYPE_CHECKING:
    from flight_recorder.tui.panels.panel import Panel, Trace
    from flight_recorder.tui.run import Run

MOST_LINES = 8
"""Lines that can be told apart in one panel; a panel of layers becomes a heat strip beyond that."""


MOST_ROWS = 60
"""Rows of a list; more are found by searching."""


def figure(panel: Panel, run: Run, view: View) -> Figure:
    """The panel of this run in this view."""
    recording = run.recording
    axis = axis_of(recording, view.x_axis) or step_axis()
    window = window_on(recording, axis, view)
    verdicts = [verdict for verdict in run.judge.verdicts if verdict.panel == panel.id]
    level, health = _health(verdicts) if run.is_judged else (Level.GREEN, "not judged yet")
    measured = panel.measured(recording)
    traces = _searched(measured, view.search) if panel.as_list else measured
    as_heat = panel.by_layer and len(traces) > 1 and (view.heat or len(traces) > MOST_LINES)
    rows = heat.rows(traces, window) if as_heat else ()
    return Figure(
        panel=panel.id,
        number=panel.number,
        title=panel.title,
        lines=() if as_heat else tuple(_lines((*traces, *_averages(traces, view)), window)),
        y_scale=view.y_scale or panel.y_scale,
        x_label=axis.label,
        y_label=loss_unit(recording.header) if panel.y_label == "loss" else panel.y_label,
        x_range=window.x_range,
        rules=_rules(panel, run),
        marks=tuple(_placed(marks_of(panel, run), axis)) if traces else (),
        tints=tuple(_tints(verdicts, window)),
        health=health if traces else "no data",
        level=level,
        latest=_latest(panel, recording) if measured else "",
        note="" if traces else _note(panel, recording, view.search),
        heat=rows,
        heat_offender=heat.offender(traces) if as_heat else "",
        y_includes=panel.includes,
        y_whole=panel.whole,
        as_list=panel.as_list,
    )


def window_on(recording: Recording, axis: Axis, view: View) -> Window:
    """The part of the run that the view shows, cut into its cells."""
    first, last = recorded_steps(recording)
    wanted = axis.step_of(np.array([view.x_first or 0.0, view.x_last or 0.0]))
    if view.x_first is not None:
        first = int(np.ceil(wanted[0]))
    if view.x_last is not None:
        last = int(wanted[1])
    return window_of(axis, first, max(first, last), view.width_dots)


def _lines(traces: Iterable[Trace], window: Window) -> Iterable[Line]:
    for trace in traces:
        cells = reduced(trace.column, window)
        latest = float(trace.column.values[-1])
        yield Line(
            trace.name,
            cells.x,
            cells.low,
            cells.high,
            cells.last,
            cells.nonfinite,
            latest,
            trace.role,
            trace.words() if trace.words else "",
        )


def _averages(traces: Iterable[Trace], view: View) -> Iterable[Trace]:
    """The moving averages that the view asks for, as traces of their own beside the measured ones."""
    for trace in traces if view.smoothing > 1 else ():
        if trace.is_noisy and len(trace.column) > view.smoothing:
            yield replace(
                trace,
                name=f"{trace.name}, mean of {view.smoothing}",
                column=trace.column.averaged(view.smoothing),
                role="overlay",
            )


def _searched(traces: tuple[Trace, ...], text: str) -> tuple[Trace, ...]:
    """Those in whose names the text stands, as many as can be read."""
    return tuple(trace for trace in traces if text.lower() in trace.name.lower())[:MOST_ROWS]


def _latest(panel: Panel, recording: Recording) -> str:
    """The newest values in the panel's own words, else that of each line; a name where there are several."""
    if panel.latest:
        return panel.latest(recording)
    traces = panel.traces(recording)
    found = [(trace.name, number(float(trace.column.values[-1]), 3)) for trace in traces if len(trace.column)]
    return "  ".join(f"{name} {value}" if len(traces) > 1 else value for name, value in found)


def _note(panel: Panel, recording: Recording, search: str) -> str:
    if search and panel.measured(recording):
        return f"No metric has “{search}” in its name."
    return panel.missing if len(recording.steps) or len(recording.evaluations) else "Nothing recorded yet."


def _rules(panel: Panel, run: Run) -> tuple[Rule, ...]:
    thresholds = run.judge.thresholds(panel.id)
    bounds = (Rule(threshold.value, threshold.label, threshold.level) for threshold in thresholds)
    return (*panel.rules(run.recording), *bounds)


def _health(verdicts: list[Verdict]) -> tuple[Level, str]:
    """The worst level among the verdicts, and its symptom in short."""
    worst = max(verdicts, key=lambda verdict: verdict.level, default=None)
    if worst is not None and worst.level > Level.GREEN:
        return worst.level, worst.symptom or worst.question
    states = {verdict.state for verdict in verdicts}
    if states & {State.PASS, State.PENDING, State.RESOLVED, State.AMBER}:
        return Level.GREEN, "ok"
    if State.FAILED in states:
        return Level.GREEN, "could not be judged"
    return Level.GREEN, "too early to say" if State.UNKNOWN in states else "not judged"


def _tints(verdicts: Iterable[Verdict], window: Window) -> Iterable[Tint]:
    """Where a leaf held, at its level; where one that is excused now was, without any."""
    first_step, last_step = window.cuts[0], window.cuts[-1] - 1
    found = [(span, span.level) for verdict in verdicts for span in verdict.spans]
    excused = [(span, None) for verdict in verdicts if verdict.excused_by for span in verdict.excused_spans]
    shown = [
        (span, level)
        for span, level in (*excused, *found)
        if span.first_step <= last_step and span.last_step >= first_step
    ]
    ends = np.array([(span.first_step, span.last_step) for span, _ in shown], np.float64).reshape(-1, 2)
    places = window.axis.x_of(ends.clip(first_step, last_step))
    for (_, level), (first, last) in zip(shown, places, strict=True):
        yield Tint(float(first), float(last), level)


def marks_of(panel: Panel, run: Run) -> Iterable[Mark]:
    """Marks of the panel, x being a step: its own, and the resumes, which are on every panel."""
    yield from panel.marks(run)
    for resume in run.recording.resumes:
        yield Mark(float(resume["step"]), f"resumed at {resume['step']:,}", kind="resume")


def _placed(marks: Iterable[Mark], axis: Axis) -> Iterable[Mark]:
    for mark in marks:
        yield Mark(float(axis.x_of(np.array([mark.x]))[0]), mark.label, mark.y, mark.kind)
