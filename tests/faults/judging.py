"""What the monitor, and each baseline, says of one log."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from engine.runlog.schema import LOG_NAME
from tests.faults.baselines import BASELINES
from tui.checks.leaf_at_work import NOT_FINITE
from tui.checks.thresholds import Thresholds
from tui.checks.tree import every_check
from tui.checks.verdict import Level
from tui.follow.once import read_all
from tui.run import Run

AS_WRITTEN = Path(__file__).parents[2] / "configs/thresholds/as-written.yaml"
LITERAL = "the sources' literal thresholds"


@dataclass(frozen=True)
class Call:
    """A leaf that began to fire: at which step, how bad, and what it speaks for."""

    step: int
    check: str
    symptom: str
    level: Level
    causes: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """Everything that is said of one log; steps of alarms are None without one."""

    calls: tuple[Call, ...]
    causes: tuple[str, ...]
    pulse: str
    num_damaged: int
    num_records: int
    seconds: float
    baselines: dict[str, int | None] = field(default_factory=dict)

    @property
    def alarms(self) -> list[Call]:
        """Calls that ask for action: orange and above."""
        return [call for call in self.calls if call.level >= Level.ORANGE]

    def called(self, cause: str, level: Level) -> int | None:
        """The first step at which a leaf of at least this level spoke for the cause."""
        steps = [call.step for call in self.calls if cause in call.causes and call.level >= level]
        return min(steps, default=None)


@cache
def _causes() -> dict[tuple[str, str], tuple[str, ...]]:
    return {(check.id, leaf.symptom): leaf.causes for check in every_check() for leaf in check.leaves}


def judge(folder: Path) -> Judged:
    """Read a log and let everybody judge it."""
    started = time.thread_time()
    run = _run(folder, None)
    seconds = time.thread_time() - started
    recording = run.recording
    return Judged(
        calls=_calls(run),
        causes=tuple(cause for cause, _ in run.judge.causes),
        pulse=str(run.pulse),
        num_damaged=len(run.damaged),
        num_records=recording.num_steps + len(recording.evaluations),
        seconds=seconds,
        baselines={LITERAL: _first_literal_alarm(folder), **_baselines(folder)},
    )


def _run(folder: Path, thresholds: Thresholds | None) -> Run:
    run = Run(str(folder), thresholds)
    for batch in read_all(folder):
        run.extend(batch)
    return run


def _calls(run: Run) -> tuple[Call, ...]:
    known = _causes()
    return tuple(
        Call(step, check, symptom, level, known.get((check, symptom), NOT_FINITE.causes))
        for step, check, symptom, level in run.judge.calls()
    )


def _first_literal_alarm(folder: Path) -> int | None:
    calls = _calls(_run(folder, Thresholds.load(AS_WRITTEN)))
    return min((call.step for call in calls if call.level >= Level.ORANGE), default=None)


def _baselines(folder: Path) -> dict[str, int | None]:
    from tests.faults.reading import steps_and_evaluations

    records = steps_and_evaluations(folder / LOG_NAME)
    return {name: detect(*records) for name, detect in BASELINES.items()}
