"""What many records say under each key, as arrays of numbers.

This is the hot path of opening a log (a million records), so nothing here is done value by value unless a
value is odd: records are grouped by the keys they have, a group is turned by ninety degrees, and what then
stands side by side is packed as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from struct import Struct, error
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flight_recorder.engine.runlog.schema import Field

Records = Sequence[Mapping[str, Any]]
Places = NDArray[np.int64]
Floats = NDArray[np.float64]

Raw = Sequence[Any]
"""What records say under one key, one entry a record."""

Numbers = tuple[NDArray[np.bool_] | None, Floats]
"""Which entries are numbers, None for all of them; and these numbers."""

_NOT_FIELDS = frozenset({"kind", "step"})
_HASHES = ("_hash", "_checksums")
"""How the names of fields end whose text is a hexadecimal number."""


def by_keys(records: Records) -> Iterable[tuple[Places, dict[str, Raw]]]:
    """Places of the records that have the same keys, and what these say under each key but kind and step.

    Among records of one size, those that have every key of the first have no other ones. That is seen while
    their values are picked, which costs less than comparing the keys of each.
    """
    for places, alike in _grouped(records, len):
        try:
            yield places, _turned_by_key(alike)
        except KeyError:
            for within, same in _grouped(alike, frozenset):
                yield places[within], _turned_by_key(same)


def _grouped(records: Records, trait: Callable[[Any], Hashable]) -> Iterable[tuple[Places, Records]]:
    traits = list(map(trait, records))
    if len(set(traits)) == 1:
        yield np.arange(len(records)), records
        return
    by_trait: dict[Hashable, list[int]] = {}
    for place, each in enumerate(traits):
        by_trait.setdefault(each, []).append(place)
    for places in by_trait.values():
        yield np.array(places, np.int64), [records[place] for place in places]


def _turned_by_key(alike: Records) -> dict[str, Raw]:
    keys = [key for key in alike[0] if key not in _NOT_FIELDS]
    # The step is picked once more: with a single name the getter would give no tuple.
    steps_and_columns = zip(*map(itemgetter("step", *keys), alike), strict=True) if keys else iter([()])
    next(steps_and_columns)
    return dict(zip(keys, steps_and_columns, strict=True))


def columns_of(
    key: str, raw: Raw, item_names: Sequence[str], field: Field | None, misshapen: Counter[str]
) -> Iterable[tuple[str, Numbers]]:
    """The columns that one key makes: one of its own name, or one for each item of its lists.

    Items are called "activation/block_0_out", by their place where there is no name. A hexadecimal hash is a
    number; other text is none. A value of another shape than its `field` of the schema has is not measured,
    and is counted under the key.
    """
    if field is not None and is_text(field):
        return
    if field is not None and field.shape == "facts":
        yield from _facts(key, raw, misshapen)
        return
    packed = _packed(raw)
    if packed is not None and (field is None or field.shape == "scalar"):
        yield key, (None, packed)
        return
    number = _hash_number if key.endswith(_HASHES) else _number
    types = set(map(type, raw))
    if field is not None and not types <= (fitting := _types_of(field)):
        misshapen[key] += sum(type(value) not in fitting for value in raw)
        raw = [value if type(value) in fitting else None for value in raw]
        types = set(map(type, raw))
    if types != {list}:
        yield key, _numbers(raw, number)
    for item, column in enumerate(_items(raw, types)):
        packed = _packed(column)
        numbers = _numbers(column, number) if packed is None else (None, packed)
        if field is not None and packed is None:
            misshapen[key] += sum(value is not None and number(value) is None for value in column)
        name = f"{key}/{item_names[item] if item < len(item_names) else item}"
        yield name, numbers


def _facts(key: str, raw: Raw, misshapen: Counter[str]) -> Iterable[tuple[str, Numbers]]:
    """A column for each number in objects of numbers, "contract/shift"; texts in them are none."""
    misshapen[key] += sum(value is not None and not isinstance(value, dict) for value in raw)
    objects = [value if isinstance(value, dict) else {} for value in raw]
    for name in dict.fromkeys(name for each in objects for name in each):
        numbers = _numbers([each.get(name) for each in objects], _number)
        if len(numbers[1]):
            yield f"{key}/{name}", numbers


def is_text(field: Field) -> bool:
    """Whether there is no number in this field, nor in its items."""
    return field.unit == "text" and not field.name.endswith(_HASHES)


@cache
def _types_of(field: Field) -> frozenset[type]:
    """Types of the values that have the shape of this field, None among them for one that is absent."""
    if field.shape != "scalar":
        return frozenset((type(None), list))
    return frozenset((type(None), int, float, bool, *((str,) if field.name.endswith(_HASHES) else ())))


def _packed(raw: Raw) -> Floats | None:
    """These values, if all of them are numbers; a third of the time that numpy takes (measured)."""
    try:
        return np.frombuffer(Struct(f"{len(raw)}d").pack(*raw))
    except error:  # text, None, or a whole number beyond the doubles
        return None


def _items(raw: Raw, types: set[type]) -> Iterable[Raw]:
    """First items of the lists, second items and so on; None for a list that is too short or is none."""
    if list not in types:
        return ()
    if types == {list} and len(set(map(len, raw))) == 1:
        return zip(*raw, strict=True)
    width = max(len(value) for value in raw if isinstance(value, list))
    return (
        [value[item] if isinstance(value, list) and item < len(value) else None for value in raw]
        for item in range(width)
    )


def _numbers(raw: Raw, number: Callable[[Any], float | None]) -> Numbers:
    """The values of which `number` says that they are some."""
    numbers = [number(value) for value in raw]
    kept = np.array([number is not None for number in numbers])
    return kept, np.array([number for number in numbers if number is not None], np.float64)


def _number(value: Any) -> float | None:
    """The value as a number; None for anything else, text that looks like a number included."""
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    return None


def _hash_number(value: Any) -> float | None:
    try:
        return _number(int(value, 16)) if isinstance(value, str) else _number(value)
    except ValueError:
        return None
