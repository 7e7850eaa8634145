"""A run cut into phases, each by a rule that can be checked against the table.

Cuts lie at evaluations: a phase that a symptom opens begins at the last evaluation without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from flight_recorder.tui.report.markdown.timeline import VANISHED, Row, as_logged, rows_of, typical_grad_norm
from flight_recorder.tui.report.wording import percent, steps
from flight_recorder.tui.run import Run

DIVERGED = 1.05
"""Validation loss over its best with which overfitting is severe."""

MEMORISED = 0.05
"""Share of the training loss at the best evaluation below which the training set is memorised."""


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
    best = next(at for at, row in enumerate(rows) if row.step == overfit["t_val_min"])
    if overfit["onset"] is None:
        cuts = [(0, "Learning", "up to the best validation loss"), (best, *_without_onset(rows, best))]
    else:
        cuts = _overfit_cuts(rows, best)
    ends = [start for start, _, _ in cuts[1:]] + [len(rows) - 1]
    return [
        Phase(name, rule, rows[start : end + 1])
        for (start, name, rule), end in zip(cuts, ends, strict=True)
        if end > start
    ]


def _without_onset(rows: list[Row], best: int) -> tuple[str, str]:
    return "No further improvement", "after the best validation loss, no onset called"


def _overfit_cuts(rows: list[Row], best: int) -> list[tuple[int, str, str]]:
    typical = typical_grad_norm(rows, rows[best].step)
    symptoms: list[tuple[str, str, Callable[[Row], bool]]] = [
        (
            "Severe overfitting",
            f"validation more than {percent(DIVERGED - 1)} over its best",
            lambda row: row.val > DIVERGED * rows[best].val,
        ),
        (
            "Memorisation",
            f"training loss under {percent(MEMORISED)} of what it was at the best",
            lambda row: row.train < MEMORISED * rows[best].train,
        ),
        (
            "Dead training",
            f"gradient norm under {percent(VANISHED)} of its median while the run learned",
            lambda row: row.grad_norm < VANISHED * typical,
        ),
    ]
    cuts = [(0, "Learning", "up to the best validation loss"), (best, "Divergence", "after the best")]
    for name, rule, holds in symptoms:
        first = next((at for at in range(cuts[-1][0] + 1, len(rows)) if holds(rows[at])), None)
        if first is None:
            break
        # Memorisation begins where it is complete, the other two where the last good evaluation was.
        cuts.append((first if name == "Memorisation" else max(first - 1, cuts[-1][0]), name, rule))
    return cuts


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
    share = percent((end.step - first.step) / last_step)
    lines = [
        f"### Phase {place}: {phase.name} (steps {steps(first.step)} to {steps(end.step)}{epochs})",
        "",
        f"- by the rule: {phase.rule}; {share} of the run",
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
