"""CSV, JSON lines: rows of named numbers, under names that are known or were given."""

from __future__ import annotations

import math

import pytest

from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate.recognise import Recognising
from flight_recorder.tui.sources.parser import SourceOptions
from tests.sources.reading import LOGS, RECORDED, header, of_kind, read


def test_lightning_spreads_a_step_over_rows_and_we_put_it_together() -> None:
    records = read((RECORDED / "metrics.csv").read_bytes())
    first = of_kind(records, "step")[0]
    assert (first["step"], first["lr"], first["loss"]) == (1, 0.0094375, 6.338152885437012)
    assert [record["step"] for record in of_kind(records, "evaluation")] == [7, 15]
    assert "late_metric" in of_kind(records, "step")[-1]
    assert "late_metric" not in first


def test_an_empty_cell_is_not_measured_and_not_zero() -> None:
    (record,) = of_kind(read(b"step,loss,lr\n3,0.5,\n"), "step")
    assert "lr" not in record


def test_json_lines_of_llama_factory_are_read_with_their_nan() -> None:
    records = read((LOGS / "llama_factory.jsonl").read_bytes())
    assert header(records)["planned_steps"] == 60
    assert [record["step"] for record in of_kind(records, "step")] == [10, 20, 30]
    assert math.isnan(of_kind(records, "step")[-1]["loss"])
    assert of_kind(records, "evaluation")[0]["val_loss"] == 1.6011


def test_names_can_be_given() -> None:
    log = b'{"it": 4, "mine": 0.5, "kept": 0.7}\n'
    with pytest.raises(CannotRead):
        read(log)
    records = read(log, names={"step": "it", "loss": "mine", "val_loss": "kept"})
    assert of_kind(records, "step") == [{"kind": "step", "step": 4, "loss": 0.5}]
    assert of_kind(records, "evaluation") == [{"kind": "evaluation", "step": 4, "val_loss": 0.7}]


def test_objects_in_objects_are_names_with_a_slash() -> None:
    (record,) = of_kind(read(b'{"step": 2, "train": {"loss": 1.5, "extra": {"z": 3}}}\n'), "step")
    assert record == {"kind": "step", "step": 2, "loss": 1.5, "train/extra/z": 3}


def test_rows_without_a_step_are_counted_and_marked() -> None:
    records = read(b"epoch,accuracy,loss,val_loss\n0,0.1,2.0,2.1\n1,0.2,1.5,1.9\n")
    assert [record["step"] for record in of_kind(records, "step")] == [0, 1]
    assert [record["step"] for record in of_kind(records, "evaluation")] == [0, 1]
    assert header(records)["steps_inferred"] is True


def test_a_validation_perplexity_becomes_a_loss() -> None:
    (record,) = of_kind(read(b"step,train_loss,val_ppl\n5,3.0,20.0\n"), "evaluation")
    assert record["val_loss"] == pytest.approx(math.log(20))


def test_a_row_with_the_wrong_number_of_fields_is_damaged() -> None:
    parser = Recognising("the log", SourceOptions())
    records = parser.feed(b"step,loss\n1,2.0\n2,1.9,7\n3\n4,1.8\n")
    assert [record["step"] for record in of_kind(records, "step")] == [1, 4]
    assert [(damage.offset, damage.num_bytes) for damage in parser.damaged] == [(16, 8), (24, 2)]


def test_names_in_the_middle_hold_from_there_on() -> None:
    records = read(b"step,loss\n1,2.0\nstep,loss,lr\n2,1.9,0.1\n")
    assert of_kind(records, "step")[-1] == {"kind": "step", "step": 2, "loss": 1.9, "lr": 0.1}


def test_a_last_line_without_its_newline_is_not_read_as_a_smaller_number() -> None:
    records = read(b"step,loss\n1,2.0\n2,1.234")
    assert [record["step"] for record in of_kind(records, "step")] == [1]


def test_a_metric_with_steps_of_its_own_is_no_resume() -> None:
    log = b'{"step": 10, "loss": 1.0}\n{"step": 20, "loss": 0.9}\n{"step": 1, "accuracy": 0.5}\n'
    records = read(log + b'{"step": 30, "loss": 0.8}\n')
    assert not of_kind(records, "resume")
    assert [record["step"] for record in of_kind(records, "step")] == [10, 20, 30]


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_delimiters_are_seen_from_the_names(delimiter: str) -> None:
    log = "step,train_loss\n1,0.5\n".replace(",", delimiter).encode()
    assert of_kind(read(log), "step") == [{"kind": "step", "step": 1, "loss": 0.5}]


def test_seconds_since_the_start_are_no_point_in_time() -> None:
    records = of_kind(read(b"step,time,loss\n1,12.5,2.0\n2,1700000000.5,2.0\n"), "step")
    assert "time" not in records[0]
    assert records[1]["time"] == 1700000000.5


def test_a_column_of_losses_alone_is_counted() -> None:
    for name in ("loss", '"train_loss"'):
        records = read(f"{name}\n2.5\n2.4\n2.3\n".encode())
        assert [(row["step"], row["loss"]) for row in of_kind(records, "step")] == [
            (0, 2.5),
            (1, 2.4),
            (2, 2.3),
        ]
        assert header(records)["steps_inferred"] is True


def test_rows_between_other_lines_are_read_under_names_that_spaces_part() -> None:
    records = read((LOGS / "fastai.out").read_bytes())
    assert [(row["epoch"], row["loss"]) for row in of_kind(records, "step")] == [
        (0, 2.512),
        (1, 1.912),
        (2, 1.512),
        (3, 1.212),
    ]
    assert [row["val_loss"] for row in of_kind(records, "evaluation")] == [2.431, 1.881, 1.731, 1.701]
