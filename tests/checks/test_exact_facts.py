"""The exact facts from P7 on: for each leaf a log on which it fires, and next to it one on which not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.tree import walk
from flight_recorder.tui.checks.verdict import Level, State
from flight_recorder.tui.series.recording import Recording
from tests.checks.builders import judged, log, verdict

Records = Sequence[dict[str, Any]]
CONTRACT = {"shift": 1, "counted": 154, "of": 256, "padding": 0, "eos": 8, "ends": 8, "weights": 1.0}
AUDIT = {"ratio": 1.0, "clipped": 1, "norm": 1.0, "reported": 3.0}
GRADIENT = {"zero": 0, "streak": 0, "sudden": 0, "all": 0, "stale": 0}
UPDATE = {"moved": 1.0, "lost": 0, "rounded": 0.0, "overwritten": 0.0, "every": 0.0}
DECLARED = {
    "dtype_off": 0, "dtype_of": 10, "ties_off": 0, "frozen_off": 0, "trainable_off": 0,
    "trainable_share": 1.0, "vectors_only": 0,
}  # fmt: skip
WHOLE: dict[str, dict[str, Any]] = {
    "contract": {**CONTRACT, "micro_batches": 4, "spread": 1.0}, "norm_audit": AUDIT, "gradient": GRADIENT,
    "update": UPDATE, "mode": {"training": 1, "droppable": 3}, "rows": {"rows": 16, "repeated": 0},
    "declared": DECLARED, "ranks": {"of": 2, "at": 0, "parameters": 1, "rows": 2},
}  # fmt: skip


def facts(field: str, steps: int = 4, header: dict[str, Any] | None = None, **changes: Any) -> Records:
    """A log whose steps all tell these facts."""
    curves: dict[str, Any] = {field: [{**WHOLE[field], **changes}] * steps}
    return log(header=header, loss=f"6x{steps}", **curves)


def evaluated(**mode: Any) -> Records:
    told = {"training": 0, "droppable": 3, "repeat": 0.0, "dropout": 0, **mode}
    return log(loss="6x60", evaluations={"val_loss": "6", "mode": [told]})


def ended(step: int, reason: str = "finished") -> Records:
    return log(loss=f"6x{step}", also=[{"kind": "exit", "step": step, "reason": reason}])


def kept(val_loss: float, step: int = 100, **fields: Any) -> Records:
    checkpoint = {"kind": "checkpoint", "step": step, "role": "best", "val_loss": val_loss, **fields}
    return log(loss="6x101", evaluations={"val_loss": "3 2"}, also=[checkpoint])


def hashes(numbers: Sequence[int], resume: int | None = None) -> Records:
    curve = [f"{number:08x}" for number in numbers]
    if resume is None:
        return log(batch_hash=curve)
    records = log(batch_hash=curve[:resume])
    rows = log(batch_hash=curve[resume:], first_step=resume)[1:]
    return [*records, {"kind": "resume", "step": resume}, *rows]


@dataclass(frozen=True)
class Case:
    check: str
    symptom: str
    cause: str
    sick: Records
    well: Records


TWICE = [*range(40), *range(40)]
CASES = (
    Case("P7", "labels are not shifted", "label_shift", facts("contract", shift=0), facts("contract")),
    Case("P7", "labels are shifted twice", "label_shift", facts("contract", shift=2), facts("contract")),
    Case(
        "P8", "padding counts in the loss", "padding_in_loss",
        facts("contract", padding=102), facts("contract"),
    ),
    Case(
        "P9", "no end of a sequence counts", "eos_masked",
        facts("contract", eos=0), facts("contract", eos=1),
    ),
    Case(
        "P10", "micro-batches are added up, not averaged", "missing_accumulation_divisor",
        facts("contract", weights=4.0), facts("contract"),
    ),
    Case(
        "P11", "the loss is a multiple of the mean", "sum_reduction",
        facts("contract", weights=8.0, micro_batches=1), facts("contract", weights=65536.0, micro_batches=1),
    ),
    Case(
        "P11", "the loss is a multiple of the mean", "sum_reduction",
        facts("contract", weights=256.0, counted=256, micro_batches=1), facts("contract", weights=1.04),
    ),
    Case(
        "P12", "tokens of short micro-batches weigh more", "unequal_weights",
        facts("contract", spread=1.06), facts("contract", spread=1.04),
    ),
    Case(
        "P13", "a batch without any target", "masked_targets",
        facts("contract", counted=0), facts("contract"),
    ),
    Case(
        "P14", "gradients are clipped before they are unscaled", "clip_before_unscale",
        facts("norm_audit", ratio=1 / 65536), facts("norm_audit", ratio=0.99),
    ),
    Case(
        "P14", "the reported norm is too large", "norm_misreported",
        facts("norm_audit", ratio=0.7071), facts("norm_audit", ratio=0.99),
    ),
    Case(
        "P15", "clipping does not clip", "clip_ineffective",
        facts("norm_audit", ratio=12.0), facts("norm_audit", ratio=1.01),
    ),
    Case(
        "P16", "the reported norm is too small", "norm_misreported",
        facts("norm_audit", ratio=1.9, clipped=0), facts("norm_audit", clipped=0),
    ),
    Case(
        "P17", "a tensor's gradient is exactly zero", "zero_gradient",
        facts("gradient", zero=1, streak=4), facts("gradient", zero=1, streak=3),
    ),
    Case(
        "P18", "gradients of whole tensors are lost", "zero_gradient",
        facts("gradient", zero=1, streak=1, sudden=1), facts("gradient", zero=1, streak=1),
    ),
    Case(
        "P19", "gradients of the step before are still there", "missing_zero_grad",
        facts("gradient", stale=28), facts("gradient"),
    ),
    Case(
        "P20", "an update was lost", "updates_lost",
        facts("update", moved=0.0, lost=1), facts("update", moved=0.0),
    ),
    Case(
        "P21", "updates are rounded away", "updates_rounded_away",
        facts("update", rounded=0.3), facts("update"),
    ),
    Case(
        "P22", "weights are overwritten between updates", "weights_overwritten",
        facts("update", overwritten=5.0, every=0.02), facts("update", overwritten=5.0, every=1.0),
    ),
    Case("P23", "trained in evaluation mode", "wrong_mode", facts("mode", training=0), facts("mode")),
    Case("P24", "evaluated in training mode", "wrong_mode", evaluated(training=1), evaluated()),
    Case(
        "P25", "dropout is at work in evaluation", "wrong_mode",
        evaluated(repeat=0.3, dropout=1), evaluated(repeat=0.3),
    ),
    Case(
        "P26", "every row of the batch is there more than once", "duplicate_rows",
        facts("rows", repeated=16), facts("rows", repeated=14),
    ),
    Case(
        "P27", "batches are short", "short_batch",
        facts("rows", header={"batch_size": 50}, rows=1), facts("rows", header={"batch_size": 16}),
    ),
    Case(
        "P28", "layers run in another precision than declared", "dtype_mismatch",
        facts("declared", dtype_off=4), facts("declared", dtype_off=2),
    ),
    Case("P29", "tied weights have parted", "ties_broken", facts("declared", ties_off=1), facts("declared")),
    Case(
        "P30", "parameters declared frozen are trained", "frozen_parameters",
        facts("declared", frozen_off=3), facts("declared"),
    ),
    Case(
        "P31", "parameters declared to train are frozen", "mostly_frozen",
        facts("declared", trainable_off=3), facts("declared"),
    ),
    Case(
        "P32", "only norms and biases train", "mostly_frozen",
        facts("declared", trainable_share=0.004, vectors_only=1), facts("declared", trainable_share=0.004),
    ),
    Case("P33", "finished before the planned end", "ended_early", ended(300), ended(396)),
    Case(
        "P34", "a checkpoint is not the model", "corrupt_checkpoint",
        kept(2.0, read_back={"tensors": 9, "missing": 0, "differ": 1}),
        kept(2.0, read_back={"tensors": 9, "missing": 0, "differ": 0}),
    ),
    Case("P35", "the checkpoint kept as the best is not", "best_checkpoint_missing", kept(3.0), kept(2.0)),
    Case(
        "P38", "ranks hold different parameters", "ranks_out_of_sync",
        facts("ranks", parameters=2), facts("ranks"),
    ),
    Case("P39", "ranks read the same rows", "ranks_read_same_data", facts("ranks", rows=1), facts("ranks")),
    Case(
        "P36", "an epoch in the order of the one before", "same_order_every_epoch",
        hashes(TWICE), hashes(range(80)),
    ),
    Case("P37", "data is replayed after a resume", "replayed_data", hashes(TWICE, 40), hashes(range(80), 40)),
)  # fmt: skip
IDS = [f"{case.check}-{case.cause}-{place}" for place, case in enumerate(CASES)]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_each_fact_is_named_with_its_cause_first(case: Case) -> None:
    found = verdict(case.check, case.sick)
    assert (found.state, found.symptom) == (State.FIRING, case.symptom)
    assert any(character.isdigit() for character in found.evidence + str(found.reading))
    assert judged(case.sick).causes[0][0] == case.cause


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_next_to_it_nothing_is_said(case: Case) -> None:
    found = verdict(case.check, case.well)
    assert found.state in (State.PASS, State.EXCUSED), found
    assert found.level is Level.GREEN


def test_every_fact_has_a_case() -> None:
    new = {(check.id, leaf.symptom) for check in walk() for leaf in check.leaves if check.id[0] == "P"}
    assert {one for one in new if int(one[0][1:]) > 6} == {(case.check, case.symptom) for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_record_by_record_it_is_judged_alike(case: Case) -> None:
    recording = Recording()
    judge = Judge(recording)
    for record in case.sick:
        recording.extend([dict(record)])
        judge.update()
    batch = judged(case.sick)
    assert repr(judge.verdicts) == repr(batch.verdicts)
    assert judge.causes == batch.causes


def test_what_could_not_be_had_says_why_and_does_not_pass() -> None:
    reason = "the loss is no plain cross-entropy of labels"
    found = verdict("P7", log(loss="6x3", contract=[{"reason": reason}, None, None]))
    assert (found.state, found.evidence) == (State.NOT_MEASURED, reason)


def test_an_order_that_comes_again_after_a_resume_is_no_epoch_in_the_same_order() -> None:
    assert verdict("P36", hashes(TWICE, 40)).state is State.PASS
    assert verdict("P37", hashes(TWICE)).state is State.PASS


def test_a_run_that_was_interrupted_has_not_ended_early() -> None:
    assert verdict("P33", ended(300, "interrupted")).state is not State.FIRING


def test_epochs_that_were_asked_for_and_not_made_are_an_early_end_too() -> None:
    header = {"planned_epochs": 3.0, "planned_steps": 100}
    exits = {"kind": "exit", "step": 100, "reason": "finished"}
    found = verdict("P33", log(header=header, loss="6x100", epoch="0 +0.0225x99", also=[exits]))
    assert (found.state, found.evidence) == (State.FIRING, "2.23 of 3 epochs")


def test_facts_of_a_shape_that_they_do_not_have_are_not_measured() -> None:
    records = log(
        loss="6x3", contract=[7, {"shift": "two"}, ["shift"]], rows=[{"rows": 16, "repeated": None}] * 3
    )
    judge = judged(records)
    assert not judge.failed
    assert verdict("P7", records).state is State.NOT_MEASURED
