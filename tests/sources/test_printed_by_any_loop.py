"""Lines that people print in loops of their own."""

from __future__ import annotations

import pytest

from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate.recognise import Recognising
from flight_recorder.tui.sources.tables.scanned import SAMPLES_NOTE
from tests.sources.reading import header, of_kind, read


def _log(*lines: str) -> bytes:
    return "\n".join([*lines, ""]).encode()


@pytest.mark.parametrize(
    "line",
    [
        "step {0}: loss=2.5 lr=1e-3 grad_norm=0.5",
        "[2024-01-01 10:00:00,123] INFO | step {0}/900 | loss 2.5 | lr 1.0e-3 | grad_norm 0.5 | 3.1 it/s",
        "[rank0]:2024-05-01 root - INFO - step: {0}  loss:  2.5  grad_norm:  0.5  lr: 1e-3",
        "iter: {0}  total_loss: 2.5  lr: 0.001  grad_norm: 0.5  max_mem: 4000M",
        "Iter(train) [ {0}/90000]  lr: 1.0000e-03  eta: 0:10:00  time: 0.5  loss: 2.5  grad_norm: 0.5",
        "epoch 001:    4 / 90 loss=2.5, num_updates={0}, lr=0.001, grad_norm=0.5",
    ],
)
def test_a_loop_that_prints_names_and_numbers_is_read(line: str) -> None:
    records = of_kind(read(_log("Building the model", *(line.format(n) for n in (100, 200, 300)))), "step")
    assert [record["step"] for record in records] == [100, 200, 300]
    assert (records[0]["loss"], records[0]["lr"], records[0]["grad_norm"]) == (2.5, 0.001, 0.5)


def test_both_splits_of_an_epoch_are_read_and_steps_are_counted() -> None:
    records = read(_log(*(f"Epoch {n}: train loss: 2.5, val loss: 2.7" for n in range(1, 5))))
    assert [record["val_loss"] for record in of_kind(records, "evaluation")] == [2.7] * 4
    assert [record["epoch"] for record in of_kind(records, "step")] == [1, 2, 3, 4]
    assert header(records)["steps_inferred"] is True


def test_a_counter_that_begins_again_with_the_epoch_goes_on() -> None:
    lines = [f"Epoch [{e}/3], Step [{n}/600], Loss: 0.41" for e in (1, 2, 3) for n in (200, 400, 600)]
    records = read(_log(*lines))
    assert [record["step"] for record in of_kind(records, "step")] == list(range(200, 1801, 200))
    assert not of_kind(records, "resume")
    assert header(records)["steps_inferred"] is True


def test_a_counter_that_goes_back_from_its_middle_is_a_resume() -> None:
    records = read(_log(*(f"step [{n}/900] loss 2.5" for n in (100, 200, 300, 400, 200, 300))))
    assert [record["step"] for record in of_kind(records, "resume")] == [200]
    assert header(records)["planned_steps"] == 900


def test_the_loss_behind_a_progress_bar_is_read_and_validation_bars_are_not() -> None:
    bar = "\rEpoch {0}:  50%|##   | {1}/60 [00:01<00:02, 9.0it/s, loss={2}]"
    bars = [bar.format(epoch, n, 2.5) for epoch in (0, 1) for n in (20, 40, 60)]
    log = "".join([*bars[:3], "\rValidation: 50%|##  | 3/6 [00:01<00:01, 9it/s, loss=9.0]", *bars[3:], "\n"])
    steps = of_kind(read(log.encode()), "step")
    assert [record["step"] for record in steps] == [20, 40, 60, 80, 100, 120]
    assert {record["loss"] for record in steps} == {2.5}


def test_nan_is_printed_and_read() -> None:
    first, _, last = of_kind(read(_log("step 1 loss nan", "step 2 loss 1.0", "step 3 loss inf")), "step")
    assert first["loss"] != first["loss"]
    assert last["loss"] == float("inf")


def test_other_formats_go_before_a_banner_that_names_a_loss() -> None:
    log = _log(
        "at step 0 loss 4.5", "at step 1 loss 4.4", "{'loss': 2.0, 'learning_rate': 0.1, 'epoch': 1.0}"
    )
    parser = Recognising("the log")
    parser.feed(log)
    assert parser.format == "huggingface"


def test_prose_about_losses_is_no_log() -> None:
    with pytest.raises(CannotRead):
        read(_log(*["The loss, sadly, was great.", "loss of 20 boats", "step by step"] * 5))


MNIST = _log(
    *(
        line
        for epoch in (1, 2, 3)
        for line in (
            *(f"Train Epoch: {epoch} [{n}/60000 ({n // 600}%)]\tLoss: 2.5" for n in range(0, 60000, 6400)),
            "",
            "Test set: Average loss: 0.0516, Accuracy: 9834/10000 (98%)",
        )
    )
)


def test_lines_that_count_samples_are_steps_themselves_and_the_header_says_so() -> None:
    records = read(MNIST)
    assert [record["step"] for record in of_kind(records, "step")] == list(range(30))
    assert [(row["step"], row["val_loss"]) for row in of_kind(records, "evaluation")] == [
        (9, 0.0516),
        (19, 0.0516),
        (29, 0.0516),
    ]
    assert not of_kind(records, "resume")
    assert header(records)["steps_inferred"] is True
    assert header(records)["notes"] == [SAMPLES_NOTE]


def test_samples_are_counted_in_steps_where_an_epoch_has_a_known_number_of_them() -> None:
    records = read(MNIST, facts={"steps_per_epoch": 938})
    steps = [record["step"] for record in of_kind(records, "step")]
    assert steps[:3] == [0, 100, 200]
    assert steps[10:12] == [938, 1038]
    assert "notes" not in header(records)


def test_a_full_bar_without_a_loss_is_the_last_step_of_a_run_of_that_length() -> None:
    bar = "\r 50%|##   | {0}/200 [00:01<00:02, 9.0it/s{1}]"
    bars = [bar.format(n, ", loss=2.5") for n in (50, 100, 150)]
    other = "\r100%|#####| 180/180 [00:01<00:00, 9.0it/s]"
    log = "".join([*bars, other, bar.format(199, ""), bar.format(200, ""), "\n"]).encode()
    assert [record["step"] for record in of_kind(read(log), "step")] == [50, 100, 150, 200]
    assert "loss" not in of_kind(read(log), "step")[-1]


def test_a_log_of_validation_alone_is_read_as_that() -> None:
    lines = [f"[{n}]\tvalidation_0-logloss:{0.6 - n / 100}\tvalidation_1-logloss:0.6" for n in range(20)]
    evaluations = of_kind(read(_log(*lines)), "evaluation")
    assert [(row["step"], round(row["val_loss"], 2)) for row in evaluations] == [
        (n, round(0.6 - n / 100, 2)) for n in range(20)
    ]
