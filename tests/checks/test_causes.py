from flight_recorder.tui.checks.diagnosis.causes import EXPLAINS, REFUTES
from flight_recorder.tui.checks.tree import walk
from tests.checks.builders import judged, log
from tests.checks.configurations import COSINE, FRESH, cosine, linear

NAMED = {cause for check in walk() for leaf in check.leaves for cause in leaf.causes}


def test_what_explains_and_what_is_explained_are_causes_that_some_leaf_names() -> None:
    assert set(EXPLAINS) <= NAMED
    assert {effect for effects in EXPLAINS.values() for effect in effects} <= NAMED
    assert {cause for causes in REFUTES.values() for cause in causes} <= NAMED


def test_no_cause_explains_itself() -> None:
    assert all(cause not in effects for cause, effects in EXPLAINS.items())


def test_only_nodes_that_name_a_cause_or_measure_its_trace_refute_it() -> None:
    assert set(REFUTES) <= {check.id for check in walk()}


def test_a_proven_cause_stands_in_front_of_what_follows_from_it_however_loud_that_is() -> None:
    rates = [0.0] * 40
    records = log(
        header={"schedule": COSINE}, loss="6.2x40", lr=rates, num_frozen="64x40", frozen_names=[["a"]] * 40
    )
    causes = [cause for cause, _ in judged(records).causes]
    assert causes[0] == "zero_lr"
    assert "frozen_parameters" in causes


def test_a_measurement_of_the_weights_refutes_the_guess_from_the_loss() -> None:
    blind = judged(log(loss="9x3")).causes
    seen = judged(log(initial={"weights": FRESH}, loss="9x3")).causes
    assert blind[0][0] == "bad_init"
    assert seen[0][0] != "bad_init"
    proven = judged(log(initial={"weights": [linear(std=2.0)]}, loss="9x3")).causes
    assert proven[0] == ("bad_init", ("Q1.1a", "Q5.1a"))


def test_a_remark_ranks_below_what_asks_for_action() -> None:
    records = log(lr="0.003", loss="2x60", grad_norm="0.001x60")
    causes = [cause for cause, _ in judged(records).causes]
    assert causes.index("frozen_parameters") < causes.index("constant_lr")


def test_a_healthy_run_has_no_cause() -> None:
    steps = range(200)
    records = log(
        header={"schedule": COSINE},
        loss=[6.2 * 0.99**step for step in steps],
        lr=[cosine(step) for step in steps],
        evaluations={"val_loss": "4 3 2 1.5"},
    )
    assert judged(records).causes == []


def test_nan_is_blamed_on_half_precision_only_where_something_measured_it() -> None:
    judge = judged(log(header={"dtype": "bfloat16"}, loss="6 *0.99x99 nanx20", grad_norm="1x100 nanx20"))
    assert judge.causes[0][0] == "nan"
