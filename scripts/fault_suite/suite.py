"""The suite at work: train what is missing, judge everything; what sleeps has processes of its own."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from scripts.fault_suite.health import why_not_healthy
from scripts.fault_suite.judging import Judged, judge
from scripts.fault_suite.live import differences
from scripts.fault_suite.plan import Planned
from scripts.fault_suite.runs import folder_of, is_made, make

PROCESSES = 2

SLEEPERS = 2
"""Processes beside them for drills that mostly sleep."""

R = TypeVar("R")


def train_missing(planned: Sequence[Planned], root: Path, processes: int = PROCESSES) -> int:
    """Every run is on disk that could be made; how many were missing."""
    root.mkdir(parents=True, exist_ok=True)
    missing = [run for run in planned if not is_made(run, root)]
    missing.sort(key=lambda run: -int(run.settings["training.T"]))
    for number, (run, seconds) in enumerate(_each(partial(_make, root=root), missing, processes), 1):
        _say(f"{number}/{len(missing)} {run.name} {seconds:.1f} s")
    return len(missing)


def set_aside(planned: Iterable[Planned], root: Path) -> dict[str, str]:
    """Healthy runs that did not come out healthy, by name, and why. Asked before anything is judged."""
    reasons = {run.name: why_not_healthy(folder_of(run, root)) for run in planned if run.is_healthy}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def judge_all(
    planned: Sequence[Planned], root: Path, cuts: int, processes: int = PROCESSES
) -> list[tuple[Planned, Judged]]:
    """What is said of every run, in the order of the plan; `cuts` seeds the cuts of the growing logs."""
    said = dict(_each(partial(_judge, root=root, cuts=cuts), planned, processes))
    return [(run, said[run.name]) for run in planned]


def _make(planned: Planned, root: Path) -> tuple[Planned, float]:
    """A run that breaks the program is a finding of its own: it is said, and the suite goes on."""
    started = time.perf_counter()
    try:
        make(planned, root)
    except Exception as error:
        _say(f"{planned.name}: {type(error).__name__}: {error}")
    return planned, time.perf_counter() - started


def _judge(planned: Planned, root: Path, cuts: int) -> tuple[str, Judged]:
    folder = folder_of(planned, root)
    return planned.name, replace(judge(folder), num_differences=differences(folder, f"{cuts} {planned.name}"))


def _each(work: Callable[[Planned], R], runs: Sequence[Planned], processes: int) -> Iterator[R]:
    """Results as they come, from processes of one thread each; drills that sleep have their own."""
    if len(runs) <= 1:
        yield from map(work, runs)
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context) as pool, ProcessPoolExecutor(SLEEPERS, context) as sleeping:
        tasks = [(sleeping if _sleeps(run) else pool).submit(work, run) for run in runs]
        for done in as_completed(tasks):
            yield done.result()


def _sleeps(planned: Planned) -> bool:
    return any(fault.sleeps for fault in planned.parsed)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
