"""Spikes of the loss as complete incidents, for a report: what happened before, at the peak, and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from flight_recorder.tui.checks.signals.spike_finder import Floats, Spike, Spikes
from flight_recorder.tui.series.recording import Recording

Outcome = Literal["back within 0.1", "back within 0.5", "did not recover", "not known yet"]


@dataclass(frozen=True, slots=True)
class Incident:
    """One spike, or several within ten records. None is what the log does not say, or not yet."""

    first_step: int
    peak_step: int
    last_step: int
    loss_before: float
    """Exponential mean over the 50 records before it, in nats per token."""
    peak: float
    loss_after_50: float | None
    outcome_50: Outcome
    outcome_200: Outcome
    grad_norm: float | None
    """Largest one within two records of the peak, before clipping."""
    confirmed: bool | None
    """Whether that is at least 10 x the median of the 50 before."""
    run_up: bool | None
    """Whether the gradient norm of the ten records before was twice that of the 50 before them."""
    lr: float | None
    batch: int | None
    dtype: str | None


def incidents(recording: Recording, *, apart: int = 10) -> list[Incident]:
    """Every incident of a run so far, oldest first; spikes within ten records are one."""
    loss = recording.steps["loss"]
    found: list[list[Spike]] = []
    for spike in Spikes().find(loss.values, 0, 0):
        if found and spike.row - found[-1][-1].row <= apart:
            found[-1].append(spike)
        else:
            found.append([spike])
    return [_told(recording, group) for group in found]


def _told(recording: Recording, group: list[Spike]) -> Incident:
    column = recording.steps["loss"]
    top = max(group, key=lambda spike: spike.loss)
    first, last, peak = (int(column.steps[spike.row]) for spike in (group[0], group[-1], top))
    norms, before, lead = (
        _between(recording, "grad_norm", peak + a, peak + b) for a, b in ((-2, 3), (-52, -2), (-12, -2))
    )
    norm = _or_none(np.max(norms)) if len(norms) else None
    after = _near(recording, last + 50)
    batch = _at(recording, "batch", peak)
    return Incident(
        first_step=first,
        peak_step=peak,
        last_step=last,
        loss_before=group[0].before,
        peak=top.loss,
        loss_after_50=after,
        outcome_50=_outcome(after, group[0].before),
        outcome_200=_outcome(_near(recording, last + 200), group[0].before),
        grad_norm=norm,
        confirmed=None if norm is None or not len(before) else norm >= 10 * float(np.median(before)),
        run_up=None if not len(lead) or not len(before) else bool(np.median(lead) >= 2 * np.median(before)),
        lr=_at(recording, "lr", peak),
        batch=None if batch is None else int(batch),
        dtype=recording.header.get("dtype"),
    )


def _outcome(after: float | None, before: float) -> Outcome:
    if after is None:
        return "not known yet"
    excess = after - before
    return "back within 0.1" if excess <= 0.1 else "back within 0.5" if excess <= 0.5 else "did not recover"


def _near(recording: Recording, step: int, *, around: int = 5) -> float | None:
    """Median loss around a step, None before it is recorded: one batch says nothing."""
    if (recording.last_step or 0) < step:
        return None
    values = _between(recording, "loss", step - around, step + around + 1)
    return float(np.median(values)) if len(values) else None


def _between(recording: Recording, name: str, first: int, end: int) -> Floats:
    """The finite values of a column from step `first` on, before `end`."""
    column = recording.steps[name]
    values = column.values[slice(*np.searchsorted(column.steps, (first, end)))]
    return values[np.isfinite(values)]


def _at(recording: Recording, name: str, step: int) -> float | None:
    values = _between(recording, name, step, step + 1)
    return _or_none(values[0]) if len(values) else None


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
