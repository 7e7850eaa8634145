"""Bytes to records: the torn tail at every byte, damage in the middle, versions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_recorder.engine.runlog.codec import encode
from flight_recorder.engine.runlog.reader import MAX_LINE_BYTES, LogReader, UnsupportedVersion, read_log
from tests.runlog.logs import LINES, LOG, RECORDS, comparable


def _whole_lines(end: int) -> int:
    return LOG[:end].count(b"\n")


def test_a_log_cut_at_every_byte_gives_exactly_the_lines_before_the_cut() -> None:
    for end in range(len(LOG) + 1):
        reader = LogReader()
        records = reader.feed(LOG[:end])
        assert comparable(records) == comparable(RECORDS[: _whole_lines(end)])
        assert not reader.damaged
        assert reader.offset + reader.torn_bytes == end


def test_the_rest_after_any_cut_gives_the_rest_of_the_records() -> None:
    for end in range(len(LOG) + 1):
        reader = LogReader()
        records = reader.feed(LOG[:end]) + reader.feed(LOG[end:])
        assert comparable(records) == comparable(RECORDS)


@given(st.lists(st.integers(0, len(LOG)), max_size=30))
def test_any_chunking_gives_the_same_records(places: list[int]) -> None:
    reader = LogReader()
    ends = [*sorted(places), len(LOG)]
    records = [r for a, b in zip([0, *ends], ends, strict=False) for r in reader.feed(LOG[a:b])]
    assert comparable(records) == comparable(RECORDS)
    assert reader.offset == len(LOG)


def test_a_byte_at_a_time_gives_the_same_records() -> None:
    reader = LogReader()
    records = [record for byte in LOG for record in reader.feed(bytes([byte]))]
    assert comparable(records) == comparable(RECORDS)


def test_a_destroyed_byte_costs_at_most_the_two_records_that_it_touches() -> None:
    for place in range(len(LOG) - 1):
        reader = LogReader()
        records = comparable(reader.feed(LOG[:place] + b"\x01" + LOG[place + 1 :]))
        lost = [record for record in comparable(RECORDS) if record not in records]
        assert len(lost) <= (2 if LOG[place : place + 1] == b"\n" else 1), place
        assert reader.offset == len(LOG)


@pytest.mark.parametrize(
    "line, reason",
    [
        (b"{broken\n", "not JSON"),
        (b"[1,2]\n", "not a JSON object"),
        (b'{"step":3}\n', "no kind"),
        (b'{"kind":["step"],"step":3}\n', "no kind"),
        (b'{"kind":"step","loss":1.0}\n', "step without step"),
        (b'{"kind":"exit","step":3}\n', "exit without reason"),
        (b'{"kind":"step","step":-1}\n', "whole number"),
        (b'{"kind":"step","step":1.5}\n', "whole number"),
        (b'{"kind":"step","step":true}\n', "whole number"),
        (b'{"kind":"step","step":"7"}\n', "whole number"),
        (b'{"kind":"step","step":9007199254740992}\n', "whole number"),
        (b'{"kind":"step","step":1}{"kind":"step","step":2}\n', "not JSON"),
        (b"\0\0\0\0\n", "NUL"),
        (b"[" * 50_000 + b"\n", "nested|not JSON"),
        (b'{"kind":"header","format":"one"}\n', "format"),
    ],
)
def test_damage_in_the_middle_is_told_with_its_place_and_costs_its_own_line_only(
    line: bytes, reason: str
) -> None:
    reader = LogReader()
    middle = len(LINES) // 2
    before, after = b"".join(LINES[:middle]), b"".join(LINES[middle:])
    records = reader.feed(before + line + after)
    assert comparable(records) == comparable(RECORDS)
    (damage,) = reader.damaged
    assert (damage.offset, damage.num_bytes) == (len(before), len(line))
    assert re.search(reason, damage.reason)


def test_damage_far_into_a_long_log_has_its_right_place() -> None:
    block = b"".join(encode({"kind": "step", "step": step}) for step in range(10_000))
    reader = LogReader()
    records = reader.feed(block + b"{broken\n" + block + b'{"kind"')
    assert len(records) == 20_000
    assert [(damage.offset, damage.num_bytes) for damage in reader.damaged] == [(len(block), 8)]
    assert reader.offset == 2 * len(block) + 8
    assert reader.torn_bytes == 7


def test_a_blank_line_is_no_record_and_no_damage() -> None:
    reader = LogReader()
    assert len(reader.feed(b"\n  \n" + LOG + b"\n")) == len(RECORDS)
    assert not reader.damaged


def test_a_carriage_return_ends_no_line() -> None:
    reader = LogReader()
    (record,) = reader.feed(b'{"kind":"step","step":1,"batch_hash":"a\\rb"}\r\n')
    assert record["batch_hash"] == "a\rb"
    assert not reader.damaged


def test_a_line_that_never_ends_is_given_up_and_the_next_one_read() -> None:
    reader = LogReader()
    block = b"x" * (MAX_LINE_BYTES // 2 + 1)
    for _ in range(5):
        assert reader.feed(block) == []
        assert reader.torn_bytes <= MAX_LINE_BYTES
    (record,) = reader.feed(b"tail\n" + LINES[0])
    assert record["kind"] == "header"
    (damage,) = reader.damaged
    assert (damage.offset, damage.num_bytes) == (0, 5 * len(block) + 5)


def test_unknown_kinds_are_counted_and_left_out_and_unknown_keys_kept() -> None:
    reader = LogReader()
    records = reader.feed(b'{"kind":"dream","step":1}\n{"kind":"dream"}\n{"kind":"step","step":1,"mood":3}\n')
    assert records == [{"kind": "step", "step": 1, "mood": 3}]
    assert reader.unknown_kinds == {"dream": 2}


def test_a_newer_major_version_is_refused_and_a_newer_minor_one_read() -> None:
    with pytest.raises(UnsupportedVersion, match=r"format 2\.0, this program reads up to 1\.x"):
        LogReader().feed(b'{"kind":"header","format":"2.0"}\n')
    assert len(LogReader().feed(b'{"kind":"header","format":"1.99","new":1}\n')) == 1


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(LOG + b'{"kind"')
    records, reader = read_log(path)
    assert comparable(records) == comparable(RECORDS)
    assert reader.torn_bytes == 7


@given(st.binary(max_size=300), st.integers(0, len(LOG)))
@settings(max_examples=200)
def test_no_bytes_raise(garbage: bytes, place: int) -> None:
    reader = LogReader()
    data = LOG[:place] + garbage + LOG[place:]
    try:
        reader.feed(data)
    except UnsupportedVersion:
        return
    assert reader.offset + reader.torn_bytes == len(data)
