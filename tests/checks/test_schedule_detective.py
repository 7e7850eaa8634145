import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from flight_recorder.tui.checks.schedules.detective import observed_schedule
from tests.checks.builders import judged, log

Rate = Callable[[float], float]


def _ramp(warmup: int, after: Rate, shift: int = 0, peak: float = 3e-3) -> Rate:
    return lambda t: peak * (t + shift) / warmup if t + shift < warmup else after(t)


def _cosine(total: int, start: int = 0, low: float = 3e-4, peak: float = 3e-3) -> Rate:
    def rate(t: float) -> float:
        gone = min(max((t - start) / (total - start), 0.0), 1.0)
        return low + (peak - low) * (1 + math.cos(math.pi * gone)) / 2

    return rate


def _linear(total: int, start: int = 0, peak: float = 3e-3) -> Rate:
    return lambda t: peak * min(max((total - t) / (total - start), 0.0), 1.0)


def _fine_tune(step: float) -> float:
    i = step - 1
    return 2e-4 * (math.log(i + 1) / math.log(10) if i < 10 else (200 - i) / 190)


def _found(rate: Rate, steps: range, digits: int | None = None) -> dict[str, Any]:
    values = [rate(float(step)) for step in steps]
    if digits is not None:
        values = [float(f"{value:.{digits - 1}e}") for value in values]
    found = observed_schedule(np.array(steps, np.float64), np.array(values))
    assert found is not None
    return found


DIGITS = pytest.mark.parametrize("digits", [None, 4, 5, 6])


@DIGITS
def test_the_mystery_of_the_fine_tune_is_a_logarithmic_warm_up_and_a_linear_decay(digits: int | None) -> None:
    found = _found(_fine_tune, range(1, 201), digits)
    assert found["family"] == "linear"
    assert found["parameters"] == {
        "lr_max": 2e-4,
        "warmup_kind": "logarithmic",
        "warmup_steps": 10,
        "lr_min": 0.0,
        "total_steps": 200,
        "lag": 1,
    }
    assert found["max_error"] < 3e-4
    assert found["words"] == "logarithmic warm-up over 10 steps, then linear decay to 0 at step 200"


def test_the_mystery_is_solved_from_the_printed_table_alone() -> None:
    steps = np.array([1, 2, *range(10, 201, 10)], np.float64)
    printed = np.array([round(_fine_tune(step), 8) for step in steps])
    found = observed_schedule(steps, printed)
    assert found is not None
    assert (found["parameters"]["warmup_steps"], found["parameters"]["total_steps"]) == (10, 200)
    assert found["parameters"]["warmup_kind"] == "logarithmic"


@DIGITS
@pytest.mark.parametrize("stride", [1, 10])
@pytest.mark.parametrize("warmup", [0, 95, 100])
def test_a_cosine_is_recovered_with_its_constants(digits: int | None, stride: int, warmup: int) -> None:
    rate = _ramp(warmup, _cosine(2000, warmup)) if warmup else _cosine(2000)
    found = _found(rate, range(0, 2000, stride), digits)
    assert found["family"] == "cosine"
    assert found["parameters"]["total_steps"] == 2000
    assert found["parameters"]["lr_max"] == pytest.approx(3e-3, rel=1e-3)
    assert found["parameters"]["lr_min"] == pytest.approx(3e-4, rel=2e-3)
    assert found["parameters"].get("warmup_steps", 0) == warmup


@DIGITS
def test_a_flat_tail_after_the_end_of_a_cosine_is_part_of_it(digits: int | None) -> None:
    found = _found(_ramp(100, _cosine(2000, 100)), range(3000), digits)
    assert (found["family"], found["parameters"]["total_steps"]) == ("cosine", 2000)


@DIGITS
def test_a_trainer_that_logs_after_counting_is_seen_as_a_lag_of_one(digits: int | None) -> None:
    rate = _ramp(100, _cosine(2000, 100))
    found = _found(lambda step: rate(step - 1), range(1, 2001), digits)
    assert found["parameters"]["lag"] == 1
    assert (found["parameters"]["warmup_steps"], found["parameters"]["total_steps"]) == (100, 2000)


@DIGITS
def test_half_a_cosine_is_a_cosine_of_the_whole_length(digits: int | None) -> None:
    found = _found(_ramp(100, _cosine(8000, 100)), range(5000), digits)
    assert (found["family"], found["parameters"]["total_steps"]) == ("cosine", 8000)


def test_a_tenth_of_a_cosine_is_a_cosine_with_an_end_nobody_knows() -> None:
    found = _found(_ramp(100, _cosine(8000, 100)), range(700), digits=4)
    assert (found["family"], found["parameters"]["total_steps"]) == ("cosine", None)


@DIGITS
@pytest.mark.parametrize("shift", [0, 1])
def test_linear_warm_up_and_decay_are_recovered(digits: int | None, shift: int) -> None:
    found = _found(_ramp(100, _linear(2000, 100), shift), range(2000), digits)
    assert found["family"] == "linear"
    assert (found["parameters"]["warmup_steps"], found["parameters"]["total_steps"]) == (100, 2000)


@DIGITS
def test_a_line_still_on_its_way_says_that_its_end_is_extrapolated(digits: int | None) -> None:
    found = _found(_ramp(100, _linear(2000, 100)), range(1000), digits)
    assert (found["family"], found["parameters"]["extrapolated"]) == ("linear", True)


@DIGITS
@pytest.mark.parametrize("stride", [1, 10])
def test_warm_up_plateau_and_decay_are_wsd(digits: int | None, stride: int) -> None:
    rate = _ramp(100, lambda t: 3e-3 * min(1.0, (2000 - t) / 400))
    found = _found(rate, range(0, 2000, stride), digits)
    assert found["family"] == "wsd"
    assert found["parameters"]["decay_start"] == pytest.approx(1600, abs=2)
    assert found["parameters"]["total_steps"] == 2000


@DIGITS
def test_before_its_decay_wsd_is_constant(digits: int | None) -> None:
    found = _found(_ramp(100, lambda t: 3e-3), range(1200), digits)
    assert (found["family"], found["parameters"]["warmup_steps"]) == ("constant", 100)


@DIGITS
@pytest.mark.parametrize("stride", [1, 10])
def test_exponential_decay_is_recovered(digits: int | None, stride: int) -> None:
    found = _found(lambda t: 1e-3 * 0.999**t, range(0, 2000, stride), digits)
    assert found["family"] == "exponential"
    assert found["parameters"]["decay_per_step"] == pytest.approx(0.999, abs=1e-6)


@DIGITS
@pytest.mark.parametrize("stride", [1, 50])
def test_inverse_square_root_is_recovered(digits: int | None, stride: int) -> None:
    found = _found(_ramp(100, lambda t: 1e-3 * math.sqrt(100 / t), peak=1e-3), range(0, 5000, stride), digits)
    assert (found["family"], found["parameters"]["warmup_steps"]) == ("inverse_sqrt", 100)


@pytest.mark.parametrize("stride", [1, 10])
def test_step_decay_is_recovered_with_its_milestones(stride: int) -> None:
    found = _found(lambda t: 1e-3 * 0.1 ** (t // 300), range(0, 1000, stride))
    assert found["family"] == "step"
    assert found["parameters"]["milestones"] == [300, 600, 900]
    assert found["parameters"]["factors"] == [0.1, 0.1, 0.1]


def test_a_rate_that_never_moves_is_constant() -> None:
    assert _found(lambda t: 3e-4, range(100))["family"] == "constant"
    assert _found(lambda t: 0.0, range(100))["parameters"] == {"lr_max": 0.0}


@pytest.mark.parametrize(
    "rate",
    [
        _ramp(100, lambda t: 3e-3),  # a prefix of a warm-up fits everything
        lambda t: 1e-3 * 1.001**t,
        lambda t: 1e-3 * (1 + 0.1 * math.sin(t)),
    ],
    ids=["still warming up", "creeping up", "wavering"],
)
def test_what_cannot_be_known_is_called_unknown(rate: Rate) -> None:
    assert _found(rate, range(90))["family"] == "unknown"


def test_a_cosine_restarted_is_no_known_family() -> None:
    rate = _cosine(500)
    assert _found(lambda t: rate(t % 500), range(2000))["family"] == "unknown"


def test_four_rates_are_too_few() -> None:
    assert _found(lambda t: 3e-4, range(4))["family"] == "unknown"


def test_the_report_has_what_was_declared_beside_what_was_found() -> None:
    rates = [_fine_tune(step) for step in range(1, 201)]
    report = judged(log(lr=rates, first_step=1, header={"schedule": {"family": "constant"}})).schedule
    assert report is not None
    assert report["declared"] == {"family": "constant"}
    assert report["observed"]["parameters"]["warmup_kind"] == "logarithmic"


def test_without_learning_rates_there_is_nothing_to_report() -> None:
    assert judged(log(loss="6x10")).schedule is None
