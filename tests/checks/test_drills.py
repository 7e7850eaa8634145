"""The four drill problems of reading the panels, as logs."""

from flight_recorder.tui.checks.documents.signatures import holding_now
from flight_recorder.tui.checks.verdict import Level
from tests.checks.builders import judged, log
from tests.checks.configurations import COSINE

FALL = "6.2 *0.99x112 2x400"


def test_drill_1_a_flat_rate_where_a_warm_up_is_declared_is_a_missing_warm_up() -> None:
    judge = judged(log(header={"schedule": COSINE}, loss="6.2 *0.98x14", lr="0.003"))
    assert judge.causes[0][0] == "no_warmup"
    assert judge.headline is not None and judge.headline.panel == "lr" and judge.headline.first_step == 0


def test_drill_1_a_rate_that_stays_flat_is_a_scheduler_that_never_steps() -> None:
    judge = judged(log(header={"schedule": COSINE}, loss=FALL, lr="0.003x200"))
    assert judge.causes[0][0] == "constant_lr"


def test_drill_1_without_a_declaration_a_flat_rate_is_only_a_note() -> None:
    judge = judged(
        log(loss=FALL, lr="0.003", evaluations={"val_loss": "4 3 2.5 2.2 2.1 2.05 2.04 2.03 2.02 2.01"})
    )
    assert judge.level is Level.GREEN and judge.headline is None
    assert [cause for cause, _ in judge.causes] == ["constant_lr", "no_warmup"]


def test_drill_2_lockstep_and_then_validation_flat_while_training_falls_is_overfitting() -> None:
    val = [6.0 * 0.93**n for n in range(30)] + [0.68 + 0.004 * n for n in range(30)]
    train = [6.0 * 0.93**n for n in range(60)]
    steps = [train[min(step // 100, 59)] for step in range(6000)]
    judge = judged(log(loss=steps, evaluations={"val_loss": val, "train_loss": train}, eval_every=100))
    assert judge.causes[0][0] == "overfit"
    found = [verdict for verdict in judge.verdicts if verdict.causes[:1] == ("overfit",) and verdict.spans]
    assert min(verdict.spans[0].first_step for verdict in found) >= 3000


def test_drill_3_both_classes_near_zero_without_a_gap_is_a_broken_mask() -> None:
    losses = [[max(6.2 * 0.97**step, 0.05)] * 2 for step in range(210)]
    judge = judged(log(loss=[row[0] for row in losses], class_loss=losses))
    assert judge.causes[0][0] == "broken_mask"
    assert any("no gap" in one.text for one in holding_now("class_loss", judge.verdicts))


def test_drill_4_a_block_thirty_times_as_loud_as_the_one_before_lacks_its_normalisation() -> None:
    quiet, loud = [1.0, 1.0, 1.1, 0.8], [1.0, 1.0, 30.0, 0.8]
    judge = judged(log(loss="6.2 *0.99x119", activation=[quiet] * 100 + [loud] * 20))
    assert judge.causes[0][0] in ("no_normalization", "bad_init")
    headline = judge.headline
    assert headline is not None and headline.panel == "activation" and headline.first_step == 100
    assert "panel 5" in headline.fix
