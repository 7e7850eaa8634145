"""A run cut into phases, each opened by a finding of the tree: with no rule of its own it cannot disagree.

Cuts lie at evaluations: the best one ends the learning, and a phase that a finding opens begins at the
evaluation at which it could first be called. Only what is graver than everything before opens one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.numbers import count, percent
from flight_recorder.tui.report.markdown.overfit_story import overfitting_calls
from flight_recorder.tui.report.markdown.timeline import Row, as_logged, rows_of
from flight_recorder.tui.run import Run


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of evaluations, both ends included, and the rule by which it is one."""

    name: str
    rule: str
    rows: list[Row]


def phases_of(run: Run) -> list[Phase]:
    """The phases of this run in order; empty where fewer than two rows are known."""
    rows = [row for row in rows_of(run.recording) if not math.isnan(row.val)]
    overfit = run.judge.overfit
    if len(rows) < 2 or not overfit:
        return []
    steps = np.array([row.step for row in rows])
    best = int(np.searchsorted(steps, overfit["t_val_min"]))
    cuts = {0: ("Learning", "up to the best validation loss"), best: ("After the best", "nothing called yet")}
    worst = Level.GREEN
    for step, check, symptom, level in sorted(overfitting_calls(run), key=lambda call: (call[0], -call[3])):
        at = min(int(np.searchsorted(steps, step)), len(rows) - 1)
        if at > best and level > worst:
            worst = level
            cuts[at] = symptom.capitalize(), f"{check} could be called ({level})"
    starts = sorted(cuts)
    ends = [*starts[1:], len(rows) - 1]
    return [
        Phase(*cuts[start], rows[start : end + 1])
        for start, end in zip(starts, ends, strict=True)
        if end > start
    ]


def phases(run: Run) -> str:
    """The phases as Markdown, each with its evidence in numbers."""
    found = phases_of(run)
    if not found:
        return "There are too few evaluations to tell phases apart."
    last = found[-1].rows[-1].step or 1
    return "\n\n".join(_told(number, phase, last) for number, phase in enumerate(found, 1))


def _told(place: int, phase: Phase, last_step: int) -> str:
    first, end = phase.rows[0], phase.rows[-1]
    epochs = ""
    if math.isfinite(first.epoch) and math.isfinite(end.epoch):
        epochs = f", epochs {as_logged(first.epoch)} to {as_logged(end.epoch)}"
    part = percent((end.step - first.step) / last_step)
    lines = [
        f"### Phase {place}: {phase.name} (steps {count(first.step)} to {count(end.step)}{epochs})",
        "",
        f"- by the rule: {phase.rule}; {part} of the run",
        *(
            f"- {name}: {as_logged(before)} → {as_logged(after)}"
            for name, before, after in (
                ("train loss", first.train, end.train),
                ("val loss", first.val, end.val),
                ("gradient norm", first.grad_norm, end.grad_norm),
                ("learning rate", first.lr, end.lr),
            )
            if not (math.isnan(before) and math.isnan(after))
        ),
    ]
    return "\n".join(lines)
