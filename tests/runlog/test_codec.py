"""A record to a line and back."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_recorder.engine.runlog.codec import DamagedLine, decode, decode_lines, encode
from flight_recorder.engine.runlog.schema import EXACT, STEP
from tests.runlog.logs import LINES, LOG, comparable

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
EXACT_FIELDS = sorted(name for name, field in STEP.items() if field.exact and field.shape == "scalar")
ROUNDED_FIELDS = sorted(
    name for name, f in STEP.items() if not f.exact and f.unit != "text" and f.shape == "scalar"
)
TEXT_FIELDS = sorted(name for name, field in STEP.items() if field.unit == "text" and field.shape == "scalar")


@given(st.dictionaries(st.sampled_from(EXACT_FIELDS), NUMBERS))
def test_exact_numbers_come_back_to_the_last_bit(record: dict[str, float]) -> None:
    assert comparable(decode(encode(record))) == comparable(record)


@given(st.dictionaries(st.sampled_from(ROUNDED_FIELDS), NUMBERS))
def test_other_numbers_keep_five_digits_and_never_become_infinite(record: dict[str, float]) -> None:
    for name, value in decode(encode(record)).items():
        if math.isfinite(record[name]):
            assert math.isclose(value, record[name], rel_tol=1e-4, abs_tol=0.0) or abs(value) < 1e-300
            assert math.isfinite(value)
        else:
            assert comparable(value) == comparable(record[name])


@given(st.dictionaries(st.sampled_from(TEXT_FIELDS), st.text()))
def test_text_comes_back_as_it_was_even_when_it_says_nan(record: dict[str, str]) -> None:
    assert decode(encode(record)) == {
        name: value.encode("utf-8", errors="replace").decode() for name, value in record.items()
    }


@given(st.lists(NUMBERS))
def test_lists_come_back_with_what_is_not_finite(values: list[float]) -> None:
    back = decode(encode({"activation": values}))["activation"]
    assert [math.isnan(v) for v in back] == [math.isnan(v) for v in values]
    assert [math.isinf(v) for v in back] == [math.isinf(v) for v in values]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON_VALUES))
def test_every_record_is_one_line_of_json(record: dict[str, Any]) -> None:
    line = encode(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_three_facts_have_three_forms() -> None:
    assert encode({"loss": math.nan}) == b'{"loss":"nan"}\n'
    assert encode({"loss": -math.inf}) == b'{"loss":"-inf"}\n'
    assert encode({"loss": None}) == b"{}\n"


def test_the_loss_keeps_every_digit_and_the_gradient_five() -> None:
    line = encode({"loss": 6.252812312345678, "grad_norm": 2.471312345})
    assert line == b'{"loss":6.252812312345678,"grad_norm":2.4713}\n'
    assert "loss" in EXACT
    assert "grad_norm" not in EXACT


def test_a_name_in_another_encoding_does_not_stop_the_writer() -> None:
    name = b"run-\xff".decode("utf-8", errors="surrogateescape")
    assert decode(encode({"name": name})) == {"name": "run-?"}


@pytest.mark.parametrize(
    "line, record",
    [
        (b'{"loss": NaN}\n', {"loss": math.nan}),
        (b'{"loss": -Infinity, "step": 3}\n', {"loss": -math.inf, "step": 3}),
        (b'\0\0\0{"step": 3}\n', {"step": 3}),
        (b'{"name": "caf\xe9"}\n', {"name": "caf�"}),
    ],
    ids=["bare NaN", "bare infinity", "NUL bytes", "not UTF-8"],
)
def test_what_others_leave_behind_is_read(line: bytes, record: dict[str, Any]) -> None:
    assert comparable(decode(line)) == comparable(record)


@pytest.mark.parametrize(
    "line", [b"[]\n", b"3\n", b"{\n", b"\0\0\n", b"[" * 100_000 + b"\n", b'{"a":1}{"b":2}\n']
)
def test_what_is_no_object_is_damage_and_nothing_worse(line: bytes) -> None:
    with pytest.raises(DamagedLine):
        decode(line)


def test_many_lines_at_once_are_the_lines_one_by_one() -> None:
    assert comparable(decode_lines(LOG[:-1])) == comparable([decode(line) for line in LINES])


@given(
    st.lists(st.sampled_from([*LINES, b"{\n", b"\n", b"[1]\n", b'{"a":1},{"b":2}\n', b'"nan"\n']), min_size=1)
)
def test_many_lines_at_once_are_right_or_refused(lines: list[bytes]) -> None:
    found = decode_lines(b"".join(lines)[:-1])
    if found is not None:
        assert comparable(found) == comparable([decode(line) for line in lines])


def test_a_record_that_is_nested_too_deeply_is_damage() -> None:
    deep = b'{"kind":"step","step":1,"x":' + b"[" * 990 + b'"nan"' + b"]" * 990 + b"}"

    assert decode_lines(deep) is None
    with pytest.raises(DamagedLine, match="nested too deeply"):
        decode(deep)
