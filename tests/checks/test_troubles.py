"""Each kind of trouble is called by its cause in ten runs of any scale; healthy twins are quiet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.series.recording import Recording
from tests.checks.troubles import NUM_RUNS, REMARKS, TROUBLES, Curves, overfit_but_better, runs


def _judge(curves: Curves, every: int) -> Judge:
    recording = Recording()
    recording.extend(curves.records(every))
    return Judge(recording)


def _firing(judge: Judge) -> Any:
    return [(v.check, v.symptom, v.evidence) for v in judge.verdicts if v.level >= Level.ORANGE]


@pytest.mark.parametrize("kind", TROUBLES)
def test_trouble_of_any_scale_and_length_is_called_by_its_cause(kind: str) -> None:
    missed = {}
    for seed, (every, (sick, _)) in enumerate(runs(kind)):
        judge = _judge(sick, every)
        first = next((cause for cause, _ in judge.causes), "")
        if judge.level < Level.ORANGE or first not in TROUBLES[kind][1]:
            missed[seed] = (str(judge.level), [cause for cause, _ in judge.causes[:3]], _firing(judge))
    assert not missed, f"{len(missed)} of {NUM_RUNS}: {missed}"


@pytest.mark.parametrize("kind", TROUBLES)
def test_its_healthy_twin_is_quiet(kind: str) -> None:
    judges = [_judge(healthy, every) for every, (_, healthy) in runs(kind)]
    alarmed = {seed: _firing(judge) for seed, judge in enumerate(judges) if judge.level >= Level.ORANGE}
    assert not alarmed, alarmed


@pytest.mark.parametrize("kind", REMARKS)
def test_what_is_worth_a_look_is_no_green_and_its_twin_is(kind: str) -> None:
    levels = [
        (_judge(sick, every).level, _judge(healthy, every).level)
        for every, (sick, healthy) in runs(kind, REMARKS[kind])
    ]
    assert all(sick >= Level.YELLOW and healthy is Level.GREEN for sick, healthy in levels), levels


def test_validation_that_is_ruined_while_its_metric_improves_is_one_level_lower() -> None:
    levels = [
        (_judge(better, every).level, _judge(worse, every).level)
        for every, (better, worse) in runs("overfit but better", overfit_but_better)
    ]
    assert all(better is Level.ORANGE and worse >= Level.RED for better, worse in levels), levels


@pytest.mark.parametrize(
    ("message", "level"),
    [
        ("RuntimeError: Function 'MulBackward0' returned nan values in its 0th output.", Level.BLACK),
        ("RuntimeError: stack expects each tensor to be equal size", Level.GREEN),
    ],
)
def test_a_run_that_died_of_nan_says_so_first(message: str, level: Level) -> None:
    healthy = next(runs("diverged"))[1][1].records()
    ended = {"kind": "exit", "step": healthy[-1]["step"], "reason": "error", "message": message}
    recording = Recording()
    recording.extend([*healthy, ended])
    judge = Judge(recording)
    assert next(v.level for v in judge.verdicts if v.check == "D1.6") is level
    assert (judge.causes[0][0] == "nan") is (level is Level.BLACK)


def test_an_accuracy_that_never_rises_is_red_only_where_there_is_no_loss() -> None:
    source = np.random.default_rng(0)
    flat, rises = 0.1 + 0.005 * source.standard_normal(40), np.linspace(0.1, 0.7, 40)
    loss = 2.3 * np.exp(-np.arange(40) / 20)
    assert _judge(Curves({"accuracy": flat}), 1).level is Level.RED
    assert _judge(Curves({"accuracy": rises}), 1).level is Level.GREEN
    assert _judge(Curves({"accuracy": flat, "loss": loss}), 1).level < Level.ORANGE
