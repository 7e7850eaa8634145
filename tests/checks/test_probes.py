from typing import Any

import pytest

from flight_recorder.tui.checks.verdict import Level, State
from tests.checks.builders import judged, log, verdict


def _start(**initial: Any) -> list[dict[str, Any]]:
    return log(loss="6x3", initial=initial)


@pytest.mark.parametrize(("moved", "fires"), [(1.1e-4, True), (0.9e-4, False), (0.0, False)])
def test_logits_that_move_before_a_changed_token_prove_a_broken_mask(moved: float, fires: bool) -> None:
    judge = judged(_start(causality=moved))
    assert (("broken_mask", ("P1",)) in judge.causes) is fires
    found = next(v for v in judge.verdicts if v.check == "P1")
    assert found.level is (Level.RED if fires else Level.GREEN)


def test_a_model_that_is_not_meant_to_be_causal_has_no_mask_to_break() -> None:
    records = log(loss="6x3", initial={"causality": 3.0}, header={"causal": False})
    assert verdict("P1", records).state is not State.FIRING


@pytest.mark.parametrize(
    ("shared", "level"), [(9, Level.ORANGE), (7, Level.YELLOW), (1, Level.YELLOW), (0, Level.GREEN)]
)
def test_validation_examples_in_training_are_a_leak(shared: int, level: Level) -> None:
    assert verdict("P2", _start(num_validation=400, num_validation_in_training=shared)).level is level


def _hashes(batches: list[int], **header: Any) -> list[dict[str, Any]]:
    return log(batch_hash=[f"{batch:08x}" for batch in batches], header=header)


def test_the_same_batch_every_step_is_proven_at_the_third() -> None:
    found = verdict("P3", _hashes([7] * 10))
    assert (found.symptom, found.level, found.first_step) == ("repeated batch", Level.RED, 1)


def test_one_batch_that_comes_twice_is_not_enough() -> None:
    assert not verdict("P3", _hashes([1, 2, 2, 3, 4, 5])).spans


def test_batches_that_take_turns_are_repeated_too() -> None:
    assert verdict("P3", _hashes([1, 2, 3] * 5)).state is State.FIRING


def test_a_second_epoch_in_the_same_order_is_honest() -> None:
    assert not verdict("P3", _hashes([*range(10), *range(10)], steps_per_epoch=10)).spans


def test_a_data_set_of_one_batch_has_no_choice() -> None:
    assert verdict("P3", _hashes([1] * 10, steps_per_epoch=1)).state is not State.FIRING


def test_ranks_with_different_parameters_are_out_of_sync() -> None:
    def found(*sums: str) -> tuple[State, Level]:
        told = verdict("P4", log(loss="6x60", evaluations={"parameter_checksums": [list(sums)]}))
        return told.state, told.level

    assert found("00000000000000aa", "00000000000000ab") == (State.FIRING, Level.RED)
    assert found("00000000000000aa", "00000000000000aa") == (State.PASS, Level.GREEN)


@pytest.mark.parametrize(("restored", "level"), [(False, Level.ORANGE), (True, Level.GREEN)])
def test_a_resume_says_whether_the_optimizer_came_back(restored: bool, level: Level) -> None:
    resume = {"kind": "resume", "step": 50, "optimizer_restored": restored}
    assert verdict("P5", log(loss="6x60", also=[resume])).level is level


@pytest.mark.parametrize(("drop", "fires"), [(11, True), (9, False)])
def test_a_step_counter_that_falls_betrays_a_new_optimizer(drop: int, fires: bool) -> None:
    counters = [*range(1, 101), *range(100 - drop, 130)]
    found = verdict("P6", log(adam_step=counters))
    assert (found.symptom == "the step counter fell") is fires
