"""What holds for every format: any cutting gives the same records, and no bytes make it stumble."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_recorder.engine.runlog.schema import KINDS
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate.recognise import TEXT_FORMATS, Recognising
from flight_recorder.tui.sources.timeline import since_restart
from tests.sources.reading import TEXT_LOGS, comparable, cut, read, read_chunks

EXPECTED = {
    "fastai": "table",
    "huggingface": "huggingface",
    "metrics": "csv",
    "4": "trainer_state",
    "5": "trainer_state",
    "keras_history": "json",
    "llama_factory": "jsonl",
    "llm_c": "printed",
    "megatron": "printed",
    "modded_nanogpt": "printed",
    "nanogpt": "printed",
    "pico_train": "printed",
    "printed": "printed",
    "runlog": "runlog",
}


def _expected_format(path: Path) -> str:
    return next(name for stem, name in EXPECTED.items() if path.name.startswith(stem))


@pytest.mark.parametrize("path", TEXT_LOGS, ids=lambda path: path.name)
def test_a_format_is_recognised_from_content_alone(path: Path) -> None:
    parser = Recognising("a name that says nothing")
    parser.feed(path.read_bytes())
    parser.settle()
    assert parser.format == _expected_format(path)


def test_there_is_a_sample_of_every_text_format() -> None:
    assert {_expected_format(path) for path in TEXT_LOGS} == {
        *(source.format for source in TEXT_FORMATS),
        *("printed", "csv", "jsonl", "json", "table"),
    }


@pytest.mark.parametrize("path", TEXT_LOGS, ids=lambda path: path.name)
def test_records_have_the_kinds_and_the_steps_of_our_schema(path: Path) -> None:
    records = read(path.read_bytes())
    assert records[0]["kind"] == "header"
    assert any(record["kind"] == "step" and "loss" in record for record in records)
    for record in records:
        assert record["kind"] in KINDS
        assert record["kind"] == "header" or type(record["step"]) is int


@pytest.mark.parametrize("path", TEXT_LOGS, ids=lambda path: path.name)
@given(places=st.lists(st.integers(0, 10_000), max_size=40))
@settings(max_examples=15, deadline=None)
def test_any_cutting_gives_the_same_records(path: Path, places: list[int]) -> None:
    data = path.read_bytes()
    assert comparable(read_chunks(cut(data, places))) == comparable(read(data))


@pytest.mark.parametrize("path", TEXT_LOGS, ids=lambda path: path.name)
def test_a_byte_at_a_time_gives_the_same_records(path: Path) -> None:
    data = path.read_bytes()
    assert comparable(read_chunks(data[i : i + 1] for i in range(len(data)))) == comparable(read(data))


@pytest.mark.parametrize("path", TEXT_LOGS, ids=lambda path: path.name)
def test_a_log_cut_anywhere_gives_the_records_before_the_cut_and_no_others(path: Path) -> None:
    data = path.read_bytes()
    whole = [record for record in comparable(read(data)) if record["kind"] == "step"]
    for end in range(0, len(data), max(1, len(data) // 97)):
        parser = Recognising("the log")
        records, _ = since_restart(parser.feed(data[:end]))
        steps = [record for record in comparable(records) if record["kind"] == "step"]
        assert steps == whole[: len(steps)]


@pytest.mark.parametrize("path", TEXT_LOGS, ids=lambda path: path.name)
@pytest.mark.parametrize("seed", range(3))
def test_shuffled_bytes_raise_nothing_but_a_sentence(path: Path, seed: int) -> None:
    data = bytearray(path.read_bytes())
    start = len(data) // 3
    tail = data[start:]
    random.Random(seed).shuffle(tail)
    _read_or_refuse(bytes(data[:start] + tail))


LINE_LOGS = [path for path in TEXT_LOGS if path.suffix != ".json"]


@pytest.mark.parametrize("path", LINE_LOGS, ids=lambda path: path.name)
def test_lines_of_other_formats_in_between_cost_no_record(path: Path) -> None:
    strangers = [other.read_bytes().splitlines()[-1] for other in TEXT_LOGS if _unlike(other, path)]
    lines = path.read_bytes().split(b"\n")
    middle = len(lines) - 2
    mixed = b"\n".join([*lines[:middle], *strangers, *lines[middle:]])
    before = [record for record in read(path.read_bytes()) if record["kind"] == "step"]
    after = [record for record in read(mixed) if record["kind"] == "step"]
    assert len(after) >= len(before)


def _unlike(other: Path, path: Path) -> bool:
    tables = {"csv", "json", "jsonl", "runlog", "trainer_state"}
    ours, theirs = _expected_format(path), _expected_format(other)
    if theirs == "huggingface":
        return False  # what a Trainer prints goes before a few lines that merely name a loss
    return ours != theirs and not ({ours, theirs} & tables)


@given(data=st.binary(max_size=400), path=st.sampled_from(TEXT_LOGS), place=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_garbage_in_the_middle_raises_nothing_but_a_sentence(data: bytes, path: Path, place: int) -> None:
    log = path.read_bytes()
    place %= len(log)
    _read_or_refuse(log[:place] + data + log[place:])


def _read_or_refuse(data: bytes) -> None:
    try:
        records = read(data)
    except CannotRead as refusal:
        assert str(refusal).endswith(".")
        return
    assert all(record["kind"] in KINDS for record in records)


def test_text_that_is_no_log_is_refused_in_a_sentence_that_names_the_way_out() -> None:
    with pytest.raises(CannotRead, match=r"not a training log that I know: .*--map loss="):
        read(b"Dear diary,\ntoday I trained nothing.\n")


def test_an_empty_file_and_a_binary_file_are_told_apart() -> None:
    with pytest.raises(CannotRead, match="is empty"):
        read(b"")
    with pytest.raises(CannotRead, match="binary file"):
        read(b"\x7fELSE\0\0\0\1\n" * 50)


@pytest.mark.parametrize(
    "log",
    [
        b"step,loss,\x07b\xe2\x80\xaee\xc2\x9bll\n1,0.5,2\n",
        b'{"step":1,"loss":0.5,"\\u001b]0;title\\u0007b\\u202eell":2}\n',
        b"{'loss': 0.5, '\x08\x1b[2Jb\xc2\x9bell': 2}\n",
        b"s:1 trl:0.5 \x1b[31mbell:2\n",
    ],
    ids=["csv", "escaped in JSON", "huggingface", "llm.c"],
)
def test_no_name_can_steer_the_terminal(log: bytes) -> None:
    names = "".join(name for record in read(log) for name in record)
    assert "b" in names
    assert names.isprintable()


def test_terminal_escapes_and_markup_never_leave_a_source() -> None:
    evil = b'step,loss,\x1b[31mred\x1b[0m\n1,0.5,2\n{"step":1}\x1b]0;title\x07\n'
    names = [name for record in read(evil) for name in record]
    assert "red" in names
    assert not any("\x1b" in name or "\x07" in name for name in names)
