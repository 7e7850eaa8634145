"""A run as a table: one row an evaluation, with what was logged beside it and what it means."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from flight_recorder.tui.numbers import exact, percent
from flight_recorder.tui.report.markdown.overfit_story import overfitting_calls
from flight_recorder.tui.report.wording import table
from flight_recorder.tui.run import Run
from flight_recorder.tui.series.columns import Column
from flight_recorder.tui.series.recording import Recording

MOST_ROWS = 40
"""Evaluations that the table shows; of more, evenly spread ones and those that matter."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was known at one step; NaN for what was not logged."""

    step: int
    epoch: float
    train: float
    val: float
    lr: float
    grad_norm: float


def rows_of(recording: Recording) -> list[Row]:
    """The first two logged steps and every evaluation, with the newest training numbers beside each."""
    evaluated = recording.evaluations["val_loss"]
    steps = {int(step): float(value) for step, value in zip(evaluated.steps, evaluated.values, strict=True)}
    first = int(evaluated.steps[0]) if len(evaluated) else math.inf
    early = [int(step) for step in recording.steps.steps[:2] if step < first]
    return [_row(recording, step, steps.get(step, math.nan)) for step in sorted({*early, *steps})]


def _row(recording: Recording, step: int, val: float) -> Row:
    train, lr, grad_norm = (newest(recording.steps[name], step) for name in ("loss", "lr", "grad_norm"))
    return Row(step, epoch_at(recording, step), train, val, lr, grad_norm)


def epoch_at(recording: Recording, step: int) -> float:
    """The epoch at this step; NaN where the log does not say it."""
    epoch = newest(recording.evaluations["epoch"], step, exactly=True)
    epoch = epoch if math.isfinite(epoch) else newest(recording.steps["epoch"], step)
    per_epoch = recording.header.get("steps_per_epoch")
    if not math.isfinite(epoch) and isinstance(per_epoch, int | float) and per_epoch > 0:
        return step / per_epoch
    return epoch


def newest(column: Column, step: int, exactly: bool = False) -> float:
    """The newest value up to this step, with `exactly` only the one at it; NaN where there is none."""
    at = int(np.searchsorted(column.steps, step, side="right")) - 1 if len(column) else -1
    if at < 0 or (exactly and column.steps[at] != step):
        return math.nan
    return float(column.values[at])


def timeline(run: Run) -> str:
    """The table as Markdown, with a line on what was left out of it."""
    rows = rows_of(run.recording)
    if not rows:
        return "The log has no step and no evaluation."
    overfit = run.judge.overfit
    best = overfit["t_val_min"] if overfit else rows[-1].step
    observations = _observations(run, rows, best)
    shown = _chosen(len(rows), {at for at, row in enumerate(rows) if row.step == best})
    cells = [
        (
            str(rows[at].step),
            as_logged(rows[at].epoch),
            as_logged(rows[at].train),
            f"**{as_logged(rows[at].val)}**" if math.isfinite(rows[at].val) else as_logged(rows[at].val),
            as_logged(rows[at].lr),
            as_logged(rows[at].grad_norm),
            observations[at],
        )
        for at in shown
    ]
    head = ("step", "epoch", "train loss", "val loss", "learning rate", "gradient norm", "observation")
    left_out = len(rows) - len(shown)
    more = f"\n\n{left_out} of {len(rows)} rows are left out; the best is shown." if left_out else ""
    return table(head, cells) + more


def as_logged(value: float) -> str:
    """A number with the digits of the log, at most six; a dash for what was not logged."""
    return "–" if math.isnan(value) else exact(value)


def _chosen(count: int, wanted: set[int]) -> list[int]:
    spread = np.unique(np.linspace(0, count - 1, min(count, MOST_ROWS)).astype(int)).tolist()
    return sorted({*spread, *wanted})


def _observations(run: Run, rows: list[Row], best_step: int) -> list[str]:
    """Against the best so far, and what the tree could first call by then."""
    calls = overfitting_calls(run)
    lowest, before, words = math.inf, -1, []
    for row in rows:
        said = [_against_best(row, lowest, best_step)]
        lowest = min(lowest, row.val) if math.isfinite(row.val) else lowest
        said += ["training loss logged as 0"] if row.train == 0 else []
        said += [f"{check} {symptom}" for step, check, symptom, _ in calls if before < step <= row.step]
        before = row.step
        words.append("; ".join(said))
    return words


def _against_best(row: Row, lowest: float, best_step: int) -> str:
    if math.isnan(row.val):
        return "before the first evaluation" if lowest == math.inf else "validation loss is NaN"
    if row.step == best_step:
        return "**best validation loss**"
    if lowest == math.inf:
        return "first evaluation"
    if row.val < lowest:
        return "improving"
    return f"{percent(row.val / lowest - 1 if lowest > 0 else math.nan)} over best"
