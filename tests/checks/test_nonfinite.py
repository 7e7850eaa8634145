import math
from typing import Any

import pytest

from flight_recorder.tui.checks.verdict import Level, State
from tests.checks.builders import judged, log, verdict


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_black_with_its_site_and_arithmetic(value: float) -> None:
    records = log(loss=[6.0, 5.0, value, value])
    records[3]["nonfinite_site"] = "block_1_out"
    found = verdict("D1.1", records)
    assert (found.level, found.first_step, found.causes[0]) == (Level.BLACK, 2, "nan")
    assert judged(records).causes[0][0] == "nan"


def test_the_first_bad_site_and_the_arithmetic_are_named() -> None:
    records = log(loss=[6.0, math.nan])
    records[-1]["nonfinite_site"] = "block_1_out"
    assert "first at block_1_out, in float32" in verdict("D1.1", records).evidence


def test_a_loss_of_0_beside_a_gradient_of_nan_is_a_masked_nan() -> None:
    assert (
        verdict("D1.1", log(loss="1 0x3", grad_norm=[1.0, math.nan, math.nan, math.nan])).level is Level.BLACK
    )


def test_a_loss_of_0_without_a_gradient_norm_is_memorised_not_masked() -> None:
    assert verdict("D1.1", log(loss="1 0x3")).state is State.PASS
    assert verdict("D1.1", log(loss="1 0x3", grad_norm="1 _x3")).state is State.PASS


@pytest.mark.parametrize(
    ("check", "bad", "good", "level"),
    [
        ("D1.1", {"loss": [1.0, math.nan]}, {"loss": "1x2"}, Level.BLACK),
        ("D1.2", {"grad_norm": [1.0, math.inf]}, {"grad_norm": "1x2"}, Level.RED),
        ("D1.3", {"activation": [[1.0, math.nan, 1, 1]]}, {"activation": [[1.0, 1, 1, 1]]}, Level.BLACK),
        ("D1.5", {"nonfinite_count": "0 1"}, {"nonfinite_count": "0x2"}, Level.ORANGE),
    ],
)
def test_each_leaf_has_a_log_that_fires_it_and_one_that_does_not(
    check: str, bad: dict[str, Any], good: dict[str, Any], level: Level
) -> None:
    fired, passed = verdict(check, log(**bad)), verdict(check, log(**good))
    assert (fired.state, fired.level) == (State.FIRING, level)
    assert passed.state is State.PASS


def test_a_validation_loss_that_is_not_finite_is_black() -> None:
    def found(val: list[float]) -> Level:
        return verdict("D1.4", log(loss="2x100", evaluations={"val_loss": val})).level

    assert found([2.0, math.nan]) is Level.BLACK
    assert found([2.0, 2.0]) is Level.GREEN


def test_an_infinite_gradient_under_a_loss_scale_is_skipped_and_no_fault() -> None:
    assert verdict("D1.2", log(grad_norm=[1.0, math.inf], loss_scale="65536x2")).state is State.PASS


def test_a_loss_scale_of_one_skips_nothing() -> None:
    assert verdict("D1.2", log(grad_norm=[1.0, math.nan], loss_scale="1x2")).level is Level.RED


def test_the_site_named_is_where_it_began_and_not_where_it_has_spread_to() -> None:
    records = log(loss="6 6 nanx2")
    records[3]["nonfinite_site"], records[4]["nonfinite_site"] = "block_1_out", "embed_out"
    assert "step 3, first at block_1_out at step 2" in verdict("D1.1", records).evidence
