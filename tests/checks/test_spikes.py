import math

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from flight_recorder.tui.checks.signals.spike_finder import Spikes
from flight_recorder.tui.checks.verdict import Level, State
from tests.checks.builders import judged, log, verdict

NOISE = np.random.default_rng(0)


def _losses(size: int = 400, level: float = 2.0, noise: float = 0.03) -> list[float]:
    return (level * np.exp(noise * NOISE.standard_normal(size))).tolist()


def _with(spikes: dict[int, float], size: int = 400) -> list[float]:
    losses = _losses(size)
    for row, value in spikes.items():
        losses[row] = value
    return losses


def test_a_jump_that_comes_back_is_one_spike_and_never_above_yellow() -> None:
    judge = judged(log(loss=_with({200: 5.0}), grad_norm="1x200 30x1 1x199", lr="0.001x400"))
    found = next(v for v in judge.verdicts if v.check == "D2.1")
    assert [(span.first_step, span.last_step) for span in found.spans] == [(200, 200)]
    dynamics = [call for call in judge.calls() if call[1].startswith("D2")]
    assert [(step, symptom, level) for step, _, symptom, level in dynamics] == [
        (200, "loss spike", Level.YELLOW)
    ]


def test_an_incident_is_told_with_everything_that_the_log_says_of_it() -> None:
    told = verdict(
        "D2.1", log(loss=_with({200: 5.0}, 220), grad_norm="1x200 30x20", lr="0.001x220", batch="812x220")
    )
    for fact in ("step 200", "→ 5", "gradient norm 30", "lr 0.001", "batch 812", "float32"):
        assert fact in told.evidence


@pytest.mark.parametrize(("value", "fires"), [(2.7, True), (2.5, False)])
def test_a_spike_is_at_least_1_3_times_the_mean_before_it(value: float, fires: bool) -> None:
    losses = [2.0 + 0.001 * (row % 3) for row in range(100)]
    losses[80] = value
    assert bool(verdict("D2.1", log(loss=losses)).spans) is fires


def test_a_rise_of_a_third_in_a_loss_as_noisy_as_that_is_no_spike() -> None:
    losses = _losses(200, noise=0.2)
    losses[150] = 2.8
    assert not verdict("D2.1", log(loss=losses)).spans


def test_losses_printed_with_four_decimals_do_not_spike() -> None:
    assert not verdict("D2.1", log(loss="0.0001x100 0.0003 0.0001x20")).spans


def test_the_fall_of_an_honest_start_holds_no_spike() -> None:
    losses = [2 + 4.2 * math.exp(-row / 60) for row in range(400)]
    noisy = (np.array(losses) * np.exp(0.05 * NOISE.standard_normal(400))).tolist()
    assert not verdict("D2.1", log(loss=noisy)).spans


def test_a_spike_never_enters_the_baseline_of_the_next() -> None:
    spikes = {row: 5.0 for row in range(200, 240, 4)}
    found = Spikes().find(np.array(_with(spikes)), 0, 0)
    assert [spike.row for spike in found] == list(spikes)
    assert max(abs(spike.before - 2.0) for spike in found) < 0.1


def test_a_loss_that_has_moved_for_good_is_the_new_normal_after_a_while() -> None:
    found = Spikes().find(np.array(_losses(200) + _losses(400, level=5.0)), 0, 0)
    assert 200 <= found[0].row <= 201
    assert found[-1].row < 300


@pytest.mark.parametrize(
    ("rows", "fires"), [((150, 200, 250), True), ((150, 200, 380), False), ((150, 200), False)]
)
def test_three_spikes_in_200_steps_are_a_cluster(rows: tuple[int, ...], fires: bool) -> None:
    records = log(loss=_with(dict.fromkeys(rows, 5.0)))
    found = verdict("D2.2", records)
    assert (found.symptom == "cluster of spikes") is fires
    assert (found.level is Level.ORANGE) is (found.state is State.FIRING)


@pytest.mark.parametrize(("norm", "fires"), [(11.0, True), (9.0, False)])
def test_a_cluster_counts_spikes_that_the_gradient_confirms(norm: float, fires: bool) -> None:
    rows = (150, 200, 250)
    norms = [norm if row in rows else 1.0 for row in range(400)]
    found = verdict("D2.2", log(loss=_with(dict.fromkeys(rows, 5.0)), grad_norm=norms))
    assert (found.symptom == "cluster of spikes") is fires


@pytest.mark.parametrize(
    ("level", "size", "symptoms"),
    [
        (2.4, 500, set()),
        (2.6, 290, {"did not recover"}),
        (2.6, 500, {"did not recover", "still not recovered after 200 steps"}),
    ],
)
def test_a_loss_that_stays_up_after_its_jump_is_named_at_50_and_at_200_steps(
    level: float, size: int, symptoms: set[str]
) -> None:
    losses = [*_losses(200), 5.0, *_losses(size - 201, level=level)]
    judge = judged(log(loss=losses))
    assert {symptom for _, id, symptom, _ in judge.calls() if id == "D2.3"} == symptoms


@pytest.mark.parametrize(("norm", "length", "fires"), [(4.2, 10, True), (3.8, 10, False), (4.2, 9, False)])
def test_a_gradient_norm_that_runs_up_is_watched(norm: float, length: int, fires: bool) -> None:
    norms = [1.0] * 340 + [norm] * length + [1.0] * 5
    found = verdict(
        "D2.4", log(grad_norm=norms, header={"schedule": {"family": "cosine", "warmup_steps": 100}})
    )
    assert (found.symptom == "gradient norm runs up") is fires
    assert found.level <= Level.YELLOW


@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(st.integers(1, 90), min_size=1, max_size=12), st.integers(0, 2**16))
def test_spikes_do_not_depend_on_how_the_log_was_cut_up(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    losses = 2 * np.exp(0.05 * rng.standard_normal(700))
    losses[rng.choice(700, 12)] *= 3
    losses[rng.choice(700, 2)] = np.nan
    finder, found, start = Spikes(), [], 0
    while start < len(losses):
        for cut in cuts:
            first = max(start - 256, 0)
            found += finder.find(losses[first : start + cut], first, start - first)
            start += cut
    assert found == Spikes().find(losses, 0, 0)


def test_a_loss_that_goes_below_zero_has_no_spikes() -> None:
    losses = [0.02 * (-1) ** step for step in range(200)] + [0.5] + [0.02] * 100
    judge = judged(log(loss=losses))
    states = {
        found.check: found.state for found in judge.verdicts if found.check in {"D2.1", "D2.3", "Q4.1a"}
    }
    assert State.FIRING not in states.values() and State.RESOLVED not in states.values()
    assert states["Q4.1a"] is State.UNKNOWN


@pytest.mark.parametrize(("gap", "fires"), [(1, False), (20, True)])
def test_an_outlier_and_its_aftermath_are_one(gap: int, fires: bool) -> None:
    norms = [1.0] * 300
    for number in range(5):
        norms[150 + gap * number] = 40.0
    assert bool(verdict("Q3.2b", log(grad_norm=norms)).spans) is fires
