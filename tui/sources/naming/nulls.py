"""NaN that was written as null: JSON has no NaN, and several writers put null in its place.

A null may as well mean that nothing was measured: loggers that give every row the same columns write it. It
is NaN only where rows with the very same names have never had a null before, and go on with other numbers
and without any loss, three in a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flight_recorder.tui.sources.naming.names import field_of, number

Items = list[tuple[str, Any]]

_WHOLE_ROWS = 10
"""Rows without any null before it, so that "in every record" means something (ours)."""

_IN_A_ROW = 3
"""Rows of null before it is believed: one or two may be an update that was skipped (ours)."""

_LOSSES = ("loss", "val_loss")
_PLACES = ("step", "epoch", "time")


@dataclass(slots=True)
class _Kind:
    """Rows with the same names."""

    num_whole: int = 0
    num_null: int = 0
    is_sparse: bool = False


class Nulls:
    """Tells the null that is NaN from the one that is no number, row by row."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, ...], _Kind] = {}

    def resolved(self, names: tuple[str, ...], values: list[Any]) -> list[Any]:
        """The values of a row, with NaN for its null losses where that is what null means."""
        kind = self._kinds.setdefault(names, _Kind())
        if kind.is_sparse:
            return values
        if None not in values:
            kind.is_sparse = 0 < kind.num_null < _IN_A_ROW
            kind.num_whole, kind.num_null = kind.num_whole + 1, 0
            return values
        kind.is_sparse = kind.num_whole < _WHOLE_ROWS or not _may_be_nan(
            list(zip(names, values, strict=True))
        )
        kind.num_null += 1
        if kind.is_sparse or kind.num_null < _IN_A_ROW:
            return values
        return [float("nan") if value is None else value for value in values]


def _may_be_nan(items: Items) -> bool:
    """Whether losses and at most the gradient norm are null, all losses are, and another number is there."""
    null = {field_of(name) for name, value in items if value is None}
    there = {field_of(name) or name for name, value in items if number(value) is not None}
    return (
        not null.isdisjoint(_LOSSES)
        and null <= {*_LOSSES, "grad_norm"}
        and there.isdisjoint(_LOSSES)
        and not there <= set(_PLACES)
    )
