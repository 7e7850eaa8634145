"""What the monitor, and each baseline, says of one log."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from flight_recorder.engine.runlog.schema import LOG_NAME
from flight_recorder.tui.checks.leaf import NOT_FINITE
from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.checks.tree import every_check
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.follow.batch import Batch
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.run import Run
from scripts.fault_suite.baselines import BASELINES
from scripts.fault_suite.reading import every_record, steps_and_evaluations

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
    bare: Judged | None = None
    """What is said of the same run when its log holds no more than BARE."""
    num_differences: int = 0
    """Ways to cut the growing log, of two, by which something else was said; see live.py."""

    @property
    def alarms(self) -> list[Call]:
        """Calls that ask for action: orange and above."""
        return [call for call in self.calls if call.level >= Level.ORANGE]

    def called(self, cause: str, level: Level) -> int | None:
        """The first step at which a leaf of at least this level spoke for the cause."""
        steps = [call.step for call in self.calls if cause in call.causes and call.level >= level]
        return min(steps, default=None)


BARE: dict[str, tuple[str, ...]] = {
    "header": ("format", "origin", "vocab_size", "planned_steps", "schedule", "grad_clip"),
    "step": ("step", "loss", "lr", "grad_norm"),
    "evaluation": ("step", "val_loss"),
    "resume": ("step",),
    "exit": ("step", "reason"),
}
"""What nearly every training program prints, and what its user can add by hand."""


@cache
def _causes() -> dict[tuple[str, str], tuple[str, ...]]:
    return {(check.id, leaf.symptom): leaf.causes for check in every_check() for leaf in check.leaves}


def judge(folder: Path) -> Judged:
    """Read a log and let everybody judge it."""
    started = time.thread_time()
    run = _run(folder, None)
    seconds = time.thread_time() - started
    return replace(
        _judged(run, seconds),
        baselines={LITERAL: _first_literal_alarm(folder), **_baselines(folder)},
        bare=_judged(_bare(folder, run), 0.0),
    )


def _judged(run: Run, seconds: float) -> Judged:
    return Judged(
        calls=_calls(run),
        causes=tuple(cause for cause, _ in run.judge.causes),
        pulse=str(run.pulse),
        num_damaged=len(run.damaged),
        num_records=run.recording.num_steps + len(run.recording.evaluations),
        seconds=seconds,
    )


def _bare(folder: Path, whole: Run) -> Run:
    """The same run by a log that holds little."""
    records = tuple(
        {"kind": record["kind"]} | {name: record[name] for name in BARE[record["kind"]] if name in record}
        for record in every_record(folder / LOG_NAME)
        if record["kind"] in BARE
    )
    run = Run(str(folder))
    run.extend(
        Batch(records, tuple(whole.damaged), whole.next_offset, whole.size_bytes, whole.pulse, whole.format)
    )
    return run


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
    records = steps_and_evaluations(folder / LOG_NAME)
    return {name: detect(*records) for name, detect in BASELINES.items()}
