"""One panel over the whole screen: the full chart, a read-out at the cursor, and what to look for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from flight_recorder.tui.checks.documents.signatures import SIGNATURES, holding_now
from flight_recorder.tui.checks.verdict import State, Verdict
from flight_recorder.tui.numbers import count, exact
from flight_recorder.tui.panels.figure import Figure, Mark
from flight_recorder.tui.panels.panel import Panel
from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.screen.drawing import curve
from flight_recorder.tui.screen.drawing.figures import axis_for, role_of_other
from flight_recorder.tui.screen.drawing.frame import framed
from flight_recorder.tui.screen.drawing.palette import level_role
from flight_recorder.tui.screen.drawing.spans import Span, Spans, clipped, said, wrapped
from flight_recorder.tui.vocabulary import LEVEL_SIGNS, since, title

if TYPE_CHECKING:
    from flight_recorder.tui.screen.drawing.board import Scene

_SIDE_WIDTH = 44
_BESIDE_FROM = 120
_MOST_BELOW = 7


def zoomed(scene: Scene, width: int, height: int) -> list[Spans]:
    """The zoom of the focused panel: chart and read-out, beside or below them the panel's words."""
    panel = PANELS[scene.view.cell - 1]
    if width >= _BESIDE_FROM:
        chart = _chart(scene, panel, width - _SIDE_WIDTH, height)
        side = _side_box(scene, panel, _SIDE_WIDTH, height)
        return [[*left, *right] for left, right in zip(chart, side, strict=True)]
    words = side_lines(scene, panel, width - 1)
    below = words[: min(len(words), _MOST_BELOW, max(0, height - 14))]
    return [*_chart(scene, panel, width, height - len(below)), *below]


def _chart(scene: Scene, panel: Panel, width: int, height: int) -> list[Spans]:
    figure = with_cursor(scene, scene.figure(panel.id, width - 2))
    read_out = read_out_lines(scene, panel, figure, width - 2)
    plot, foot = curve.with_foot(figure, width - 2, height - 2 - len(read_out), scene.options, True)
    rows = [*read_out, *plot]
    title = [
        Span(f"{panel.number} ", "accent"),
        Span(panel.title, "strong"),
        Span(f"  {figure.y_label}", "muted"),
    ]
    axes = "/ search" if figure.as_list else f"{figure.y_scale}   x: {figure.x_label}"
    words = [Span(f"{axes}   Esc back", "faint")]
    return framed(rows, width, height, title, words, is_focused=True, foot=foot)


def with_cursor(scene: Scene, figure: Figure) -> Figure:
    """The figure with the read-out cursor as a mark, where there is one."""
    if scene.view.cursor is None:
        return figure
    x = float(axis_for(scene.run, scene.view).x_of(np.array([scene.view.cursor]))[0])
    return replace(figure, marks=(*figure.marks, Mark(x, "", kind="cursor")))


def read_out_lines(scene: Scene, panel: Panel, figure: Figure, width: int) -> list[Spans]:
    """Every line's value at the cursor, or the newest, as recorded; with its own step where that differs.

    The values come from the columns, never from the drawing, which was reduced to the width.
    """
    step = scene.whole[1] if scene.view.cursor is None else scene.view.cursor
    place = "newest" if scene.view.cursor is None else "cursor"
    entries: list[Spans] = [[Span(f" {place} ", "muted"), Span(f"step {count(step)}", "strong")]]
    if figure.x_label != "step":
        x = float(axis_for(scene.run, scene.view).x_of(np.array([step]))[0])
        entries[0].append(Span(f" = {exact(x)} {figure.x_label}", "muted"))
    roles = curve.line_roles(figure)
    for number, run in enumerate((scene.run, *scene.others)):
        for name, at, value in panel.values_at(run, step):
            if run is scene.run:
                entries.append(_entry(roles.get(name, "line-main"), name, at, value, step))
            else:
                entries.append(
                    _entry(f"line-{role_of_other(number - 1)}", f"{name} ({run.name})", at, value, step)
                )
    return _packed(entries, width)


def _entry(role: str, name: str, at: int, value: float, step: float) -> Spans:
    spans = [Span("━ ", role), Span(f"{said(name)} ", "muted"), Span(exact(value), "strong")]
    return [*spans, Span(f" @ {at:,}", "faint")] if at != step else spans


def _packed(entries: list[Spans], width: int) -> list[Spans]:
    """The entries side by side in as few lines as they take, at most four."""
    lines: list[Spans] = [[]]
    for entry in entries:
        used = sum(len(span.text) for span in lines[-1])
        size = sum(len(span.text) for span in entry) + 3
        if lines[-1] and used + size > width:
            lines.append([Span(" ")])
        lines[-1] = [*lines[-1], *entry, Span("   ")]
    return [clipped(line, width) for line in lines[:4]]


def _side_box(scene: Scene, panel: Panel, width: int, height: int) -> list[Spans]:
    lines = side_lines(scene, panel, width - 4)
    return framed(
        [[Span(" "), *line] for line in lines], width, height, [Span("What to look for", "strong")], []
    )


def side_lines(scene: Scene, panel: Panel, width: int) -> list[Spans]:
    """The panel's question, what healthy looks like, what is sick now, the thresholds and what they say."""
    lines = wrapped(panel.question, width, "strong")
    lines += wrapped(panel.healthy, width, "text", "  ", "✓ ")
    mine = [verdict for verdict in scene.run.judge.verdicts if verdict.panel == panel.id]
    lines += [[], *_signatures(panel, mine, width)]
    firing = [verdict for verdict in mine if verdict.state in (State.FIRING, State.AMBER, State.PENDING)]
    for verdict in sorted(firing, key=lambda one: -one.level):
        lines += [[], *_sick(verdict, width)]
    lines += _thresholds(scene, panel, width)
    return lines


def _signatures(panel: Panel, verdicts: Sequence[Verdict], width: int) -> list[Spans]:
    """What sick looks like on this panel; what holds now stands out and has the sign of its level."""
    holding = holding_now(panel.id, verdicts)
    lines: list[Spans] = []
    for signature in sorted(SIGNATURES, key=lambda one: one not in holding):
        if signature.panel != panel.id:
            continue
        if signature not in holding:
            lines += wrapped(signature.text, width, "faint", "  ", "· ")
            continue
        names = {name.partition(":")[0] for name in signature.checks}
        level = max(verdict.level for verdict in verdicts if verdict.check in names)
        lines += wrapped(signature.text, width, level_role(level), "  ", f"{LEVEL_SIGNS[level]} ")
    return lines


def _sick(verdict: Verdict, width: int) -> list[Spans]:
    role = level_role(verdict.level)
    words = f"{LEVEL_SIGNS[verdict.level]} {said(title(verdict))}{since(verdict.first_step, short=True)}"
    lines = wrapped(words, width, role, "  ")
    lines += wrapped(said(verdict.evidence), width, "text") if verdict.evidence else []
    return [*lines, *(wrapped(said(verdict.fix), width, "strong", "  ", "→ ") if verdict.fix else [])]


def _thresholds(scene: Scene, panel: Panel, width: int) -> list[Spans]:
    bounds = scene.run.judge.thresholds(panel.id)
    lines: list[Spans] = [[], [Span("thresholds", "muted")]] if bounds else []
    for bound in bounds:
        text = f"  {exact(bound.value)}  {LEVEL_SIGNS[bound.level]} {bound.label}"
        lines.append(clipped([Span(text, "text")], width))
    return lines
