from flight_recorder.tui.checks.documents.signatures import READING_ORDER, SIGNATURES, holding_now
from flight_recorder.tui.checks.tree import walk
from flight_recorder.tui.panels.registry import PANELS
from tests.checks.builders import judged, log

IDS = {panel.id for panel in PANELS}


def test_every_signature_names_nodes_that_exist() -> None:
    ids = {check.id: {leaf.symptom for leaf in check.leaves} for check in walk()}
    for signature in SIGNATURES:
        for name in signature.checks:
            check, _, symptom = name.partition(":")
            assert check in ids, signature
            assert not symptom or symptom in ids[check], signature


def test_every_sick_look_is_of_a_panel_and_every_panel_has_a_healthy_one() -> None:
    assert {signature.panel for signature in SIGNATURES} <= IDS
    assert all(panel.healthy for panel in PANELS)


def test_the_reading_order_begins_at_the_loss_and_visits_every_panel() -> None:
    assert READING_ORDER[0].panel == "loss"
    assert {look.panel for look in READING_ORDER} == {one.panel for one in SIGNATURES}


def test_a_flat_learning_rate_holds_on_its_panel_and_on_no_other() -> None:
    declared = {"schedule": {"family": "cosine", "lr_max": 0.003, "warmup_steps": 10, "total_steps": 400}}
    verdicts = judged(log(loss="6x40", lr="0.003x40", header=declared)).verdicts
    assert [one.text for one in holding_now("lr", verdicts)] == [
        "flat at lr_max from step 0: no warm-up, or a scheduler that never steps",
        "off the declared curve",
    ]
    assert not holding_now("activation", verdicts)
    assert not holding_now("lr", judged(log(loss="6x40", lr="0.003x40")).verdicts)
