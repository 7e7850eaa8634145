from flight_recorder.tui.checks.documents.signatures import HEALTHY, READING_ORDER, SIGNATURES, holding_now
from flight_recorder.tui.checks.tree import walk
from tests.checks.builders import judged, log

PANELS = {"loss", "lr", "grad_norm", "activation", "spectral_norm", "dead", "class_loss"}


def test_every_signature_names_nodes_that_exist() -> None:
    ids = {check.id: {leaf.symptom for leaf in check.leaves} for check in walk()}
    for signature in SIGNATURES:
        for name in signature.checks:
            check, _, symptom = name.partition(":")
            assert check in ids, signature
            assert not symptom or symptom in ids[check], signature


def test_every_panel_has_a_healthy_and_a_sick_look() -> None:
    assert {signature.panel for signature in SIGNATURES} == PANELS == set(HEALTHY)


def test_the_reading_order_begins_at_the_loss_and_visits_every_panel() -> None:
    assert READING_ORDER[0].panel == "loss"
    assert {look.panel for look in READING_ORDER} == PANELS


def test_a_flat_learning_rate_holds_on_its_panel_and_on_no_other() -> None:
    declared = {"schedule": {"family": "cosine", "lr_max": 0.003, "warmup_steps": 10, "total_steps": 400}}
    verdicts = judged(log(loss="6x40", lr="0.003x40", header=declared)).verdicts
    assert [one.text for one in holding_now("lr", verdicts)] == [
        "flat at lr_max from step 0: no warm-up, or a scheduler that never steps",
        "off the declared curve",
    ]
    assert not holding_now("activation", verdicts)
    assert not holding_now("lr", judged(log(loss="6x40", lr="0.003x40")).verdicts)
