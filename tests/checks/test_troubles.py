"""Each kind of trouble is called by its cause in ten runs of any scale; healthy twins are quiet."""

from __future__ import annotations

from typing import Any

import pytest

from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.series.recording import Recording
from tests.checks.troubles import NUM_RUNS, TROUBLES, Curves, runs


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
