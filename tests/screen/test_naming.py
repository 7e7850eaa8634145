"""Runs are called by what tells them apart."""

from __future__ import annotations

from flight_recorder.tui.run import Run
from flight_recorder.tui.screen.naming import name_apart
from tests.screen.builders import batch, run_records


def _run(path: str, name: str) -> Run:
    run = Run(path)
    run.extend(batch(run_records(2, name=name)))
    return run


def test_a_name_of_its_own_counts_and_one_of_many_does_not() -> None:
    runs = [_run("r/1/log", "train"), _run("r/2/log", "train"), _run("r/3/log", "tuned")]
    name_apart(runs)
    assert [run.name for run in runs] == ["1", "2", "tuned"]


def test_a_run_alone_keeps_its_name() -> None:
    run = _run("r/1/log", "train")
    name_apart([run])
    assert run.name == "train"
