"""What names mean: listed ones, those whose words say it, and which of several has a field."""

from __future__ import annotations

import json
import math

import pytest

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.sources.naming.names import field_of, number
from tests.sources.reading import header, of_kind, read


@pytest.mark.parametrize(
    "name",
    [
        "loss",
        "train_loss",
        "train/loss",
        "loss/train",
        "training_loss",
        "trainLoss",
        "train.loss",
        "Loss/train",
        "nll_loss",
        "lm_loss",
        "train_loss_step",
        "train_loss_epoch",
        "metrics/train_loss",
        "losses/train",
        "total_loss",
        "train/ce",
    ],
)
def test_training_losses_are_known_by_their_words(name: str) -> None:
    assert field_of(name) == "loss"


@pytest.mark.parametrize(
    "name",
    [
        "val_loss",
        "eval/loss",
        "validation/loss",
        "valid_loss",
        "loss/val",
        "valLoss",
        "dev/loss",
        "test_loss",
        "heldout_loss",
        "held_out_loss",
        "val/epoch_loss",
        "validation/lm_loss",
        "val_loss/dataloader_idx_0",
    ],
)
def test_validation_losses_are_known_by_their_words(name: str) -> None:
    assert field_of(name) == "val_loss"


@pytest.mark.parametrize(
    "name",
    [
        "step",
        "global_step",
        "iteration",
        "iter",
        "trainer/global_step",
        "_step",
        "n_iter",
        "current_step",
        "num_updates",
    ],
)
def test_steps_are_known_by_their_words(name: str) -> None:
    assert field_of(name) == "step"


@pytest.mark.parametrize(
    "name",
    [
        "aux_loss",
        "val/box_loss",
        "best_val_loss",
        "router_z_loss",
        "max_steps",
        "total_steps",
        "steps_per_epoch",
        "step_time",
        "eval_steps",
        "train_steps_per_second",
        "lossless",
        "timestep",
        "accuracy",
    ],
)
def test_a_name_with_a_word_left_over_is_another_quantity(name: str) -> None:
    assert field_of(name) is None


def _lines(*rows: dict[str, object]) -> list[Record]:
    return read("".join(json.dumps(row) + "\n" for row in rows).encode())


def test_the_loss_of_the_step_has_the_field_and_the_mean_over_the_epoch_keeps_its_name() -> None:
    records = _lines(
        {"step": 1, "train_loss_epoch": 9.0, "train_loss_step": 2.0}, {"step": 2, "train_loss_epoch": 9.0}
    )
    first, second = of_kind(records, "step")
    assert (first["loss"], first["train_loss_epoch"]) == (2.0, 9.0)
    assert "loss" not in second


def test_the_first_of_two_equal_names_keeps_the_field() -> None:
    records = _lines(
        {"step": 1, "loss": 1.0, "training_loss": 5.0}, {"step": 2, "training_loss": 5.0, "loss": 1.0}
    )
    assert [(record["loss"], record["training_loss"]) for record in of_kind(records, "step")] == [
        (1.0, 5.0)
    ] * 2


def test_the_test_set_gives_way_to_the_validation_set() -> None:
    records = _lines({"step": 1, "loss": 1.0, "test_loss": 7.0, "val_loss": 2.0})
    (evaluation,) = of_kind(records, "evaluation")
    assert (evaluation["val_loss"], evaluation["test_loss"]) == (2.0, 7.0)


def test_the_optimizers_step_goes_before_the_count_of_log_calls() -> None:
    records = _lines(
        {"_step": 0, "train/global_step": 10, "train/loss": 2.0},
        {"_step": 1, "eval/loss": 2.5},
        {"_step": 2, "train/global_step": 20, "train/loss": 1.0},
    )
    assert [record["step"] for record in of_kind(records, "step")] == [10, 20]
    assert [record["step"] for record in of_kind(records, "evaluation")] == [10]


def test_a_perplexity_is_a_loss_only_where_there_is_no_loss() -> None:
    records = _lines({"step": 1, "train_ppl": math.exp(2), "val_ppl": math.exp(3)})
    assert of_kind(records, "step")[0]["loss"] == pytest.approx(2)
    assert of_kind(records, "evaluation")[0]["val_loss"] == pytest.approx(3)
    assert len(header(records)["notes"]) == 2
    records = _lines({"step": 1, "loss": 1.0, "val_loss": 2.0, "val_ppl": 900.0})
    assert of_kind(records, "evaluation")[0]["val_loss"] == 2.0


@pytest.mark.parametrize(
    "text, value",
    [("1,200", 1200), ("-1,234,567.5", -1234567.5), ("2,2291", None), ("12,34", None), ("tensor(0.5)", 0.5)],
)
def test_commas_between_thousands_are_read_and_no_number_is_cut_at_a_comma(
    text: str, value: float | None
) -> None:
    assert number(text) == value


def test_decimal_commas_between_semicolons_are_read() -> None:
    (record,) = of_kind(read(b"step;loss;lr\n3;2,2291;1.000,5\n"), "step")
    assert (record["loss"], record["lr"]) == (2.2291, 1000.5)


def test_a_byte_order_mark_is_no_part_of_a_name() -> None:
    assert of_kind(read(b"\xef\xbb\xbfstep,loss\r\n7,2.5\r\n"), "step")[0]["step"] == 7
    assert of_kind(read(b'\xef\xbb\xbf{"step":7,"loss":2.5}\n'), "step")[0]["step"] == 7


def test_a_logger_may_put_time_and_rank_in_front_of_an_object() -> None:
    log = b'10:00:00 INFO [rank 0] {"step": 1, "loss": 2.0}\n10:00:01 INFO {cleaning up}\n'
    assert [record["step"] for record in of_kind(read(log), "step")] == [1]
