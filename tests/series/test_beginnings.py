"""A recording in parts says at the end what it says as a whole."""

from __future__ import annotations

import math
from typing import Any

import pytest

from flight_recorder.tui import run
from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.series.beginnings import beginnings
from flight_recorder.tui.series.recording import Recording


def _recording() -> Recording:
    recording = Recording()
    header = {"kind": "header", "format": "1.0", "vocab_size": 512, "grad_clip": 1.0, "layers": ["a", "b"]}
    recording.extend([header, {"kind": "initial", "step": 0, "loss": 6.2}])
    for at in range(600):
        recording.extend([_step(at)])
        if at % 50 == 0:
            recording.extend([{"kind": "evaluation", "step": at, "val_loss": 2.0 + at / 300}])
        if at == 300:
            recording.extend([{"kind": "checkpoint", "step": at}, {"kind": "resume", "step": 280}])
            recording.extend([_step(again) for again in range(280, 301)])
    recording.extend([{"kind": "exit", "reason": "finished", "step": 600}])
    return recording


def _step(at: int) -> dict[str, Any]:
    record = {"kind": "step", "step": at, "loss": 5 * math.exp(-at / 90), "lr": 1e-3, "grad_norm": 1.0}
    if at % 10 == 0:
        record |= {"activation": [0.5, 0.1 + at / 50]}
    if at == 430:
        record |= {"loss": math.nan, "nonfinite_site": "a"}
    return record


def test_beginnings_grow_up_to_the_whole() -> None:
    whole = _recording()
    parts = list(beginnings(whole, 250))
    assert [len(part.steps) for part in parts] == [250, 500, 600]
    assert [len(part.evaluations) for part in parts] == [5, 9, 11]
    assert [len(part.steps["activation/b"]) for part in parts] == [25, 50, 60]
    assert [len(part.texts) for part in parts] == [0, 1, 1]
    assert parts[-1] is whole and parts[0].exit is None


def test_parts_share_the_arrays_of_the_whole() -> None:
    whole = _recording()
    part = next(beginnings(whole, 250))
    assert part.steps["loss"].values.base is whole.steps["loss"].values.base


@pytest.mark.parametrize("num_together", [61, 200, 10_000])
def test_verdicts_drawn_up_in_parts_are_those_on_the_whole(
    num_together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "JUDGED_TOGETHER", num_together)
    whole = _recording()
    in_parts, at_once = run.judged(whole, Thresholds()), Judge(whole)
    assert repr(in_parts.verdicts) == repr(at_once.verdicts)
    assert in_parts.calls() == at_once.calls()
    assert in_parts.recording is whole
