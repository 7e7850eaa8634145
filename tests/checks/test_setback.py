"""A loss that has gone back up, in logs too short for long means."""

from __future__ import annotations

import random

import pytest

from flight_recorder.tui.checks.verdict import Level, State
from tests.checks.builders import judged, log, verdict


def _noisy(levels: list[tuple[float, int]], noise: float) -> list[float]:
    source = random.Random(7)
    return [level + source.gauss(0, noise) for level, count in levels for _ in range(count)]


def test_forty_records_above_what_was_reached_are_a_setback() -> None:
    found = verdict("D5.8", log(loss=_noisy([(1.8, 30), (7.0, 41)], 0.1)))
    assert (found.state, found.level) == (State.FIRING, Level.ORANGE)
    assert "it has been 1.7" in found.evidence


@pytest.mark.parametrize(("after", "fires"), [(2.6, True), (2.4, False)])
def test_a_quarter_more_is_the_bound(after: float, fires: bool) -> None:
    found = verdict("D5.8", log(loss=_noisy([(2.0, 60), (after, 60)], 0.001)))
    assert (found.state is State.FIRING) is fires


def test_a_loss_whose_noise_is_as_large_as_itself_does_not_alarm() -> None:
    source = random.Random(3)
    losses = [source.expovariate(0.5) for _ in range(3000)]
    found = verdict("D5.8", log(loss=losses))
    assert (found.state, found.excused_by) == (State.EXCUSED, "within_noise")


def test_a_memorised_loss_that_moves_by_factors_is_no_setback() -> None:
    assert verdict("D5.8", log(loss="2x30 0.0001x60 0.005x60")).state is State.PASS


def test_nothing_that_is_not_finite_hides_a_setback() -> None:
    found = verdict("D5.8", log(loss="2x40 nanx5 4x60"))
    assert found.state is State.FIRING


def test_a_loss_that_climbs_steadily_is_named_a_drift() -> None:
    judge = judged(log(loss="6 *0.99x150 1.4 *1.003x200", header={"vocab_size": None}))
    assert judge.causes[0][0] == "drift"
