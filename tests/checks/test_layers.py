from typing import Any

import pytest

from flight_recorder.tui.checks.verdict import Level, State
from tests.checks.builders import judged, log, verdict

MATRICES = {"matrices": ["block_0_qkv", "block_1_qkv"]}


def _activations(*last: float) -> list[list[float]]:
    return [[0.1, 1.0, 1.0, 1.0]] + [list(last)] * 60


@pytest.mark.parametrize(
    ("growth", "symptom", "level"),
    [
        (101, "spectral norm grows without bound", Level.ORANGE),
        (99, "spectral norm has grown much", Level.YELLOW),
        (51, "spectral norm has grown much", Level.YELLOW),
        (49, "", Level.GREEN),
    ],
)
def test_spectral_norms_are_judged_by_their_growth(growth: float, symptom: str, level: Level) -> None:
    norms = [[0.1, 0.5], *[[0.1, 0.5 * growth]] * 3]
    found = verdict("D7.1", log(spectral_norm=norms, header=MATRICES))
    assert (found.symptom, found.level) == (symptom, level)


def test_the_growth_of_a_matrix_of_zeros_is_not_measured() -> None:
    norms = [[0.0, 0.5], *[[5.0, 0.5]] * 3]
    assert verdict("D7.1", log(spectral_norm=norms, header=MATRICES)).state is State.PASS


def test_the_matrix_that_grew_is_named() -> None:
    norms = [[0.1, 0.5], *[[0.1, 100.0]] * 3]
    assert "block_1_qkv" in verdict("D7.1", log(spectral_norm=norms, header=MATRICES)).evidence


@pytest.mark.parametrize(("value", "fires"), [(601.0, True), (599.0, False)])
def test_activations_that_explode_are_orange(value: float, fires: bool) -> None:
    found = verdict("D7.2", log(activation=_activations(0.1, 1.0, 1.0, value)))
    assert (found.symptom == "activations explode") is fires


@pytest.mark.parametrize(
    ("ratio", "state"), [(10.1, State.FIRING), (9.9, State.AMBER), (7.1, State.AMBER), (6.9, State.PASS)]
)
def test_blocks_out_of_balance_are_judged_by_their_ratio(ratio: float, state: State) -> None:
    assert verdict("D7.3", log(activation=_activations(0.1, 1.0, ratio, 1.0))).state is state
    assert verdict("D7.3", log(activation=_activations(0.1, ratio, 1.0, 1.0))).state is state


def test_the_embedding_and_the_final_normalization_are_apart_in_health() -> None:
    assert verdict("D7.3", log(activation=_activations(0.02, 0.1, 0.2, 6.0))).state is State.PASS


def test_a_layer_thirty_times_the_one_before_points_to_normalization_or_init() -> None:
    judge = judged(
        log(loss="6.2 -0.02x100", activation=[[0.1, 0.1, 0.1 * 30 ** (s / 100), 1.0] for s in range(101)])
    )
    found = next(v for v in judge.verdicts if v.check == "D7.3")
    assert (found.symptom, found.panel) == ("layers out of balance", "activation")
    assert {"no_normalization", "bad_init"} & set(found.causes)


@pytest.mark.parametrize(
    ("dead", "symptom", "level"),
    [
        (130, "many dead units", Level.ORANGE),
        (126, "dead units", Level.YELLOW),
        (52, "dead units", Level.YELLOW),
        (51, "", Level.GREEN),
    ],
)
def test_dead_units_are_judged_by_their_share(dead: int, symptom: str, level: Level) -> None:
    found = verdict("D7.4", log(dead_units=[float(dead)] * 5))
    assert (found.symptom, found.level) == (symptom, level)


@pytest.mark.parametrize(("count", "fires"), [(5, True), (4, False)])
def test_a_head_dead_at_five_measurements_is_dead(count: int, fires: bool) -> None:
    found = verdict("D7.5", log(dead_heads=[1.0] * count))
    assert (found.state is State.FIRING) is fires


@pytest.mark.parametrize(("dead", "level"), [(7, Level.YELLOW), (8, Level.ORANGE)])
def test_of_many_heads_a_twentieth_may_attend_to_one_token(dead: int, level: Level) -> None:
    found = verdict("D7.5", log(header={"num_heads": 144}, dead_heads=[float(dead)] * 5))
    assert found.level is level


def _classes(irregular: float) -> list[dict[str, Any]]:
    return log(loss="2x200", evaluations={"class_loss": [[2.0, irregular]] * 3})


@pytest.mark.parametrize(("irregular", "fires"), [(1.95, True), (1.97, False), (2.2, False)])
def test_irregular_ahead_of_regular_is_read_on_validation(irregular: float, fires: bool) -> None:
    found = verdict("D7.6", _classes(irregular))
    assert (found.symptom == "irregular ahead of regular") is fires
    assert found.level <= Level.YELLOW


def test_classes_of_another_corpus_have_no_order() -> None:
    records = log(loss="2x200", evaluations={"class_loss": [[2.0, 1.0]] * 3}, header={"classes": ["a", "b"]})
    assert verdict("D7.6", records).state is not State.FIRING


@pytest.mark.parametrize(("share", "fires"), [(0.24, True), (0.26, False)])
def test_both_classes_near_zero_early_point_to_the_mask(share: float, fires: bool) -> None:
    low = 2.58 * share
    losses = [[5.0, 5.2]] * 150 + [[low, low]] * 20
    found = verdict("D7.7", log(class_loss=losses))
    assert (found.causes[:1] == ("broken_mask",)) is fires


def test_a_tiny_training_set_is_memorised_and_its_mask_is_not_blamed() -> None:
    losses = [[5.0, 5.2]] * 150 + [[0.1, 0.1]] * 20
    found = verdict("D7.7", log(class_loss=losses, evaluations={"val_loss": "4.1x2"}))
    assert (found.state, found.excused_by) == (State.EXCUSED, "validation_is_high")
    assert found.reading == pytest.approx(0.1 / 2.58)
    assert verdict("D7.7", log(class_loss=losses, evaluations={"val_loss": "4.1 0.2"})).state is State.FIRING


def test_classes_memorised_late_are_no_sign_of_the_mask() -> None:
    losses = [[2.0, 2.2]] * 600 + [[0.1, 0.1]] * 50
    assert verdict("D7.7", log(class_loss=losses)).state is State.PASS


@pytest.mark.parametrize(("activation", "fires"), [([1, 38, 40, 1], False), ([1, 52, 54, 1], True)])
def test_a_block_may_lift_a_small_embedding_further_than_its_like(
    activation: list[float], fires: bool
) -> None:
    records = log(activation=[activation] * 4)
    assert (verdict("Q5.2e", records).state is State.FIRING) is fires
    assert verdict("Q5.2c", records).reading == activation[2] / activation[1]


@pytest.mark.parametrize(
    ("dead", "fires"),
    [("0 +20x8 160x40 -4x40 0x30", False), ("0x60 +4x40 160x30", True), ("160x10", True)],
    ids=["they come back", "they fall silent later", "they never spoke"],
)
def test_units_that_fall_silent_in_the_first_steps_may_come_back(dead: str, fires: bool) -> None:
    calls = {check for _, check, *_ in judged(log(dead_units=dead)).calls()}
    assert ("D7.4" in calls) is fires
