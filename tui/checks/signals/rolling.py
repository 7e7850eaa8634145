"""Rolling numbers that do not depend on how the log was cut up.

A running sum rounds differently after each cut; these add a window's rows in one fixed order, or use
blocks counted from the start of the run.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.view import View

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Running:
    """The largest (np.fmax), smallest (np.fmin) ... of a series so far, however it is cut into views."""

    def __init__(self, accumulate: np.ufunc, start: float = np.nan) -> None:
        self._accumulate, self._now = accumulate, start

    def take(self, values: Floats | Steps | NDArray[np.bool_]) -> Floats:
        """What it is at each of the new values, this one included."""
        found: Floats = self._accumulate.accumulate(np.concatenate([[self._now], values]))
        self._now = float(found[-1])
        return found[1:]

    def before(self, values: Floats) -> Floats:
        """The same at each of the new values, this one left out."""
        start = self._now
        return np.concatenate([[start], self.take(values)[:-1]])


class First:
    """The first finite value of a series."""

    def __init__(self) -> None:
        self.value = np.nan

    def take(self, values: Floats) -> float:
        """The first so far, these new values included; NaN while there is none."""
        if np.isnan(self.value):
            finite = values[np.isfinite(values)]
            self.value = float(finite[0]) if len(finite) else np.nan
        return self.value


class Events:
    """The events of a run, of which those that follow one another closely count once."""

    def __init__(self) -> None:
        self._steps: list[int] = []
        self._places = [-np.inf]

    def add(self, place: float, step: int, apart: float) -> None:
        """An event known from `step` on; counted if the one before is at least so many places back."""
        if place - self._places[-1] >= apart:
            self._places.append(place)
            self._steps.append(step)

    def within(self, steps: Steps, reach: int) -> Floats:
        """How many there were in the last `reach` steps up to each of these."""
        known = np.array(self._steps, np.int64)
        counts = np.searchsorted(known, steps, side="right")
        counts -= np.searchsorted(known, steps - reach, side="right")
        return counts.astype(np.float64)


def unbroken(view: View, holds: Flags) -> Floats:
    """For how many records in a row, from the very first on, it has held at each of the new ones."""
    so_far = view.kept("has held", Running, np.fmin, 1.0).take(holds)
    return view.kept("records", Running, np.add, 0.0).take(so_far)


def has_left_first(view: View, values: Floats, agree: float) -> Flags:
    """At each of the new values whether one so far was off the first by more than this share of it."""
    first = view.kept("first", First).take(values)
    is_off = np.abs(values - first) > agree * abs(first)
    return view.kept("is off", Running, np.fmax, 0.0).take(is_off) > 0


def blocks_of(view: View, name: str, size: int) -> tuple[Steps, Floats]:
    """Last step and values of each block that the new rows complete, shape (blocks, size).

    Blocks are counted from row 0 of the log, so that cutting it changes nothing.
    """
    lead = -(view.first_index - view.num_past) % size
    values, steps = view.with_past(name)[lead:], view.steps_with_past[lead:]
    count = len(values) // size
    return steps[size - 1 : count * size : size], values[: count * size].reshape(count, size)


def rolling_mean(view: View, name: str, window: int) -> tuple[Steps, Floats]:
    """Mean over the last `window` rows at each new row that has so many; the check's window is as long."""
    return rolling_sum_of(view, view.with_past(name) / window, window)


def rolling_sum_of(view: View, values: Floats, window: int) -> tuple[Steps, Floats]:
    """Sum over the last `window` of these values, one per row of the past and the new ones."""
    total = rolling_sums(values, window)
    new = min(len(total), len(view))
    return view.steps[len(view) - new :], total[len(total) - new :]


def rolling_sums(values: Floats, window: int) -> Floats:
    """Sum of each `window` neighbouring values, added in their order."""
    count = len(values) - window + 1
    if count <= 0:
        return np.empty(0)
    total = values[:count].copy()
    for offset in range(1, window):
        total += values[offset : offset + count]
    return total


def exponential_sums(values: Floats, weight: float, window: int) -> Floats:
    """At each value the sum of the last `window` ones, a power of two, weighted by weight^(how long ago).

    A sum over 2 n values is one over n and, n places back, another: few additions in one fixed order.
    """
    total = values.copy()
    reach = 1
    while reach < window:
        total[reach:] += weight**reach * total[:-reach]
        reach *= 2
    return total


def trailing_median(view: View, name: str, window: int, every: int) -> tuple[NDArray[np.int64], Floats]:
    """(positions among the new rows, median of the `window` rows up to the last multiple of `every`).

    The row itself is never part of its baseline. The check's window must be `window + every`. Medians that
    move on every `every` rows instead of each cost a tenth and judge the same.
    """
    rows = view.first_index + np.arange(len(view))
    ends = rows // every * every  # the baseline of a row covers rows [end - window, end)
    chosen = np.flatnonzero(ends >= window)
    if not len(chosen):
        return chosen, np.empty(0)
    values = view.with_past(name)
    first = view.first_index - view.num_past
    newest = ends[chosen[-1]]
    if ends[chosen[0]] == newest:
        start = newest - window - first
        return chosen, np.full(len(chosen), _finite_medians(values[start : start + window][None])[0])
    distinct, inverse = np.unique(ends[chosen], return_inverse=True)
    offsets = distinct[:, None] - window - first + np.arange(window)[None, :]
    return chosen, _finite_medians(values[offsets])[inverse]


def _finite_medians(rows: Floats) -> Floats:
    """Median of the finite values of each row; one NaN must not blind the rows that follow it."""
    medians = np.empty(len(rows))
    whole = np.isfinite(rows).all(axis=1)
    medians[whole] = np.median(rows[whole], axis=1)
    for row in np.flatnonzero(~whole):
        finite = rows[row][np.isfinite(rows[row])]
        medians[row] = np.median(finite) if len(finite) else np.nan
    return medians
