"""How far a run is and how fast: the facts of the status line, taken from its columns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from flight_recorder.tui.checks.verdict import State, Verdict
from flight_recorder.tui.panels.pulse_words import exit_message, has_made_all_steps, steps_done
from flight_recorder.tui.run import Run
from flight_recorder.tui.screen.drawing.status import Status
from flight_recorder.tui.series.columns import Column
from flight_recorder.tui.vocabulary import main_verdict, name_of

PACE_WINDOW = 200
"""Step records over which the pace is taken: enough to average evaluations in, few enough to be now."""


def status_of(
    run: Run,
    now: float,
    paused_at: int | None = None,
    run_number: str = "",
    part_read: float | None = None,
    arriving: float | None = None,
) -> Status:
    """What the status line says of this run at Unix time `now`; `arriving` are steps per second as seen."""
    recording, judge = run.recording, run.judge
    newest, planned = recording.last_step, _count(recording.header.get("planned_steps"))
    done = None if newest is None else steps_done(run)
    written_pace, headline = steps_per_s(run), main_verdict(judge.verdicts, judge.headline)
    pace = written_pace or arriving
    exit_record = recording.exit or {"reason": "all_steps" if has_made_all_steps(run) else ""}
    return Status(
        name=run.name,
        pulse=run.pulse,
        path=run.path,
        step=done,
        planned_steps=planned,
        steps_per_s=pace,
        is_pace_inferred=written_pace is None,
        seconds_left=(planned - done) / pace if planned and pace and done is not None else None,
        train=_newest(recording.steps["loss"]),
        val=_newest(recording.evaluations["val_loss"]),
        best=None if run.is_partial else _best(recording.evaluations["val_loss"]),
        level=judge.level,
        cause=name_of(headline) if headline else "",
        since=_first_sign(judge.verdicts, headline) if headline else None,
        silent_s=_silence(recording.steps["time"], now),
        exit_reason=str(exit_record.get("reason", "")),
        exit_message=exit_message(run),
        failure=run.failure,
        num_damaged=len(run.damaged),
        device_load=_newest(recording.steps["device_load"]),
        memory_bytes=_newest(recording.steps["memory_bytes"]),
        behind=None if paused_at is None or newest is None else max(0, newest - paused_at),
        kind=judge.kind.name.replace("_", " ") if judge.kind.name != "unknown" else "",
        run_number=run_number,
        is_judged=run.is_judged,
        part_read=part_read,
    )


def _first_sign(verdicts: Sequence[Verdict], headline: Verdict) -> int | None:
    """The first step at which anything that fires now spoke for the headline's cause."""
    cause = headline.causes[:1]
    firing = [one for one in verdicts if one.state is State.FIRING and one.causes[:1] == cause]
    firsts = [one.first_step for one in (headline, *firing) if one.first_step is not None]
    return min(firsts, default=None)


def steps_per_s(run: Run) -> float | None:
    """Optimizer steps in a second of the writer's clock, over the newest records; None while unknown."""
    times = run.recording.steps["time"]
    if len(times) >= 2:
        at = np.array([max(0, len(times) - PACE_WINDOW), len(times) - 1])
        (first, last), (start, end) = times.steps_at(at), times.values[at]
        if end > start:
            return float((last - first) / (end - start))
    seconds = run.recording.steps["step_s"].values[-PACE_WINDOW:]
    mean = float(np.nanmean(seconds)) if np.isfinite(seconds).any() else 0.0
    return 1 / mean if mean > 0 else None


def _newest(column: Column) -> float | None:
    return float(column.values[-1]) if len(column) else None


def _best(column: Column) -> tuple[float, int] | None:
    finite = np.isfinite(column.values)
    if not finite.any():
        return None
    at = int(np.argmin(np.where(finite, column.values, np.inf)))
    return float(column.values[at]), int(column.steps_at(np.array([at]))[0])


def _silence(times: Column, now: float) -> float | None:
    newest = _newest(times)
    return max(0.0, now - newest) if newest is not None and math.isfinite(newest) else None


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) and value > 0 else None
