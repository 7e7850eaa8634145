"""Whole histories in one JSON document."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sources.reading import cut, header, of_kind, read, read_chunks
from tui.sources.errors import CannotRead
from tui.sources.recognise import Recognising

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


def test_half_a_document_is_waited_for_and_refused_at_the_end() -> None:
    half = json.dumps(RECORDS).encode()[:-20]
    parser = Recognising("the log")
    assert parser.feed(half) == []
    with pytest.raises(CannotRead):
        parser.finish()


def test_a_document_without_a_loss_is_no_log() -> None:
    with pytest.raises(CannotRead):
        read(json.dumps({"accuracy": [0.1, 0.2]}).encode())
