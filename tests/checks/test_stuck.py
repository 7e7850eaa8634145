"""Runs that learn nothing, in logs that do not tell the size of the vocabulary."""

from typing import Any

import numpy as np
import pytest

from flight_recorder.tui.checks.verdict import Level, State
from tests.checks.builders import judged, log, series, verdict

FOREIGN: dict[str, Any] = {"vocab_size": None, "baseline_loss": None, "origin": None, "source": "jsonl"}


def _noisy(curve: list[float], share: float = 0.01) -> list[float]:
    noise = np.random.default_rng(1).normal(0, share, len(curve))
    return [round(value * (1 + float(one)), 6) for value, one in zip(curve, noise, strict=True)]


def _run(loss: list[float], **more: Any) -> list[dict[str, Any]]:
    return log(header={**FOREIGN, **more.pop("header", {})}, loss=_noisy(loss), **more)


FLAT = [2.303] * 400


def test_a_loss_that_stays_where_it_began_asks_for_action() -> None:
    judge = judged(_run(FLAT, lr="0.005x400"))
    assert judge.headline is not None and judge.headline.check == "D5.14"
    assert judge.headline.level is Level.ORANGE
    assert next(cause for cause, _ in judge.causes) == "never_learned"


def test_a_loss_that_jumps_at_the_first_update_and_stays_above_the_first_one_is_no_progress() -> None:
    assert verdict("D5.14", _run([2.27, 7.9] + [2.35] * 398)).state is State.FIRING


@pytest.mark.parametrize(("last", "fires"), [(2.25, True), (2.1, False)])
def test_a_twentieth_of_the_first_loss_is_progress(last: float, fires: bool) -> None:
    curve = np.linspace(2.303, last, 400).tolist()
    assert (verdict("D5.14", _run(curve)).state is State.FIRING) is fires


def test_nothing_is_said_before_thirty_steps() -> None:
    assert verdict("D5.14", _run(FLAT[:14])).state is not State.FIRING


def test_a_plateau_that_is_left_is_over() -> None:
    assert verdict("D5.14", _run(FLAT + [1.5] * 100)).state in (State.EXCUSED, State.RESOLVED)


def test_validation_that_falls_says_that_something_is_learned() -> None:
    found = verdict("D5.14", _run(FLAT, evaluations={"val_loss": "2.3 -0.1x7"}))
    assert found.state is State.EXCUSED


@pytest.mark.parametrize(
    "header", [{"origin": "fine-tune"}, {"pretrained": True}, {"vocab_size": 10}], ids=str
)
def test_fine_tunes_and_runs_whose_v_is_known_are_left_out(header: dict[str, Any]) -> None:
    assert verdict("D5.14", _run([8.0] * 400, header=header)).state is State.EXCUSED


@pytest.mark.parametrize(
    "curves",
    [
        {"loss": [2.0] * 100 + [-0.1] * 300},
        {"loss": [2.0] * 400, "first_step": 5000},
        {"loss": [2.0] * 400, "reward": "1x400"},
        {"loss": [2.0] * 400, "lr": "0.00001 +0.00001x399"},
    ],
    ids=["below zero", "resumed", "of a policy", "in its warm-up"],
)
def test_losses_that_may_honestly_stand_still_are_left_out(curves: dict[str, Any]) -> None:
    curves = {**curves, "loss": _noisy(curves["loss"])}
    assert verdict("D5.14", log(header=FOREIGN, **curves)).state is not State.FIRING


def test_a_noise_in_which_a_fall_could_hide_is_no_standstill() -> None:
    noise = _noisy(FLAT, 0.4)
    assert verdict("D5.14", log(header=FOREIGN, loss=noise)).state is not State.FIRING


def test_a_loss_that_wanders_does_not_stand_still() -> None:
    waves = [2.0 + 0.3 * (1 - np.cos(row / 60)) for row in range(400)]
    assert verdict("D5.14", _run(waves)).state is not State.FIRING


@pytest.mark.parametrize(
    ("train", "val", "fires"),
    [
        ("2.34x20", "2.35 -0.001x18", True),
        ("2.34x20", "2.35 -0.03x18", False),
        ("2.34 -0.02x19", "2.35x19", False),
    ],
    ids=["both stand still", "validation falls", "training falls"],
)
def test_a_run_of_a_line_an_epoch_stands_still_when_both_losses_do(train: str, val: str, fires: bool) -> None:
    records = log(
        header=FOREIGN,
        loss=_noisy([v for v in series(train) if v]),
        evaluations={"val_loss": val},
        eval_every=1,
    )
    assert (verdict("D5.14", records).state is State.FIRING) is fires


def test_a_loss_of_nothing_but_nan_for_long_raises_no_warning() -> None:
    found = verdict("D5.14", log(header={"vocab_size": None}, loss="3 -0.002x300 nanx600"))
    assert found.state is not State.FAILED
