import math
import random
from typing import Any

import numpy as np
import pytest

from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.signals.onset import evaluations_of, patience_stop
from flight_recorder.tui.checks.verdict import Level, State
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.series.recording import Recording
from tests.checks.builders import judged, log, verdict
from tests.checks.fine_tune_log import records, stdout_log


def _run(val: Any, train: Any, also: Any = (), **header: Any) -> list[dict[str, Any]]:
    """Evaluations every 50 steps; the training loss measured at each."""
    return log(
        loss="6.2 -0.05x80", evaluations={"val_loss": val, "train_loss": train}, also=also, header=header
    )


def _called(judge: Judge, check: str) -> dict[str, int]:
    """The step of the first call of each leaf of a check."""
    found: dict[str, int] = {}
    for step, id, symptom, _ in judge.calls():
        if id == check:
            found.setdefault(symptom, step)
    return found


FALLING = "2 -0.05x12"

LED, LEVEL = "2 1.8 1.62 1.46 1.33 1.22 1.13 1.06 1.02 1.005 1", "1x11"
"""Validation that comes down to 1 so smoothly that its noise is known, and a training loss beside it."""


def test_the_flags_of_the_fine_tune_appear_inside_their_windows_of_epochs() -> None:
    judge = judged(records())
    epochs = {symptom: step / 2 for step, id, symptom, _ in judge.calls() if id.startswith("D4")}
    levels = {symptom: level for _, id, symptom, level in judge.calls() if id.startswith("D4")}
    assert 15 <= epochs["validation no longer improves"] <= 20
    assert 20 <= epochs["validation loss climbs"] <= 30
    assert 30 <= epochs["validation loss 1.5 x its best"] <= 50
    assert 50 <= epochs["memorised"] <= 100
    assert [
        levels[symptom]
        for symptom in (
            "validation no longer improves",
            "validation loss climbs",
            "validation loss 1.5 x its best",
            "memorised",
        )
    ] == [Level.YELLOW, Level.ORANGE, Level.RED, Level.BLACK]


def test_the_fine_tune_has_no_higher_flag_before_its_window() -> None:
    for epoch, allowed in ((15, Level.GREEN), (20, Level.YELLOW), (30, Level.ORANGE), (50, Level.RED)):
        known = [
            row for row in records(declared=None) if row.get("step", 0) <= 2 * epoch and row["kind"] != "exit"
        ]
        flags = [v for v in judged(known).verdicts if v.check.startswith("D4")]
        assert max(v.level for v in flags) == allowed


def test_the_fine_tune_is_summed_up_in_the_numbers_of_its_post_mortem() -> None:
    summary = judged(records()).overfit
    assert summary is not None
    assert (summary["t_val_min"], summary["val_min"], summary["onset"]) == (30, 0.1376, 30)
    assert summary["t_val_min_interval"] == [30, 40]
    assert summary["called_at"] == 70
    assert summary["wasted_fraction"] == pytest.approx(0.85)
    assert summary["nearest_checkpoint_step"] - summary["t_val_min"] == 70
    assert summary["best_checkpoint_step"] is None
    assert summary["gap_final"] == pytest.approx(0.4918)
    assert summary["train_min"] == 0.0


def test_the_fine_tune_is_memorised_and_its_mask_is_not_blamed() -> None:
    judge = judged(records())
    assert judge.level is Level.BLACK
    causes = [cause for cause, _ in judge.causes]
    assert causes[0] == "memorised"
    assert not {"masked_targets", "broken_mask", "frozen_parameters", "nan"} & set(causes)
    assert "loss mask is not to blame" in verdict("D4.1", records()).fix


def test_patience_counts_evaluations_and_would_have_stopped_the_fine_tune_at_epoch_30() -> None:
    recording = judged(records()).recording
    assert patience_stop(evaluations_of(recording), 3) == 60
    assert patience_stop(evaluations_of(recording), 100) is None


def test_the_printed_log_of_the_fine_tune_gives_the_same_flags(tmp_path: Any) -> None:
    path = tmp_path / "train.out"
    path.write_text(stdout_log(), encoding="utf-8")
    recording = Recording()
    for batch in read_all(str(path)):
        recording.extend(batch.records)
    printed, direct = Judge(recording), judged(records(declared=None))
    dynamics = [call for call in printed.calls() if call[1].startswith("D4")]
    assert dynamics == [call for call in direct.calls() if call[1].startswith("D4")]
    assert dynamics


def test_training_loss_at_evaluations_goes_before_the_loss_of_steps() -> None:
    summary = judged(_run("2 1.9 1.8 1.9 2 2.1", "1.9 1.8 1.7 1.6 1.5 1.4")).overfit
    assert summary is not None
    assert (summary["train_min"], summary["t_train_min"]) == (1.4, 300)
    assert summary["gap_final"] == pytest.approx(0.7)


def test_no_onset_is_called_while_validation_falls() -> None:
    summary = judged(_run(FALLING, FALLING)).overfit
    assert summary is not None
    assert (summary["onset"], summary["called_at"], summary["wasted_fraction"]) == (None, None, 0.0)


def test_no_onset_is_called_when_training_rises_with_validation() -> None:
    summary = judged(_run("2 1.8 1.9 2 2.1 2.2", "2 1.7 1.8 1.9 2 2.1")).overfit
    assert summary is not None
    assert summary["onset"] is None


def test_the_onset_is_the_best_evaluation_and_the_third_risen_one_calls_it() -> None:
    summary = judged(_run(f"{LED} 1.01 1.03 1.06 1.1", "2 -0.05x14")).overfit
    assert summary is not None
    assert (summary["onset"], summary["called_at"]) == (550, 750)


def test_the_bottom_is_an_interval_of_evaluations_within_a_fiftieth_of_a_nat() -> None:
    summary = judged(_run("2.1 1.919 1.9 1.91 1.919 1.93 2", FALLING)).overfit
    assert summary is not None
    assert summary["t_val_min_interval"] == [100, 250]


def test_without_a_validation_loss_there_is_no_summary() -> None:
    assert judged(log(loss="2x100")).overfit is None


def test_the_best_checkpoint_is_the_one_marked_best() -> None:
    also = [
        {"kind": "checkpoint", "step": 100, "role": "best", "path": "b"},
        {"kind": "checkpoint", "step": 250, "role": "last", "path": "l"},
    ]
    summary = judged(_run("2 1.8 1.9 2 2.1", FALLING, also)).overfit
    assert summary is not None
    assert (summary["best_checkpoint_step"], summary["nearest_checkpoint_step"]) == (100, 100)


@pytest.mark.parametrize(
    ("check", "symptom", "fires", "passes"),
    [
        ("D4.1", "memorised", ("2 1 2.1x3", "1 1 0.019x3"), ("2 1 2.1x3", "1 1 0.021x3")),
        ("D4.1", "memorised", ("2 1 2.01x3", "1 1 0.01x3"), ("2 1 1.99x3", "1 1 0.01x3")),
        ("D4.2", "validation loss rises", (f"{LED} 1.021x3", f"{LEVEL} 0.8x3"), (f"{LED} 1.019x3", LEVEL)),
        ("D4.2", "validation loss rises", (f"{LED} 1.03x3", f"{LEVEL} 0.8x3"), (f"{LED} 1.03x2", LEVEL)),
        (
            "D4.2",
            "validation loss rises",
            (f"{LED} 1.03x3", f"{LEVEL} 0.9 0.8x2"),
            (f"{LED} 1.03x3", f"{LEVEL} 0.9 1 0.8"),
        ),
        (
            "D4.2",
            "validation loss 1.5 x its best",
            (f"{LED} 1.2 1.51", f"{LEVEL} 0.9 0.8"),
            (f"{LED} 1.2 1.49", f"{LEVEL} 0.9 0.8"),
        ),
        (
            "D4.3",
            "validation loss climbs",
            (f"{LED} 1.01 1.031", f"{LEVEL} 0.9 0.8"),
            (f"{LED} 1.01 1.029", f"{LEVEL} 0.9 0.8"),
        ),
        (
            "D4.3",
            "validation loss climbs",
            (f"{LED} 1.01 1.04", f"{LEVEL} 0.9 0.8"),
            (f"{LED} 1.05 1.04", f"{LEVEL} 0.9 0.8"),
        ),
        ("D4.4", "validation no longer improves", ("2 1 1x1", "1 1 0.979"), ("2 1 1x1", "1 1 0.981")),
        ("D4.4", "validation no longer improves", ("2 1 0.996", "1 1 0.9"), ("2 1 0.994", "1 1 0.9")),
    ],
)
def test_each_flag_fires_beyond_its_bound_and_not_within(
    check: str, symptom: str, fires: tuple[str, str], passes: tuple[str, str]
) -> None:
    assert symptom in _called(judged(_run(*fires)), check)
    assert symptom not in _called(judged(_run(*passes)), check)


def test_validation_that_flattens_while_training_goes_on_is_the_beginning_of_overfitting() -> None:
    steps = np.arange(60)
    val = [max(3 - 0.03 * s, 1.5) for s in steps]
    train = [3 - 0.03 * s for s in steps]
    judge = judged(_run(val, train))
    assert judge.causes[0][0] == "overfit"
    assert judge.level is Level.YELLOW


def test_validation_that_creeps_down_while_training_runs_away_has_stopped_improving() -> None:
    found = verdict("D4.4", _run("2 -0.0005x10", "2 -0.05x10"))
    assert found.symptom == "validation no longer improves"


def test_a_validation_loss_that_is_not_finite_is_left_to_the_dynamics_of_nan() -> None:
    found = verdict("D4.2", _run([2.0, 1.0, math.nan, 1.0], "2 1 0.9 0.8"))
    assert (found.state, found.reading) == (State.PASS, 0.0)


def test_a_checkpoint_that_a_later_one_of_its_name_replaced_is_not_kept() -> None:
    val, train = [2.0, 1.0, *[1.1 + 0.1 * n for n in range(14)]], [2 - 0.1 * n for n in range(16)]
    replaced = [{"kind": "checkpoint", "step": step, "role": "last", "path": "l"} for step in (100, 700)]
    assert verdict("D4.5", _run(val, train, replaced[:1])).state is State.PASS
    found = verdict("D4.5", _run(val, train, replaced))
    assert (found.symptom, found.state) == ("best checkpoint missing", State.FIRING)
    assert "nearest checkpoint at 700" in found.evidence


def test_a_missing_best_checkpoint_is_called_once_the_best_is_over() -> None:
    val, train = "2 1 1.1 1.2 1.3 1.4", FALLING
    far = [{"kind": "checkpoint", "step": 160, "role": "last", "path": "l"}]
    near = [{"kind": "checkpoint", "step": 149, "role": "periodic", "path": "p"}, *far]
    assert verdict("D4.5", _run(val, train, far)).symptom == "best checkpoint missing"
    assert verdict("D4.5", _run(val, train, near)).state is State.PASS
    assert verdict("D4.5", _run("2 1 1 1", train, far)).state is not State.FIRING


def test_compute_is_wasted_when_more_than_half_of_the_run_follows_its_best() -> None:
    late = verdict("D4.6", _run(f"{LED} *1.03x11", "2 -0.05x21"))
    assert (late.state, late.reading) == (State.PASS, 0.5)
    early = verdict("D4.6", _run(f"{LED} *1.03x12", "2 -0.05x22"))
    assert (early.symptom, early.level) == ("most of the compute was wasted", Level.YELLOW)


def test_a_validation_loss_that_swings_by_5_percent_needs_more_than_2_to_have_risen() -> None:
    source = random.Random(5)
    swinging = [0.15 * (1 + 0.05 * source.gauss(0, 1)) for _ in range(40)]
    falling = [0.15 * 0.99**n for n in range(40)]
    calm = judged(_run(swinging, falling))
    calls = [step for step, id, _, _ in calm.calls() if id in {"D4.2", "D4.3"}]
    assert not calls
    rising = [value * (1 + 0.03 * max(0, n - 20)) for n, value in enumerate(swinging)]
    assert {v.check for v in judged(_run(rising, falling)).verdicts if v.spans} >= {"D4.2"}


def _calls(val: Any, train: Any) -> list[str]:
    """Symptoms of overfitting, orange or above, that were ever called of these evaluations."""
    calls = judged(_run(list(val), list(train))).calls()
    return [what for _, id, what, level in calls if level >= Level.ORANGE and id.startswith(("D4", "Q4.2a"))]


@pytest.mark.parametrize("noise", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("seed", range(3))
def test_a_flat_validation_loss_that_is_all_noise_is_not_overfit(noise: float, seed: int) -> None:
    source = np.random.default_rng(seed)
    assert not _calls(1.5 * np.exp(noise * source.normal(size=120)), 2 * 0.99 ** np.arange(120))


def test_noise_about_a_validation_loss_that_has_reached_its_floor_is_not_overfit() -> None:
    source = np.random.default_rng(4)
    steps = np.arange(100)
    val = (1 + 1.5 * np.exp(-steps / 12)) * np.exp(0.05 * source.normal(size=100))
    assert not _calls(val, 2 * 0.98**steps)


def test_a_rise_of_validation_is_seen_through_2_percent_of_noise() -> None:
    source = np.random.default_rng(5)
    steps = np.arange(80)
    val = np.where(steps < 25, 1 + np.exp(-steps / 5), 1 + 0.01 * (steps - 25))
    assert _calls(val * np.exp(0.02 * source.normal(size=80)), 2 * 0.97**steps)


def test_a_validation_loss_that_crosses_zero_has_no_shares_of_its_best() -> None:
    val = [2.0, 1.0, 0.4, 0.1, 0.02, 0.08, 0.05, -0.2, -0.3, 0.1, 0.2, 0.3]
    train = [2.0, 1.0, 0.4, 0.1, -0.1, -0.2, -0.3, -0.4, -0.5, -0.6, -0.7, -0.8]
    assert not _calls(val, train)


def test_noise_of_validation_is_no_gap_once_training_costs_nothing() -> None:
    source = np.random.default_rng(6)
    val = 0.2 * np.exp(0.05 * source.normal(size=40))
    assert not _calls(np.concatenate([[2, 1, 0.5], val]), np.concatenate([[2, 1, 0.3], np.full(40, 1e-4)]))


def test_two_rises_by_a_fifth_are_plain_even_where_the_noise_is_not_known_yet() -> None:
    assert "validation loss climbs" in _calls([0.31, 0.38, 0.45], [0.4, 0.2, 0.1])
    assert not _calls([0.31, 0.33, 0.35], [0.4, 0.2, 0.1])


def test_validation_worse_than_ever_is_judged_when_training_goes_below_zero() -> None:
    val = "3.2 2.1 1.5 1.1 0.8 0.6 0.5 0.7 1.1 1.9 3.1 4.5 6.9 9.8 13.4 19.7"
    train = "3.1 2.0 1.4 1.0 0.7 0.4 0.2 0.1 -0.1 -0.3 -0.5 -0.7 -0.8 -0.9 -1.0 -1.1"
    judge = judged(log(loss="3x800", header=_ANY_LOSS, evaluations={"val_loss": val, "train_loss": train}))
    assert judge.level >= Level.RED and judge.causes[0][0] in ("overfit", "memorised")


def test_validation_near_its_zero_is_no_overfitting_while_training_goes_below_zero() -> None:
    val = "3.2 2.1 1.5 1.1 0.8 0.6 0.3 0.02 0.05 0.08 0.11 0.14 0.17 0.20 0.23 0.26"
    train = "3.1 2.0 1.4 1.0 0.7 0.4 0.2 -0.1 -0.1 -0.3 -0.5 -0.7 -0.8 -0.9 -1.0 -1.1"
    judge = judged(log(loss="3x800", header=_ANY_LOSS, evaluations={"val_loss": val, "train_loss": train}))
    assert not {id for _, id, *_ in judge.calls()} & {"D4.1", "D4.2", "D4.3"}


_ANY_LOSS = {"vocab_size": None, "baseline_loss": None, "origin": None}
