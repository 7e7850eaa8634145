"""Whether a log is judged alike as a whole and as it grows, cut into bytes or into records at random."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from flight_recorder.engine.runlog.schema import LOG_NAME
from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.follow.batch import Batch
from flight_recorder.tui.follow.intake import Intake
from flight_recorder.tui.run import Run

BYTES, RECORDS = (1, 300, 2_000, 15_000), (1, 2, 7, 40)
"""Lengths of the pieces, drawn at random. A record has some 350 bytes."""


def said(judge: Judge) -> str:
    """Every verdict, cause and call."""
    return repr((judge.verdicts, judge.causes, judge.calls(), judge.level))


def differences(folder: Path, seed: str) -> int:
    """In how many of two ways to cut the log it is judged otherwise than as a whole; 0 is what must be."""
    content, rng = (folder / LOG_NAME).read_bytes(), random.Random(seed)
    whole, batch = whole_run(content)
    ways = (by_bytes(content, rng), by_records(batch, rng))
    return sum(said(run.judge) != said(whole.judge) for run in ways)


def whole_run(content: bytes) -> tuple[Run, Batch]:
    """The run of a log that is read at once, and the one batch that it is."""
    run, intake = Run("whole"), Intake("whole", None)
    intake.take(content)
    intake.finish()
    batch = intake.batch(intake.num_waiting, 0.0, len(content))
    assert batch is not None, "an empty log"
    run.extend(batch)
    return run, batch


def by_bytes(content: bytes, rng: random.Random) -> Run:
    """The run as it looks when bytes arrive in pieces of any length."""
    run, intake, position = Run("live"), Intake("live", None), 0
    while position < len(content):
        size = rng.choice(BYTES)
        intake.take(content[position : position + size])
        position += size
        _take(run, intake, position)
    intake.finish()
    _take(run, intake, position)
    return run


def by_records(whole: Batch, rng: random.Random) -> Run:
    """The run as it looks when records arrive a few or many at a time."""
    run, position = Run("live"), 0
    while position < len(whole.records):
        size = rng.choice(RECORDS)
        run.extend(replace(whole, records=whole.records[position : position + size]))
        position += size
    return run


def _take(run: Run, intake: Intake, position: int) -> None:
    if batch := intake.batch(intake.num_waiting, 0.0, position):
        run.extend(batch)
