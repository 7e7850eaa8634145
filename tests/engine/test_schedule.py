"""The learning rate as a pure function of the step."""

from __future__ import annotations

import pytest

from flight_recorder.engine.config import Training
from flight_recorder.engine.model.schedule import Schedule, declared_schedule


def _schedule(**keys: object) -> Schedule:
    return declared_schedule(Training.model_validate({"T": 8000, **keys}))


FAMILIES = ["cosine", "linear", "constant", "step", "wsd", "inverse_sqrt"]


@pytest.mark.parametrize("family", FAMILIES)
def test_warm_up_rises_by_equal_steps_and_ends_at_lr_max(family: str) -> None:
    lr = _schedule(schedule=family)
    assert lr(0) == pytest.approx(3e-5)
    assert lr(49) == pytest.approx(1.5e-3)
    assert lr(99) == lr(100) == pytest.approx(3e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_without_warm_up_step_0_is_at_lr_max(family: str) -> None:
    assert _schedule(schedule=family, warmup=0)(0) == pytest.approx(3e-3)


def test_the_cosine_of_the_overfit_lab_reads_2_633e_3_at_step_2000_and_is_halfway_at_4050() -> None:
    lr = _schedule()
    assert lr(2000) == pytest.approx(2.633e-3, abs=5e-7)
    assert lr(4050) == pytest.approx((3e-3 + 3e-4) / 2)
    assert lr(8000) == pytest.approx(3e-4)


def test_linear_is_halfway_in_the_middle_of_what_follows_warm_up() -> None:
    lr = _schedule(schedule="linear")
    assert lr(4050) == pytest.approx((3e-3 + 3e-4) / 2)
    assert lr(8000) == pytest.approx(3e-4)


def test_constant_never_moves_after_warm_up() -> None:
    lr = _schedule(schedule="constant")
    assert {lr(step) for step in (100, 4000, 8000)} == {3e-3}


def test_step_decay_drops_by_its_factor_and_stops_at_lr_min() -> None:
    lr = _schedule(schedule="step", decay_every=500, decay_factor=0.5)
    assert lr(599) == 3e-3
    assert lr(600) == pytest.approx(1.5e-3)
    assert lr(1100) == pytest.approx(0.75e-3)
    assert lr(7999) == 3e-4


def test_wsd_is_stable_until_its_cooldown_and_ends_at_lr_min() -> None:
    lr = _schedule(schedule="wsd", cooldown=200)
    assert lr(7800) == 3e-3
    assert lr(7900) == pytest.approx((3e-3 + 3e-4) / 2)
    assert lr(8000) == pytest.approx(3e-4)


def test_inverse_square_root_halves_at_four_times_the_warm_up() -> None:
    lr = _schedule(schedule="inverse_sqrt", lr_min=0)
    assert lr(400) == pytest.approx(1.5e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_beyond_the_last_step_the_rate_stays(family: str) -> None:
    lr = _schedule(schedule=family)
    assert lr(9000) == lr(8000)


@pytest.mark.parametrize(
    ("family", "constants"),
    [
        ("cosine", set()),
        ("step", {"decay_every", "decay_factor"}),
        ("wsd", {"cooldown_steps"}),
    ],
)
def test_the_description_holds_every_constant_of_the_family(family: str, constants: set[str]) -> None:
    always = {"family", "lr_max", "lr_min", "warmup_steps", "warmup", "total_steps"}
    assert set(_schedule(schedule=family).describe()) == always | constants
