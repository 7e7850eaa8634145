"""D5.12 to D5.15: explosions and standstills of any unit, live within fifty records; honest runs quiet."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.signals.level_curve import LevelCurve, Shape
from flight_recorder.tui.checks.verdict import Level, State
from flight_recorder.tui.series.recording import Recording

Floats = np.ndarray[Any, np.dtype[np.float64]]
MINE = ("D5.12", "D5.13", "D5.14", "D5.15")


def _noisy(levels: Sequence[float] | Floats, noise: float, seed: int = 0) -> list[float]:
    draws = np.random.default_rng(seed).standard_normal(len(levels))
    return (np.asarray(levels) * np.exp(noise * draws)).tolist()


def _judged(losses: Sequence[float], rate: float | None, every: int = 1, **header: Any) -> Judge:
    rates = {} if rate is None else {"lr": rate}
    records = [
        {"kind": "step", "step": every * (i + 1), "loss": loss, **rates} for i, loss in enumerate(losses)
    ]
    recording = Recording()
    recording.extend([{"kind": "header", "format": 1, "source": "printed", **header}, *records])
    return Judge(recording)


def _said(judge: Judge) -> dict[str, Level]:
    return {v.check: v.level for v in judge.verdicts if v.check in MINE and v.state is State.FIRING}


def _decay(first: float, last: float, count: int, scale: float) -> Floats:
    return last + (first - last) * np.exp(-np.arange(count) / scale)


EXPLODED: dict[str, tuple[list[float], float | None]] = {
    "fine-tune": ([1.25, 1.3, *_noisy(_decay(35, 4.03, 78, 8), 0.03)], 5e-2),
    "from scratch": ([4.17, 4.9, 8.0, *_noisy(_decay(8, 4.02, 60, 6), 0.01)], 1.0),
    "squared error": ([3e-5, 4e-5, *_noisy(_decay(8e-3, 2e-4, 60, 8), 0.05)], None),
}


@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e5])
@pytest.mark.parametrize("name", EXPLODED)
def test_run_that_explodes_at_first_is_red_and_the_rate_to_blame(name: str, unit: float) -> None:
    losses, rate = EXPLODED[name]
    judge = _judged([unit * loss for loss in losses], rate)
    assert _said(judge)["D5.13"] is Level.RED
    assert judge.causes[0][0] == "lr_too_high"
    assert judge.headline is not None and judge.headline.causes[0] == "lr_too_high"


@pytest.mark.parametrize("name", EXPLODED)
def test_explosion_is_called_within_fifty_records(name: str) -> None:
    losses, rate = EXPLODED[name]
    assert _judged(losses[:50], rate).level >= Level.ORANGE


def test_large_rate_is_to_blame_for_a_rise_that_came_back() -> None:
    losses = [150.0, 370.0, *_noisy(_decay(330, 9.7, 28, 3), 0.05)]
    judge = _judged(losses, 2.0, 10, source="huggingface", pretrained=True)
    assert _said(judge) == {"D5.15": Level.ORANGE} and judge.causes[0][0] == "lr_too_high"
    assert not _said(_judged(losses, 1e-4, 10, source="huggingface", pretrained=True))


@pytest.mark.parametrize("start", [1.0, 1.2, 4.0])
def test_loss_that_stands_at_the_level_of_a_guess_is_orange(start: float) -> None:
    losses = _noisy([math.log(5) * start, *[math.log(5)] * 59], 0.004)
    judge = _judged(losses, 1.0, 10, source="huggingface", pretrained=True)
    assert _said(judge)["D5.14"] is Level.ORANGE and judge.causes[0][0] == "lr_too_high"


def test_loss_that_never_moves_has_never_learned() -> None:
    judge = _judged(_noisy([37.0] * 60, 0.02), None)
    assert _said(judge) == {"D5.14": Level.ORANGE} and judge.causes[0][0] == "never_learned"


@pytest.mark.parametrize("level", [2.0, 5.8e4])
def test_loss_that_is_one_value_throughout_is_red(level: float) -> None:
    judge = _judged([level] * 12, 1e-4, source="huggingface")
    assert _said(judge)["D5.14"] is Level.RED and judge.causes[0][0] == "never_learned"
    assert _said(_judged([0.0] * 12, 1e-4)).get("D5.14") is not Level.RED


def test_few_epochs_at_the_level_of_a_guess_suffice() -> None:
    losses = [0.7117, 0.7173, *_noisy([math.log(2)] * 18, 0.001)]
    assert _said(_judged(losses, None)) == {"D5.14": Level.ORANGE}


def test_numbers_at_the_ends_of_all_numbers_make_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for extremes in ([1.7e308, -1.7e308, 5e-324], [1.7e308, 1.6e308]):
            assert _shapes(np.array(extremes * 100), [64])


def test_run_that_loses_what_it_had_learned_has_diverged() -> None:
    losses = _noisy([*_decay(900, 200, 200, 40), *_decay(200, 700, 200, 40)], 0.05)
    judge = _judged(losses, None)
    assert _said(judge)["D5.12"] is Level.RED and judge.level is Level.RED
    assert not _said(_judged(losses[:200], None))
    assert "D5.12" in _said(_judged(losses[:250], None))


HONEST: dict[str, Callable[[int], list[float]]] = {
    "falls": lambda seed: _noisy(_decay(6, 2, 300, 60), 0.05, seed),
    "falls slowly": lambda seed: _noisy(3 * np.arange(1.0, 400) ** -0.1, 0.1, seed),
    "noisy": lambda seed: _noisy(_decay(2, 1.2, 200, 50), 0.4, seed),
    "flat and noisy": lambda seed: _noisy([2.0] * 100, 0.5, seed),
    "tiny": lambda seed: _noisy(_decay(1e-2, 1e-5, 300, 30), 0.2, seed),
    "hump of a warm-up": lambda seed: _noisy([*_decay(4, 8, 8, 3), *_decay(8, 2, 190, 15)], 0.03, seed),
    "passes ln 2": lambda seed: _noisy(np.linspace(1.2, 0.2, 200), 0.05, seed),
    "one spike": lambda seed: [
        *_noisy([2.0] * 20 + [1.0] * 50, 0.03, seed),
        90.0,
        *_noisy([1.0] * 50, 0.03, seed),
    ],
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", HONEST)
def test_honest_runs_are_left_alone_at_any_length(name: str, seed: int) -> None:
    losses = HONEST[name](seed)
    for count in (20, 50, 100, len(losses)):
        assert not _said(_judged(losses[:count], 1e-3)), count


def test_loss_of_players_and_signed_losses_are_left_alone() -> None:
    losses = EXPLODED["fine-tune"][0]
    assert not _said(_judged([loss - 2 for loss in losses], None))
    assert "D5.13" in _said(_judged(losses, None)) and not _said(
        _judged([*losses, -1.0, -2.0, *losses], None)
    )
    records = [{"kind": "step", "step": i, "loss": loss, "reward": 1.0} for i, loss in enumerate(losses)]
    recording = Recording()
    recording.extend([{"kind": "header", "format": 1, "source": "csv"}, *records])
    assert not _said(Judge(recording))


def test_validation_at_its_best_contradicts_a_divergence() -> None:
    losses = _noisy([*_decay(900, 200, 200, 40), *_decay(200, 700, 200, 40)], 0.05)
    recording = Recording()
    records = [{"kind": "step", "step": i, "loss": loss} for i, loss in enumerate(losses)]
    evaluations = [{"kind": "evaluation", "step": s, "val_loss": 3 - s / 200} for s in range(20, 400, 20)]
    recording.extend([{"kind": "header", "format": 1, "source": "csv"}, *records, *evaluations])
    assert "D5.12" not in _said(Judge(recording))


def _shapes(values: Floats, sizes: Sequence[int]) -> list[Shape]:
    curve, found, at, turn = LevelCurve(), [], 0, 0
    steps = np.arange(len(values))
    while at < len(values):
        size = sizes[turn % len(sizes)]
        found += list(curve.take(steps[at : at + size], values[at : at + size]))
        at, turn = at + size, turn + 1
    return found


@pytest.mark.parametrize("sizes", [[1], [7, 1, 64], [1000]])
def test_curve_is_the_same_however_the_series_is_cut(sizes: list[int]) -> None:
    values = np.array(_noisy(_decay(5, 1, 1000, 200), 0.1))
    values[[3, 400, 401]] = [np.nan, np.inf, 1e9]
    assert repr(_shapes(values, sizes)) == repr(_shapes(values, [len(values)]))


def test_curve_has_few_points_at_any_length() -> None:
    shapes = _shapes(np.array(_noisy(_decay(5, 1, 20_000, 4000), 0.1)), [5000])
    assert len(shapes) < 400 and all(len(shape.level) <= 32 for shape in shapes)
    assert math.exp(shapes[-1].first) == pytest.approx(5, rel=0.3)
