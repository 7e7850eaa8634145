"""A record to a line of bytes and back. The only file that knows orjson.

JSON has no NaN and no infinity, and orjson would write both as null. A diverging run is the one that
matters most, so three different facts have three encodings: a non-finite number is the string "nan", "inf"
or "-inf"; a number is a number; a value that was not measured is an absent key.
"""

from __future__ import annotations

import json
import math
from typing import Any

import orjson

from flight_recorder.engine.runlog.schema import EXACT, TEXT, is_number

Record = dict[str, Any]

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class DamagedLine(ValueError):
    """A line that is no record; the message says why in a few words."""


def _encodable(value: Any, exact: bool) -> Any:
    if isinstance(value, float):
        return _encodable_float(float(value), exact)
    if isinstance(value, list | tuple):
        return [_encodable(item, exact) for item in value]
    if isinstance(value, dict):
        return {str(key): _encodable(item, exact) for key, item in value.items() if item is not None}
    return value


def _encodable_float(value: float, exact: bool) -> float | str:
    if not math.isfinite(value):
        return "nan" if value != value else ("inf" if value > 0 else "-inf")
    rounded = value if exact else float(f"{value:.5g}")
    return rounded if math.isfinite(rounded) else value  # the largest doubles would be rounded to infinity


def _repaired(value: Any) -> Any:
    """What orjson cannot write: text that is no UTF-8 (a file name in another encoding) with marks in the
    broken places, a whole number beyond 64 bits as the nearest double."""
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return _encodable_float(
            float(value) if is_number(value) else math.inf if value > 0 else -math.inf, True
        )
    if isinstance(value, str):
        return value.encode("utf-8", errors="replace").decode()
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in value.items()}
    return value


def encode(record: Record, exact: bool = False) -> bytes:
    """The line of a record, newline included.

    Numbers of fields that are not `exact` in the schema keep five significant digits: at 8,000 steps that
    is the difference between 2 and 5 MB, and no threshold looks at the sixth digit. With `exact` all are
    kept, for numbers that are not ours to round.

    Raises:
        TypeError: a value is of a type that JSON does not have.
    """
    plain = {
        key: _encodable(value, exact or key in EXACT or key in TEXT)
        for key, value in record.items()
        if value is not None
    }
    try:
        return orjson.dumps(plain, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return orjson.dumps(_repaired(plain), option=orjson.OPT_APPEND_NEWLINE)


def _restored(value: Any) -> Any:
    if isinstance(value, str):
        return _NON_FINITE.get(value, value)
    if isinstance(value, list):
        return [_restored(item) for item in value]
    if isinstance(value, dict):
        return {key: _restored(item) for key, item in value.items()}
    return value


def decode_lines(block: bytes) -> list[Record] | None:
    """The records of many lines at once, or None if one of them is not plainly a record.

    `block` has no newline at its end. Reading it as one JSON array is faster than a loop over its lines. That
    each line is an object of its own is seen from their number: damage that joins two lines and splits
    another one, all of it in valid JSON, is not of this world.
    """
    joined = block.replace(b"\n", b",\n")
    num_lines = len(joined) - len(block) + 1  # `count` of a single byte is five times slower (measured)
    try:
        records: list[Record] = orjson.loads(b"[" + joined + b"]")
    except orjson.JSONDecodeError:
        return None
    if len(records) != num_lines or set(map(type, records)) != {dict}:
        return None
    if _may_restore(block):
        try:
            for index, line in enumerate(block.split(b"\n")):
                if _may_restore(line):
                    records[index] = _restored_record(records[index])
        except RecursionError:
            return None
    return records


def _may_restore(data: bytes) -> bool:
    """Whether these bytes may hold an encoded non-finite number.

    Searched from the end, which takes less than half the time of `in` on lines full of digits (measured).
    """
    return data.rfind(b'"nan"') >= 0 or data.rfind(b'inf"') >= 0


def _restored_record(record: Record) -> Record:
    return {key: item if key in TEXT else _restored(item) for key, item in record.items()}


def _integer(digits: str) -> int | float:
    """As orjson reads it: what 64 bits do not hold is a double, infinity where it is beyond that too."""
    value = float(digits)
    return int(digits) if -(2.0**63) <= value < 2.0**64 else value


def _loads(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        pass
    # Second chance for what other writers and broken disks leave behind: NUL bytes of an unwritten block,
    # bytes that are not UTF-8, and the bare NaN and Infinity of Python's own json.
    text = line.replace(b"\0", b"").decode("utf-8", errors="replace").strip()
    if not text:
        raise DamagedLine("nothing but NUL bytes")
    try:
        return json.loads(text, parse_int=_integer)
    except RecursionError:
        raise DamagedLine("nested too deeply") from None
    except ValueError as error:
        raise DamagedLine(f"not JSON: {str(error).split(': line')[0]}") from None


def decode(line: bytes) -> Record:
    """The JSON object of one line, non-finite numbers restored.

    Says nothing about what the object means: a key or kind that the schema does not know stays as it is.

    Raises:
        DamagedLine: the line is no JSON object.
    """
    value = _loads(line)
    if not isinstance(value, dict):
        raise DamagedLine("not a JSON object")
    try:
        return _restored_record(value) if _may_restore(line) else value
    except RecursionError:
        raise DamagedLine("nested too deeply") from None
