"""Whole histories in one JSON document."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate.recognise import Recognising
from flight_recorder.tui.sources.tables.objects import until_cut
from tests.sources.reading import RECORDED, cut, header, of_kind, read, read_chunks

RECORDS = [{"step": step, "loss": 2.5 - step / 100, "lr": 0.1} for step in range(10, 60, 10)]
LISTS = {"loss": [row["loss"] for row in RECORDS], "step": [row["step"] for row in RECORDS], "lr": [0.1] * 5}


@pytest.mark.parametrize(
    "document",
    [RECORDS, LISTS, {"config": {"seed": 1}, "history": RECORDS}, {"logs": LISTS}, {"runs": {"a": RECORDS}}],
    ids=["records", "lists", "history", "lists in logs", "anywhere"],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_every_form_of_a_document_gives_the_same_steps(document: Any, indent: int | None) -> None:
    data = json.dumps(document, indent=indent).encode()
    records = read(data)
    assert [{key: row[key] for key in ("step", "loss", "lr")} for row in of_kind(records, "step")] == RECORDS
    assert read_chunks(cut(data, range(0, len(data), 7))) == records


def test_a_history_of_keras_has_both_losses_and_inferred_steps() -> None:
    records = read(json.dumps({"loss": [2.5, 2.0], "accuracy": [0.1, 0.2], "val_loss": [2.6, 2.2]}).encode())
    assert [row["loss"] for row in of_kind(records, "step")] == [2.5, 2.0]
    assert [row["val_loss"] for row in of_kind(records, "evaluation")] == [2.6, 2.2]
    assert header(records)["steps_inferred"] is True


def test_lists_whose_steps_nobody_knows_are_left_out_and_that_is_said() -> None:
    records = read(json.dumps({"train_loss": [2.5, 2.0, 1.5, 1.0], "val_loss": [2.6, 2.2]}).encode())
    assert not of_kind(records, "evaluation")
    assert "1 list of another length than that of the loss is left out" in header(records)["notes"]


def test_half_a_document_is_waited_for_and_read_as_far_as_it_goes() -> None:
    half = json.dumps(RECORDS).encode()[:-20]
    parser = Recognising("the log")
    assert parser.feed(half) == []
    assert [row["step"] for row in of_kind(parser.finish(), "step")] == [10, 20, 30, 40]
    (damage,) = parser.damaged
    assert (damage.offset + damage.num_bytes, damage.reason) == (
        len(half),
        f"the JSON document is cut off at byte {len(half)}",
    )


@pytest.mark.parametrize("end", [0.5, 0.999])
def test_a_state_that_is_cut_off_is_read_up_to_its_last_whole_line(end: float) -> None:
    data = (RECORDED / "5.x.trainer_state.json").read_bytes()
    whole, half = of_kind(read(data), "step"), data[: int(len(data) * end)]
    parser = Recognising("the log")
    steps = of_kind(parser.feed(half) + parser.finish(), "step")
    assert 0 < len(steps) <= len(whole)
    assert steps == whole[: len(steps)]
    assert f"cut off at byte {len(half):,}" in parser.damaged[0].reason


@pytest.mark.parametrize("half", [b'{"log_history": [{"loss": 2.5', b'{"loss": [2.5, 2.4, 2.3'])
def test_a_document_of_which_nothing_is_whole_is_said_to_be_cut_off(half: bytes) -> None:
    with pytest.raises(CannotRead, match=f"cut off at byte {len(half)}"):
        read(half)


def test_a_document_without_a_loss_is_no_log() -> None:
    with pytest.raises(CannotRead):
        read(json.dumps({"heights": [0.1, 0.2]}).encode())


def test_brackets_without_end_are_no_document() -> None:
    deep = b'{"log_history": ' + b"[" * 3000 + b"]" * 2999

    assert until_cut(deep) is None
    assert until_cut(b'{"log_history": ' + b"[" * 300 + b"]" * 299) is not None
    with pytest.raises(CannotRead, match="nested over"):
        read(deep + b"]}")
