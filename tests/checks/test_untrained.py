"""Evaluations that cannot be right, in logs that do not tell the size of the vocabulary."""

import pytest

from flight_recorder.tui.checks.verdict import Level, State
from tests.checks.builders import judged, log, verdict

NO_V = {"vocab_size": None, "baseline_loss": None}


def _run(val: str) -> list[dict[str, object]]:
    return log(header=NO_V, loss="11 *0.998x400", evaluations={"val_loss": val})


def test_a_validation_loss_of_43_nats_beside_a_training_loss_of_11_is_no_overfitting() -> None:
    judge = judged(_run("43 44 45 46 47 48 49"))
    assert judge.causes[0][0] == "eval_broken"
    assert "overfit" not in [cause for cause, _ in judge.causes]
    assert verdict("D5.9", _run("43 44 45")).level is Level.ORANGE


@pytest.mark.parametrize(("val", "fires"), [("33.1 33.2", True), ("32.9 33.2", False), ("50 10 60", False)])
def test_three_times_the_first_training_loss_is_the_bound_for_the_best(val: str, fires: bool) -> None:
    assert (verdict("D5.9", _run(val)).state is State.FIRING) is fires


def test_where_v_is_known_the_uniform_level_judges() -> None:
    assert (
        verdict("D5.9", log(loss="6x200", evaluations={"val_loss": "43 44 45"})).state is State.NOT_APPLICABLE
    )
