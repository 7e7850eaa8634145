"""Losses that wander: of policies, of two players, of data that changed."""

from __future__ import annotations

import numpy as np
import pytest

from flight_recorder.tui.checks.signals.run_kind import run_kind
from flight_recorder.tui.checks.verdict import Level
from tests.checks.builders import judged, log


def _alarms(**curves: object) -> set[str]:
    """Checks that ever called for action."""
    return {id for _, id, _, level in judged(log(header=FOREIGN, **curves)).calls() if level >= Level.ORANGE}  # type: ignore[arg-type]


FOREIGN = {"vocab_size": None, "origin": None, "baseline_loss": None, "grad_clip": None}


def _walk(seed: int, count: int, size: float) -> np.ndarray:
    source = np.random.default_rng(seed)
    walk = np.cumsum(source.normal(size=count)) * size / np.sqrt(count)
    return np.exp(walk + 0.05 * source.normal(size=count))


@pytest.mark.parametrize("count", [120, 1500])
def test_of_losses_that_walk_at_random_hardly_any_drifts(count: int) -> None:
    drifts = [_alarms(loss=_walk(seed, count, 0.5).tolist()) & {"D5.5", "D5.8"} for seed in range(8)]
    assert sum(map(bool, drifts)) <= 1


@pytest.mark.parametrize("count", [150, 1500])
def test_a_loss_that_rises_steadily_through_its_noise_drifts(count: int) -> None:
    source = np.random.default_rng(1)
    rows = np.arange(count) / count
    level = np.where(rows < 0.4, 1.5 + np.exp(-rows * 20), 1.5 + 1.5 * (rows - 0.4))
    assert _alarms(loss=(level * np.exp(0.03 * source.normal(size=count))).tolist()) & {"D5.5", "D5.8"}


@pytest.mark.parametrize("count", [100, 600])
def test_a_loss_that_fell_to_its_goal_and_diverges_is_no_walk(count: int) -> None:
    source = np.random.default_rng(4)
    rows = np.arange(count) / count
    fallen = 3 + 5 / (1 + rows * 40)
    diverged = np.where(rows > 0.5, 8 - (8 - fallen) * np.exp(-(rows - 0.5) * 30), fallen)
    losses = diverged * np.exp(0.03 * source.normal(size=count))
    assert "D5.8" in _alarms(loss=losses.tolist())


def test_nats_of_a_known_vocabulary_never_wander() -> None:
    walk = next(w for seed in range(40) if (w := _walk(seed, 1500, 0.5))[-1] > 1.6 * w[300:].min())
    drifts = {
        size: [
            id for _, id, *_ in judged(log(header=FOREIGN | {"vocab_size": size}, loss=walk.tolist())).calls()
        ]
        for size in (None, 512)
    }
    assert "D5.8" in drifts[512] and "D5.8" not in drifts[None]


def test_the_loss_of_a_run_that_collects_reward_is_not_judged_by_its_rise() -> None:
    losses = np.linspace(0.1, 3, 1200) * np.exp(0.1 * np.random.default_rng(2).normal(size=1200))
    assert _alarms(loss=losses.tolist())
    assert not _alarms(loss=losses.tolist(), episode_reward=np.linspace(0, 200, 1200).tolist())


def test_a_training_loss_of_harder_data_is_acquitted_by_a_validation_loss_at_its_best() -> None:
    rows = np.arange(1500)
    losses = np.where(rows < 600, 2 + 2 * np.exp(-rows / 100), 2.8 + np.exp(-(rows - 600) / 100))
    falling = {"val_loss": (3 * 0.97 ** np.arange(29)).tolist()}
    assert "D5.5" in _alarms(loss=losses.tolist())
    assert not _alarms(loss=losses.tolist(), evaluations=falling) & {"D5.5", "D5.8"}


PLAYED = ("adversarial", "policy")


@pytest.mark.parametrize("name", ["d_loss", "loss/G", "train/policy_gradient_loss", "rollout/ep_rew_mean"])
def test_numbers_of_players_are_known_by_their_names(name: str) -> None:
    assert run_kind({}, [name]).name in PLAYED


@pytest.mark.parametrize("name", ["loss", "aux_loss", "grad_norm", "generated_tokens", "loss_scale"])
def test_other_names_are_of_no_players(name: str) -> None:
    assert run_kind({}, [name]).name not in PLAYED
