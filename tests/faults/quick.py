"""The suite in small: every drill that fits into a few hundred steps of a tiny model, made once a session."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from flight_recorder.engine.faults.drill import WARMUP_STEPS
from flight_recorder.engine.faults.fault import NAMED, Fault
from flight_recorder.engine.faults.registry import FAULTS
from scripts.fault_suite.judging import Judged, judge
from scripts.fault_suite.plan import Planned, Settings, drill
from scripts.fault_suite.runs import folder_of, is_made, make
from scripts.fault_suite.score import Case

TINY: Settings = {
    "model.width": 32,
    "model.context": 16,
    "training.batch_size": 8,
    "data.train_sentences": 600,
    "data.val_sentences": 60,
}

LATEST_STEP = 100
"""Faults that must have shown by this step are tried; the slower ones are left to the full suite."""


@cache
def root() -> Path:
    """Where the runs lie; the operating system clears it."""
    return Path(mkdtemp(prefix="quick-faults-"))


def quick_faults() -> list[Fault]:
    """The faults that show early, at their default strength, and do not take their time."""
    return [kind() for kind in FAULTS.values() if kind.deadline_step <= LATEST_STEP and not kind.sleeps]


def quick_drill(fault: Fault) -> Planned:
    """A drill with a tiny model that ends soon after the fault's deadline."""
    planned = drill(fault, "quick", TINY, 0)
    length = fault.num_steps if fault.deadline_step > WARMUP_STEPS else 50
    settings = {**planned.settings, "training.T": length, "training.eval_tokens": 512, **fault.needs}
    return replace(planned, settings={**settings, "training.eval_every": 20})


@cache
def folder(name: str) -> Path:
    """The run with the fault of this name, made once."""
    return _made(quick_drill(FAULTS[name]()))


@cache
def twin(name: str) -> Path:
    """The same run without the fault; many faults share theirs."""
    planned = quick_drill(FAULTS[name]())
    shared = f"healthy-{sorted(planned.settings.items())}-{planned.resumes_at}"
    own = f"healthy-{hashlib.sha256(shared.encode()).hexdigest()[:12]}"
    return _made(replace(planned, name=own, faults=(), parsed=()))


@cache
def judged(path: Path) -> Judged:
    """What is said of a run."""
    return judge(path)


def case(name: str) -> Case:
    """The fault of this name, and what is said of its run."""
    planned = quick_drill(FAULTS[name]())
    return Case(planned, planned.parsed[0], judged(folder(name)))


def named_faults() -> list[str]:
    """Names of the quick faults of which the tree must name the cause."""
    return [fault.name for fault in quick_faults() if fault.sign == NAMED]


def _made(planned: Planned) -> Path:
    if not is_made(planned, root()):
        make(planned, root())
    return folder_of(planned, root())
