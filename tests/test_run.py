"""A run, however its batches are taken in."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui import run as run_module
from flight_recorder.tui.follow.batch import Batch, Pulse
from flight_recorder.tui.run import Run
from tests.checks.builders import log


def _batches(records: list[Record], size: int) -> Iterator[Batch]:
    for at in range(0, len(records), size):
        yield Batch(tuple(records[at : at + size]), (), at, 0, Pulse.LIVE, "runlog")


def _records() -> list[Record]:
    rng = random.Random(0)
    records = log(
        loss=[6.2 * 0.99**step + rng.random() for step in range(400)],
        grad_norm=[rng.random() + 30 * (step % 90 == 89) for step in range(400)],
    )
    return [*records, {"kind": "resume", "step": 350}, *records[-50:]]


@pytest.mark.parametrize("together", [1, 64, 10_000])
def test_run_taken_in_whole_is_judged_as_one_that_came_in_pieces(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "JUDGED_TOGETHER", together)
    live, whole = Run("live"), Run("whole")
    for batch in _batches(_records(), 7):
        live.extend(batch)
    whole.extend_by_all(_batches(_records(), 19))
    assert repr(whole.judge.verdicts) == repr(live.judge.verdicts)
    assert whole.judge.calls() == live.judge.calls()
    assert any(verdict.symptom for verdict in live.judge.verdicts)
