"""The list of the open runs: how each is doing, which is shown, and whose lines lie behind it."""

from __future__ import annotations

from collections.abc import Sequence

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.numbers import number
from flight_recorder.tui.run import Run
from flight_recorder.tui.screen.drawing.palette import level_role
from flight_recorder.tui.screen.drawing.spans import Span, Spans, clipped, said
from flight_recorder.tui.screen.drawing.status import PULSE_SIGNS, Status
from flight_recorder.tui.screen.naming import worst_first
from flight_recorder.tui.screen.runs.progress import status_of
from flight_recorder.tui.vocabulary import LEVEL_SIGNS

_NAME_WIDTH = 28
_PULSE_WIDTH = max(map(len, Pulse)) + 1
_BESIDE_NAME = 78
"""Cells of a row that are not the name."""


def list_lines(
    runs: Sequence[Run], shown: int, hidden: frozenset[int], cursor: int, now: float, width: int
) -> list[Spans]:
    """A row a run, the worst first: a mark for its lines, level, name, pulse, step, losses, what is wrong."""
    rows = []
    room = max(_NAME_WIDTH, min(max(len(run.name) for run in runs), width - _BESIDE_NAME))
    for place in worst_first(runs):
        run = runs[place]
        mark = "●" if place == shown else "○" if place not in hidden else " "
        row = [
            Span("▸" if place == cursor else " ", "accent"),
            Span(f"{mark} ", "line-second" if place == shown else "line-other-0"),
            *_row(run, status_of(run, now), room),
        ]
        rows.append(clipped(row, width))
    return [
        *rows,
        [],
        [Span("● shown   ○ its lines lie behind   ", "faint"), Span("Space changes that", "faint")],
    ]


def _row(run: Run, status: Status, room: int) -> Spans:
    sign, role = PULSE_SIGNS[run.pulse]
    level = status.level
    name = said(run.name)
    short = name if len(name) <= room else "…" + name[-room + 1 :]
    planned = f" / {status.planned_steps:,}" if status.planned_steps else ""
    step = "" if status.step is None else f"step {status.step:,}{planned}"
    values = [
        f"{label} {number(value, width=5)}"
        for label, value in (("train", status.train), ("val", status.val))
        if value is not None
    ]
    return [
        Span(f"{LEVEL_SIGNS[level]} ", level_role(level)),
        Span(f"{short:<{room}} ", "strong"),
        Span(f"{sign} {run.pulse.value:<{_PULSE_WIDTH}}", role),
        Span(f"{step:<20}", "text"),
        Span("  ".join(values), "muted"),
        Span(f"  {said(status.cause)}" if level > Level.GREEN else "", level_role(level)),
    ]
