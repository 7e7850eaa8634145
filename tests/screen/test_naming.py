"""Runs are called by what tells them apart."""

from __future__ import annotations

import pytest

from flight_recorder.tui.run import Run
from flight_recorder.tui.screen.naming import name_apart, told_apart
from tests.screen.builders import batch, run_records


@pytest.mark.parametrize(
    "paths, names",
    [
        (["runs/lr1/metrics.jsonl", "runs/lr2/metrics.jsonl"], ["lr1", "lr2"]),
        (["a.jsonl", "b.jsonl"], ["a.jsonl", "b.jsonl"]),
        (["./x/a.csv", "x/b.csv"], ["a.csv", "b.csv"]),
        (["runs", "runs/a/log", "runs/b/log"], ["runs", "a/log", "b/log"]),
        (["r/a/b/log", "r/b/log"], ["a", "r/b/log"]),
        (["same", "same"], ["same", "same"]),
        (["/x/1/a/log", "/x/2/b/log"], ["1/a", "2/b"]),
        (["-", "x"], ["-", "x"]),
    ],
)
def test_paths_lose_what_they_share(paths: list[str], names: list[str]) -> None:
    assert told_apart(paths) == names


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
