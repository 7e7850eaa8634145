"""`tui check --follow`: judge while the run goes on, say what changes, end when it matters."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.checks.verdict import Level, State, Verdict
from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.follow.pipe import PipeFollower
from flight_recorder.tui.follow.splits import PathFollower
from flight_recorder.tui.follow.tail import POLL_INTERVAL_S
from flight_recorder.tui.run import Run
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.parser import SourceOptions

Tell = Callable[[Verdict], None]


def follow_until(
    path: str,
    level: Level,
    options: SourceOptions,
    thresholds: Thresholds | None,
    tell: Tell,
    timeout_s: float | None = None,
    look: Callable[[Run], None] = lambda run: None,
) -> Run:
    """The run as it is when `level` is reached, or when its writer has ended or died.

    `tell` hears of each leaf once, when it begins to fire, and of each check that breaks; `look` sees the run
    each time that its log was looked at.

    Raises:
        CannotRead: the file is of no known format or may not be read, or nothing came for `timeout_s`.
    """
    follower = PipeFollower(options=options) if path == "-" else PathFollower(Path(path), options)
    run = Run(path, thresholds)
    told: set[tuple[str, str, int | None]] = set()
    heard_at = time.monotonic()
    try:
        while True:
            batch = follower.poll()
            if batch is not None:
                heard_at = time.monotonic() if batch.records else heard_at
                run.extend(batch)
                _tell_news(run, told, tell)
            look(run)
            if batch is not None and (run.judge.level >= level or run.failure):
                return run
            if follower.is_caught_up:
                if run.pulse in (Pulse.FINISHED, Pulse.CRASHED) or run.recording.exit is not None:
                    return run
                if timeout_s is not None and time.monotonic() - heard_at > timeout_s:
                    raise CannotRead(_silent(run, timeout_s))
                time.sleep(POLL_INTERVAL_S)
    finally:
        follower.close()


def _silent(run: Run, seconds: float) -> str:
    if not run.recording.num_steps:
        return f"Nothing came to {run.path} for {seconds:g} s; is that where the training writes?"
    so_far = f"{run.recording.num_steps:,} steps so far, {run.judge.level}"
    return f"Nothing new came to {run.path} for {seconds:g} s ({so_far}); has its writer stopped?"


def _tell_news(run: Run, told: set[tuple[str, str, int | None]], tell: Tell) -> None:
    for verdict in run.judge.verdicts:
        key = (verdict.check, verdict.symptom, verdict.first_step)
        is_said = verdict.state is State.FAILED or (
            verdict.state is State.FIRING and verdict.level > Level.GREEN
        )
        if is_said and key not in told:
            told.add(key)
            tell(verdict)
