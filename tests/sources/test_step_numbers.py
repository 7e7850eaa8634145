"""A step that is no step costs the row that it stands in, is counted with its place, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate.recognise import Recognising
from flight_recorder.tui.sources.naming.options import SourceOptions
from tests.sources.reading import header, of_kind, read

HUGE = "1" + "0" * 400
BAD = ["-1", "2.5", "9007199254740993", "99999999999999999999", HUGE, "nan", "inf"]

Line = Callable[[str, float], str]
FORMS: dict[str, tuple[str, Line]] = {
    "jsonl": ("", lambda step, loss: f'{{"step": {_json(step)}, "loss": {loss}}}\n'),
    "csv": ("step,loss\n", lambda step, loss: f"{step},{loss}\n"),
    "printed": ("", lambda step, loss: f"step {step} | loss {loss}\n"),
    "printed counter": ("", lambda step, loss: f"step {step}/1000 loss: {loss}\n"),
    "table": ("step   loss   lr\n", lambda step, loss: f"{step}   {loss}   0.1\n"),
    "llm.c": ("", lambda step, loss: f"s:{step} trl:{loss} lr:0.1\n"),
    "modded-nanogpt": ("", lambda step, loss: f"step:{step}/900 train_loss:{loss} train_time:1ms\n"),
    "nanogpt": ("", lambda step, loss: f"iter {step}: loss {loss}, time 3.1ms, mfu 1.0%\n"),
    "megatron": (
        "",
        lambda step, loss: f" iteration {step}/ 900 | consumed samples: 8 | lm loss: {loss} |\n",
    ),
    "pico-train": ("", lambda step, loss: f"Step {step} -- Training Metrics\n└── Loss: {loss}\n"),
}


def _json(step: str) -> str:
    return {"nan": "NaN", "inf": "Infinity"}.get(step, step)


def _parsed(text: str) -> tuple[list[Record], Recognising]:
    parser = Recognising("the log", SourceOptions())
    return parser.feed(text.encode()) + parser.finish(), parser


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad[:20])
@pytest.mark.parametrize("form", FORMS)
def test_one_bad_step_costs_one_row_and_is_counted_at_its_place(form: str, bad: str) -> None:
    heading, line = FORMS[form]
    before = heading + "".join(line(str(step), 2.0) for step in range(1, 6))
    after = "".join(line(str(step), float("nan") if form == "jsonl" else 1.0) for step in range(7, 12))
    if form == "jsonl":
        after = after.replace("nan", "NaN")

    records, parser = _parsed(before + line(bad, 2.0) + after)

    steps = [record["step"] for record in of_kind(records, "step")]
    assert steps == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11]
    (damaged,) = parser.damaged
    assert len(before.encode()) <= damaged.offset < len((before + line(bad, 2.0)).encode())
    assert "step" in damaged.reason
    assert len(damaged.reason) < 100


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad[:20])
@pytest.mark.parametrize("form", ["jsonl", "csv", "printed", "table"])
def test_real_steps_are_not_counted_anew_behind_a_bad_first_one(form: str, bad: str) -> None:
    heading, line = FORMS[form]
    records, parser = _parsed(
        heading + line(bad, 2.0) + "".join(line(step, 1.0) for step in ("10", "20", "30"))
    )

    assert [record["step"] for record in of_kind(records, "step")] == [10, 20, 30]
    assert len(parser.damaged) == 1


def test_a_word_where_steps_were_is_no_step_either() -> None:
    records, parser = _parsed(
        '{"step": 1, "loss": 9}\n{"step": "two", "loss": 2}\n'
        '{"step": null, "lr": 0.1}\n{"step": 3, "loss": 2}\n'
    )

    assert [record["step"] for record in of_kind(records, "step") if "loss" in record] == [1, 3]
    assert [damaged.reason for damaged in parser.damaged] == ["step two is no whole number from 0 to 2^53"]


def test_a_fraction_beside_a_count_measures_epochs_and_goes_on_as_one() -> None:
    rows = [
        json.dumps({"update": step / 20, "num_updates": step, "epoch": step / 20, "loss": 2.0})
        for step in (10, 20, 30)
    ]
    steps = of_kind(read("\n".join(rows).encode() + b"\n"), "step")

    assert [(record["step"], record["epoch"]) for record in steps] == [(10, 0.5), (20, 1.0), (30, 1.5)]


def test_a_column_of_fractions_alone_counts_its_rows_and_says_so() -> None:
    records = read(b"step,loss\n0.1,4\n0.2,3\n0.3,2\n0.4,1\n")

    assert [record["loss"] for record in of_kind(records, "step")] == [3, 2, 1]
    assert header(records)["steps_inferred"] is True
    assert any("fraction" in note for note in header(records)["notes"])


@pytest.mark.parametrize("count", [HUGE, "-1", "0.5"])
def test_a_planned_length_that_is_none_is_not_known(count: str) -> None:
    for text in (
        f'{{"step": 1, "loss": 2, "total_steps": {count}}}\n',
        f"** Running training **\n  Total optimization steps = {count}\n{{'loss': 2.0, 'epoch': 1.0}}\n",
        f'{{"log_history": [{{"loss": 2.0, "step": 1}}], "max_steps": {count}}}\n',
    ):
        records = read(text.encode())
        assert header(records).get("planned_steps") in (None, 1)
        assert of_kind(records, "step")


@pytest.mark.parametrize("field", ["nan iterations", "skipped iterations"])
@pytest.mark.parametrize("count", ["inf", "nan", HUGE])
def test_a_count_of_iterations_that_is_none_leaves_its_row(field: str, count: str) -> None:
    line = " iteration {0}/ 9 | consumed samples: 8 | lm loss: 2.0 | number of " + field + ": {1} |\n"
    records = read((line.format(1, 0) + line.format(2, count) + line.format(3, 0)).encode())

    assert [record["step"] for record in of_kind(records, "step")] == [1, 2, 3]


def test_a_bar_with_an_impossible_count_costs_no_line_beside_it() -> None:
    text = "{'loss': 2.0, 'epoch': 1.0}\r  1%| | " + "1" * 200 + "/24 [00:01]{'loss': 1.0, 'epoch': 2.0}\n"
    records, parser = _parsed(text + "{'loss': 0.5, 'epoch': 3.0}\n")

    assert [record["loss"] for record in of_kind(records, "step")] == [2.0, 1.0, 0.5]
    assert len(parser.damaged) == 1


def test_what_stands_before_the_damage_of_a_line_counts() -> None:
    records, parser = _parsed("iter 1: loss 2.0 iter -2: loss 2.0 iter 3: loss 2.0\n")

    assert [record["step"] for record in of_kind(records, "step")] == [1, 3]
    assert len(parser.damaged) == 1


def test_a_whole_number_beyond_64_bits_is_a_double() -> None:
    (record,) = read(f'{{"kind": "header", "format": "1.0", "planned_steps": {HUGE}}}\n'.encode())

    assert record["planned_steps"] == float("inf")


def test_a_log_that_prints_no_step_but_bad_ones_says_so() -> None:
    with pytest.raises(CannotRead, match="step nan is no whole number"):
        read(b"step nan/100 loss: 2.0\nstep -1/100 loss: 2.0\n")
