import math
from collections.abc import Callable

import pytest

from flight_recorder.tui.checks.rule import Check
from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.checks.tree import every_check
from flight_recorder.tui.checks.verdict import Level, State, Verdict
from tests.checks.builders import judged, log, verdict
from tests.checks.configurations import CASES, COSINE, MEGATRON, Case, Records, cosine, scheduled, started
from tests.checks.dynamics import DYNAMICS
from tests.checks.test_exact_facts import CASES as EXACT_FACTS

ALL_CASES = (*CASES, *DYNAMICS)
OF_CURVES = ("D4.", "D5.", "D8.")
"""Sections that judge losses and metrics as curves: their sick and healthy runs are made from seeds."""
MINE = [check for check in every_check() if check.id[0] == "Q" or check.id.startswith("Panel")]
LITERAL = Thresholds({check.id: {} for check in every_check() if not check.shipped})


def _verdict(check: str, records: Records, silence: str = "") -> Verdict:
    return next(one for one in judged(records, LITERAL, silence).verdicts if one.check == check)


def _has_fired(case: Case, records: Records, silence: str = "") -> bool:
    called = {(check, symptom) for _, check, symptom, _ in judged(records, LITERAL, silence).calls()}
    return (case.check, case.symptom) in called


@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: f"{case.check}-{case.symptom}")
def test_each_leaf_fires_on_its_sick_log_and_not_on_its_well_one(case: Case) -> None:
    assert _has_fired(case, case.sick, case.silence)
    assert not _has_fired(case, case.well)


@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: f"{case.check}-{case.symptom}")
def test_a_leaf_that_fires_says_so_in_numbers(case: Case) -> None:
    found = _verdict(case.check, case.sick, case.silence)
    assert found.bound_text and found.reading is not None
    if not case.check.endswith("w"):
        assert any(character.isdigit() for character in found.evidence), found.evidence


def test_every_leaf_has_a_log_that_fires_it_and_one_that_does_not() -> None:
    declared = {
        (check.id, leaf.symptom)
        for check in every_check()
        for leaf in check.leaves
        if not check.id.startswith(OF_CURVES)
    }
    covered = {(case.check, case.symptom) for case in ALL_CASES}
    covered |= {(fact.check, fact.symptom) for fact in EXACT_FACTS}
    assert covered == declared


@pytest.mark.parametrize("check", MINE, ids=lambda check: str(check.id))
def test_a_log_with_nothing_but_a_clock_passes_no_node(check: Check) -> None:
    found = _verdict(check.id, log(header={"vocab_size": None}, time="1 +1x300"))
    assert found.state in (State.NOT_MEASURED, State.NOT_APPLICABLE, State.UNKNOWN), found


def _first_cause(records: Records) -> str:
    return judged(records).causes[0][0]


def test_a_schedule_that_runs_as_declared_is_green() -> None:
    judge = judged(scheduled(cosine, 400))
    assert judge.level is Level.GREEN, judge.headline


@pytest.mark.parametrize(
    ("cause", "records"),
    [
        ("no_warmup", scheduled(lambda s: cosine(max(s, 20)), 15)),
        ("constant_lr", scheduled(lambda s: 3e-3, 100)),
        ("zero_lr", scheduled(lambda s: 0.0, 5)),
        ("lr_too_high", scheduled(lambda s: 30 * cosine(s), 5)),
        ("lr_too_low", scheduled(lambda s: cosine(s) / 1000, 5)),
        ("step_decay", scheduled(lambda s: cosine(s) if s < 20 else 3e-3 * 0.5 ** (s // 50), 120)),
        ("wrong_total_steps", scheduled(lambda s: cosine(s, 300), 120)),
        ("warmup_off_by_one", scheduled(lambda s: cosine(s - 1) if s < 20 else cosine(s), 40)),
        ("scheduler_overstepped", scheduled(lambda s: cosine(3 * s), 10)),
        ("schedule_mismatch", scheduled(lambda s: cosine(s) * (1 + 1e-3 * s), 40)),
    ],
)
def test_each_slip_of_the_schedule_is_named_first(cause: str, records: Records) -> None:
    assert _first_cause(records) == cause


@pytest.mark.parametrize("factor", [2, 3, 4, 8, 16])
def test_a_scheduler_stepped_k_times_is_found_within_three_steps(factor: int) -> None:
    calls = judged(scheduled(lambda s: cosine(factor * s), 10)).calls()
    assert min(step for step, check, _, _ in calls if check == "Q2.2d") <= 2


@pytest.mark.parametrize("family", ["linear", "constant", "wsd", "step", "inverse_sqrt"])
def test_each_declared_family_is_compared_with_its_own_closed_form(family: str) -> None:
    from flight_recorder.engine.config import Training
    from flight_recorder.engine.model.schedule import declared_schedule

    declared = declared_schedule(Training(schedule=family, T=400, warmup=20, decay_every=100, cooldown=80))  # type: ignore[arg-type]
    header = {"schedule": declared.describe()}
    right = judged(log(header=header, lr=[declared(step) for step in range(400)]))
    assert right.level is Level.GREEN, right.headline
    wrong = judged(
        log(header=header, lr=[declared(step) * (1.01 if step == 300 else 1) for step in range(400)])
    )
    assert wrong.headline is not None and wrong.headline.check == "Q2.2a"


def test_a_foreign_log_that_prints_a_step_late_is_compared_with_the_step_before() -> None:
    lagging = {**COSINE, "warmup": "t / W"}
    rates = [3e-3 * min(step - 1, 20) / 20 if step <= 21 else cosine(step - 1) for step in range(1, 200)]
    header = {"schedule": lagging, "lr_lag": 1, "source": "huggingface"}
    assert judged(log(header=header, first_step=1, lr=rates)).level is Level.GREEN


def test_a_sum_over_tokens_is_told_from_a_bad_initialisation_by_the_weights() -> None:
    from tests.checks.configurations import FRESH, linear

    loud = log(initial={"weights": FRESH}, loss="6398x3", grad_norm="2855x3")
    assert _first_cause(loud) == "sum_reduction"
    bad = log(initial={"weights": [linear(std=2.0)]}, loss="49x3", grad_norm="110x3")
    assert _first_cause(bad) == "bad_init"


def test_embeddings_alone_too_large_are_not_called_a_bad_initialisation() -> None:
    from tests.checks.configurations import embedding, linear

    judge = judged(log(initial={"weights": [linear(), embedding(std=2.0)]}, loss="30x3"))
    assert judge.causes[0][0] == "embedding_scale"


def test_remarks_never_stand_in_front_of_damage() -> None:
    judge = judged(log(lr="0.003x60", loss="6x60", grad_norm="1x30 0x30 5x0" + " 0.001x60"))
    headline = judge.headline
    assert headline is not None and headline.symptom == "dead training"


def test_a_fine_tune_is_exempt_from_the_bounds_around_ln_v() -> None:
    judge = judged(log(header={"origin": "fine-tune"}, loss=[0.17 + 0.01 * (i % 3) for i in range(30)]))
    assert judge.level is Level.GREEN


def test_a_resumed_run_is_not_accused_of_a_loaded_checkpoint() -> None:
    assert judged(started(header={"origin": "fine-tune"}, num_loaded_tensors=3)).level is Level.GREEN


def test_targets_that_are_all_masked_are_seen_in_a_log_without_a_step_0() -> None:
    zero = log(first_step=10, loss="0x20", grad_norm="0x20")
    assert verdict("Q1.1b", zero).symptom == "loss is exactly zero"
    assert verdict("Q1.1b", log(first_step=10, loss="0x20", grad_norm="0.1x20")).symptom == ""
    assert verdict("Q1.1b", log(first_step=10, loss="0x20")).symptom == ""


UNDECLARED = {"planned_steps": None, "source": "jsonl"}


@pytest.mark.parametrize(("num_zero", "fires"), [(60, True), (12, False), (19, False)])
def test_a_rate_that_spends_a_third_of_the_run_at_zero_is_no_decay_that_has_ended(
    num_zero: int, fires: bool
) -> None:
    records = log(header=UNDECLARED, lr=f"0.0003007 -0.00001x30 0x{num_zero}")
    found = verdict("Q2.1e", records)
    assert (found.state is State.FIRING) is fires
    assert (found.excused_by == "too_few_records") is (num_zero == 19)


@pytest.mark.parametrize(("num_zero", "fires"), [(90, True), (70, False)])
def test_a_rate_that_is_zero_for_a_fifth_of_the_planned_steps_ran_out_too_early(
    num_zero: int, fires: bool
) -> None:
    judge = judged(log(lr=f"0.0031 -0.00001x300 0x{num_zero}"))
    assert any(cause == "wrong_total_steps" for cause, _ in judge.causes) is fires


def test_a_rate_of_which_few_digits_were_printed_is_not_zero() -> None:
    rates = [round(1e-4 * (1 + math.cos(math.pi * row / 200)) / 2, 4) for row in range(200)]
    assert rates.count(0.0) > 90
    found = verdict("Q2.1e", log(header=UNDECLARED, lr=rates))
    assert (found.state, found.excused_by) == (State.EXCUSED, "printed_too_coarsely")
    assert found.reading == rates.count(0.0) / len(rates)


def test_a_rate_of_zero_at_which_the_loss_falls_keeps_its_reading_and_its_excuse() -> None:
    found = verdict("Q2.1a", log(header=UNDECLARED | {"source": "printed"}, lr="0x100", loss="6 -0.03x99"))
    assert (found.state, found.reading, found.excused_by) == (State.EXCUSED, 0.0, "printed_too_coarsely")


def test_the_end_of_a_decay_is_read_as_soon_as_its_printed_digits_tell_it() -> None:
    declared = UNDECLARED | {"schedule": COSINE}
    exact = [cosine(step, total=800) for step in range(400)]
    printed = [round(rate, 7) for rate in exact]
    seen = [verdict("Q2.2e", log(header=declared, lr=rates)) for rates in (exact, printed)]
    assert [one.symptom for one in seen] == ["ends too late", "ends too late"]
    assert (seen[0].first_step or 0) < (seen[1].first_step or 0)


def test_a_loss_of_thousands_of_nats_a_token_is_a_sum_before_it_is_a_rate_that_is_too_high() -> None:
    records = log(header=MEGATRON, first_step=1, loss="2600 *0.995x100", grad_norm="2300 *0.98x100")
    assert _first_cause(records) == "sum_reduction"
    elsewhere = {**MEGATRON, "unit": None}  # a loss of unknown units
    assert verdict("Q1.1d", log(header=elsewhere, loss="2600 900x3")).state is State.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("norms", "fires"),
    [("4 +3x20 80x80", True), ("4 +3x20 80x40 8x40", False), ("4 +0.5x20 14x80", False)],
    ids=["they stay", "they come back", "they hardly grow"],
)
def test_gradients_that_rise_at_each_early_step_and_stay_are_never_set_to_zero(
    norms: str, fires: bool
) -> None:
    records = log(header={"grad_clip": None}, first_step=1, grad_norm=norms)
    assert (verdict("Q3.1d", records).symptom == "gradients add up") is fires
    assert (_first_cause(records) == "missing_zero_grad") if fires else True


def test_a_log_of_every_tenth_step_cannot_tell_whether_gradients_add_up() -> None:
    records = log(grad_norm="4 +3x20 80x80")
    for row, record in enumerate(records[1:]):
        record["step"] = 10 * row
    assert verdict("Q3.1d", records).symptom == ""


FOREIGN = {"source": "printed", "vocab_size": None, "origin": None}


@pytest.mark.parametrize(
    ("losses", "level"),
    [
        (lambda step: 1.5 + 0.02 * math.cos(7 * step), Level.RED),
        (lambda step: 1.3 + 0.2 * 0.99**step + 0.02 * math.cos(7 * step), Level.GREEN),
    ],
    ids=["the loss stays", "the loss falls"],
)
def test_a_rate_that_was_printed_as_zero_is_zero_only_if_nothing_is_learned(
    losses: Callable[[int], float], level: Level
) -> None:
    records = log(header=FOREIGN, lr="0x300", loss=[losses(step) for step in range(300)])
    found = {one.check: one for one in judged(records).verdicts}["Q2.1a"]
    assert (found.level if found.state is State.FIRING else Level.GREEN) is level, found


def test_the_first_rates_of_a_warm_up_may_be_printed_as_zero() -> None:
    records = log(header=FOREIGN, lr="0x15 0.0001x15 0.0002x300", loss="3 *0.99x300")
    assert "Q2.1a" not in {check for _, check, *_ in judged(records).calls()}


@pytest.mark.parametrize(("cooldown", "fires"), [(70, True), (4, False)])
def test_a_sudden_drop_before_a_long_cooldown_is_step_decay(cooldown: int, fires: bool) -> None:
    declared = {
        "family": "wsd",
        "lr_max": 3e-3,
        "lr_min": 0.0,
        "warmup": 10,
        "total_steps": 200,
        "cooldown_steps": cooldown,
    }
    records = log(header={"schedule": declared}, lr="0.0003 +0.0003x9 0.003x90 0.0015x100")
    assert any(cause == "step_decay" for cause, _ in judged(records).causes) is fires


@pytest.mark.parametrize(("warmup", "fires"), [(0, False), (20, True)])
def test_an_inverse_square_root_without_a_warm_up_may_fall_at_once(warmup: int, fires: bool) -> None:
    declared = {"family": "inverse_sqrt", "lr_max": 3e-3, "lr_min": 0.0, "warmup": warmup, "total_steps": 200}
    rates = [3e-3 / math.sqrt(max(1, step)) for step in range(200)]
    records = log(header={"schedule": declared}, lr=rates)
    assert ("Q2.1c" in {check for _, check, *_ in judged(records).calls()}) is fires


def test_a_norm_that_has_grown_without_a_steady_rise_keeps_its_number_and_its_excuse() -> None:
    found = verdict("Q3.1d", log(header={"grad_clip": None}, first_step=1, grad_norm="1x60 9x60"))
    assert (found.state, found.reading, found.excused_by) == (State.EXCUSED, 9.0, "no_steady_rise")


def test_a_leaf_that_is_not_meant_for_a_run_leaves_its_check_to_the_others() -> None:
    constant = {"schedule": {"family": "constant", "lr_max": 1e-3}}
    found = verdict("Q2.1b", log(header=constant, lr="0.001x50"))
    assert (found.state, found.evidence) == (State.NOT_APPLICABLE, "a constant rate is declared")
    assert verdict("Q2.1b", log(header={"schedule": COSINE}, lr="0.003x50")).state is State.FIRING
