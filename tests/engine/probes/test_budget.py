from __future__ import annotations

from collections import Counter

import pytest

from flight_recorder.engine.probes.budget import LONGEST_STRETCH, Budget
from flight_recorder.engine.probes.cadence import GROUPS, Cadence

pytestmark = pytest.mark.torch

STEP_S = 1.0
COSTS = {
    "activation": 0.02,
    "dead": 0.01,
    "spectral_norm": 1.0,
    "optimizer": 0.5,
    "frozen": 0.1,
    "contract": 0.1,
}


def spend(
    num_steps: int,
    costs: dict[str, float],
    *,
    fixed: float = 0.0,
    pause_every: int = 0,
    cadence: Cadence | None = None,
) -> tuple[Counter[str], float, dict[str, list[int]]]:
    """How often each group was chosen over these steps, the share of all costs, and in which steps."""
    now = [0.0]
    budget = Budget(cadence or Cadence(), 0.04, clock=lambda: now[0])
    seconds: dict[str, float] = {"record": 0.0}
    steps: dict[str, list[int]] = {group: [] for group in GROUPS}
    for step in range(num_steps):
        for group in budget.choose(step, seconds):
            steps[group].append(step)
            seconds[group] = seconds.get(group, 0.0) + costs[group]
            now[0] += costs[group]
        seconds["record"] += fixed
        now[0] += STEP_S + fixed
        if pause_every and step % pause_every == 0:
            now[0] += 100 * STEP_S
    counts = Counter({group: len(chosen) for group, chosen in steps.items()})
    return counts, sum(seconds.values()) / (num_steps * STEP_S), steps


def test_what_is_cheap_keeps_its_cadence() -> None:
    cheap = {group: cost / 100 for group, cost in COSTS.items()}
    cadence = Cadence()
    _, _, steps = spend(200, cheap)
    assert steps == {group: [step for step in range(200) if cadence.is_due(group, step)] for group in GROUPS}


def test_what_is_dear_is_stretched_to_the_share() -> None:
    counts, share, _ = spend(2000, COSTS)
    assert 0.035 < share < 0.041
    assert all(counts[group] > 5 for group in GROUPS)


def test_what_an_evaluation_takes_is_not_earned() -> None:
    _, share, _ = spend(2000, COSTS, pause_every=25)
    assert share < 0.045


def test_the_first_steps_are_measured_at_any_price() -> None:
    _, _, steps = spend(20, {group: 100.0 for group in GROUPS})
    assert all(steps[group][:4] == [0, 1, 2, 3] for group in ("optimizer", "frozen"))
    assert all(0 in steps[group] for group in GROUPS)


def test_a_record_dearer_than_the_share_leaves_every_group_its_longest_stretch() -> None:
    cadence = Cadence()
    _, _, steps = spend(6000, COSTS, fixed=0.1)
    for group in GROUPS:
        gaps = [after - before for before, after in zip(steps[group], steps[group][1:], strict=False)]
        late = [gap for gap in gaps if gap > 10]
        assert set(late) == {LONGEST_STRETCH * getattr(cadence, group)}


def test_a_credit_is_spent_once() -> None:
    dear = ("spectral_norm", "optimizer")
    _, _, steps = spend(400, {group: 1.0 if group in dear else 0.0 for group in GROUPS})
    first, second = ({step for step in steps[group] if step >= Cadence().early} for group in dear)
    assert first and second and not first & second


def test_a_group_that_is_off_stays_off() -> None:
    counts, _, _ = spend(600, COSTS, cadence=Cadence(dead=0, spectral_norm=0))
    assert counts["dead"] == counts["spectral_norm"] == 0
