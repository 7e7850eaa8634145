import math
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.verdict import Level, State
from flight_recorder.tui.series.recording import Recording
from tests.checks.builders import judged, log, verdict

LN_V = math.log(512)
JOURNAL_LN_V = math.log(50_304)


def _journal(perplexities: list[float], losses: tuple[float, float]) -> list[dict[str, Any]]:
    """A run of the two-run journal: training loss between two values, perplexities on held-out text."""
    loss = np.linspace(*losses, 180).tolist()
    return log(
        loss=loss,
        evaluations={"val_loss": [math.log(value) for value in perplexities]},
        eval_every=20,
        header={"vocab_size": 50_304, "grad_clip": None, "baseline_loss": None},
    )


@pytest.mark.parametrize(
    ("perplexities", "losses"),
    [
        ([2.55e19, 4e22, 6e25, 4.98e30], (10.9, 6.0)),
        ([5.07e18, 8e19, 2e20, 9e20, 2.39e21], (10.98, 6.58)),
    ],
    ids=["the run that exploded", "the run that was called healthy"],
)
def test_both_runs_of_the_journal_are_worse_than_uniform(
    perplexities: list[float], losses: tuple[float, float]
) -> None:
    judge = judged(_journal(perplexities, losses))
    found = next(v for v in judge.verdicts if v.check == "D5.2")
    assert (found.symptom, found.level) == ("worse than uniform", Level.RED)
    assert found.reading is not None and found.reading > 32
    assert {"eval_broken", "above_uniform"} <= {cause for cause, _ in judge.causes}
    assert judge.level >= Level.RED


def test_a_healthy_run_of_that_architecture_is_not_worse_than_uniform() -> None:
    records = _journal([59_435, 2_000, 700, 206], (10.98, 5.0))
    assert verdict("D5.2", records).state is State.PASS


@pytest.mark.parametrize(("over", "fires"), [(0.52, True), (0.48, False)])
def test_the_validation_loss_may_start_half_a_nat_over_uniform(over: float, fires: bool) -> None:
    found = verdict("D5.2", log(loss="6x60", evaluations={"val_loss": [LN_V + over]}))
    assert (found.state is State.FIRING) is fires


def test_an_evaluation_that_never_worked_is_broken_and_no_overfitting() -> None:
    val = {"val_loss": "6.5 8.9 9.9 11.2 11.3 11.7", "train_loss": "4.8 3.2 2.7 2.5 2.3 2.2"}
    judge = judged(log(loss="6.2 *0.99x299", evaluations=val))
    assert [cause for cause, _ in judge.causes] == ["eval_broken", "above_uniform"]


@pytest.mark.parametrize(("over", "fires"), [(0.52, True), (0.48, False)])
def test_an_evaluation_that_has_worked_is_not_blamed_when_validation_is_ruined(
    over: float, fires: bool
) -> None:
    records = log(loss="6.2 *0.99x299", evaluations={"val_loss": [5.0, 4.0, LN_V + over]})
    blamed = verdict("D5.2", records)
    assert blamed.state is (State.EXCUSED if fires else State.PASS)
    assert blamed.excused_by == ("learned_before" if fires else "")
    found = verdict("D5.7", records)
    assert (found.state is State.FIRING) is fires
    assert (found.symptom == "worse than uniform again") is fires
    assert "eval_broken" not in dict(judged(records).causes)


@pytest.mark.parametrize(("over", "fires"), [(0.52, True), (0.48, False)])
def test_a_training_loss_above_uniform_for_twenty_steps_is_red(over: float, fires: bool) -> None:
    losses = [6.2] * 150 + [LN_V + over] * 60
    found = verdict("D5.1", log(loss=losses))
    assert (found.symptom == "worse than a uniform guess") is fires


def test_a_peak_in_the_first_hundred_steps_is_no_verdict_of_the_whole() -> None:
    assert verdict("D5.1", log(loss="6.2x20 9x40 5x200")).state is State.PASS


@pytest.mark.parametrize(("loss", "fires"), [(LN_V - 0.15, True), (LN_V + 0.4, True), (LN_V - 0.25, False)])
def test_a_loss_that_never_leaves_chance_is_red_from_scratch(loss: float, fires: bool) -> None:
    found = verdict("D5.3", log(loss=[loss] * 300))
    assert (found.symptom == "chance plateau") is fires
    assert verdict("D5.3", log(loss=[loss] * 300, header={"origin": "fine-tune"})).state is not State.FIRING


@pytest.mark.parametrize(("loss", "fires"), [(3.8, True), (3.5, False)])
def test_a_loss_stuck_far_above_the_baseline_has_learned_frequencies_only(loss: float, fires: bool) -> None:
    found = verdict("D5.4", log(loss=[6.0] * 100 + [loss] * 700))
    assert (found.symptom == "stuck far above the n-gram baseline") is fires


def test_a_loss_that_still_falls_is_given_time() -> None:
    losses = [6.2 * math.exp(-row / 4000) for row in range(800)]
    found = verdict("D5.4", log(loss=losses))
    assert (found.state, found.excused_by) == (State.EXCUSED, "still_falling")


@pytest.mark.parametrize(
    ("rise", "symptom", "level"),
    [
        (1.11, "loss drifts upwards", Level.ORANGE),
        (1.09, "loss creeps upwards", Level.YELLOW),
        (1.05, "loss creeps upwards", Level.YELLOW),
        (1.03, "", Level.GREEN),
    ],
)
def test_a_mean_loss_above_its_lowest_drifts(rise: float, symptom: str, level: Level) -> None:
    found = verdict("D5.5", log(loss=[2.0] * 700 + [2.0 * rise] * 400))
    assert (found.symptom, found.level) == (symptom, level)


@pytest.mark.parametrize(("fall", "fires"), [(4e-4, True), (6e-4, False)])
def test_an_honest_plateau_is_watched_and_no_more(fall: float, fires: bool) -> None:
    losses = [2.0 * (1 - fall / 200) ** row for row in range(2200)]
    found = verdict("D5.6", log(loss=losses, lr="0.001x2200"))
    assert (found.symptom == "plateau") is fires
    assert found.level <= Level.YELLOW


def test_nothing_moves_at_the_end_of_a_schedule_and_nothing_should() -> None:
    lr = [1e-3] * 1000 + [5e-5] * 1200
    assert verdict("D5.6", log(loss="2x2200", lr=lr)).state is not State.FIRING


def _cut(records: list[dict[str, Any]], cuts: list[int]) -> Judge:
    recording = Recording()
    judge = Judge(recording)
    start = turn = 0
    while start < len(records):
        end = start + cuts[turn % len(cuts)]
        recording.extend([dict(record) for record in records[start:end]])
        judge.update()
        start, turn = end, turn + 1
    return judge


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(st.integers(1, 200), min_size=3, max_size=6), st.integers(0, 2**16))
def test_the_dynamics_do_not_depend_on_how_the_log_was_cut_up(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = 700
    loss = 2 * np.exp(0.05 * rng.standard_normal(size) + np.maximum(np.arange(size) - 400, 0) / 1000)
    loss[rng.choice(size, 5)] *= 4
    loss[rng.choice(size, 1)] = np.nan
    norm = np.exp(0.5 * rng.standard_normal(size))
    records = log(
        loss=loss.tolist(),
        grad_norm=norm.tolist(),
        lr=np.linspace(1e-3, 0, size).tolist(),
        step_s=(0.01 * np.exp(rng.standard_normal(size))).tolist(),
        time=np.cumsum(np.exp(3 * rng.standard_normal(size))).tolist(),
        skipped_updates=np.cumsum(rng.random(size) < 0.1).tolist(),
        loss_scale=(2.0 ** rng.integers(0, 20, size)).tolist(),
        batch_hash=[f"{value:08x}" for value in rng.integers(0, 9, size)],
        adam_step=rng.integers(0, 99, size).tolist(),
        activation=np.exp(rng.standard_normal((size, 4))).tolist(),
        dead_units=rng.integers(0, 200, size).tolist(),
        dead_heads=rng.integers(0, 2, size).tolist(),
        class_loss=np.exp(rng.standard_normal((size, 2))).tolist(),
        evaluations={
            "val_loss": (2 + rng.random(14).cumsum()).tolist(),
            "class_loss": np.exp(rng.standard_normal((14, 2))).tolist(),
        },
        also=[{"kind": "checkpoint", "step": 700, "role": "last", "path": "l"}],
    )
    whole, piecewise = judged(records), _cut(records, cuts)
    ours = [v for v in whole.verdicts if v.check[0] in "DP"]
    assert ours == [v for v in piecewise.verdicts if v.check[0] in "DP"]
    assert piecewise.calls() == whole.calls()
    assert piecewise.overfit == whole.overfit


def test_a_loss_that_comes_back_up_has_learned_more_than_frequencies() -> None:
    records = log(loss="6.2 *0.99x110 2.1x200 *1.003x340", header={"baseline_loss": 2.2})
    judge = judged(records)
    assert "shuffled_labels" not in dict(judge.causes)
    assert judge.causes[0][0] == "drift"
