"""Find spikes of the loss: cheap on a million steps, exact where it matters, blind to how a log was cut up.

A step is a spike when the logarithm of its loss stands more than six robust deviations above the 50 records
before it and its loss is at least 1.3 x their exponential mean. A spike never enters the baseline of another.
A loss that reaches zero or below has no logarithm and no ratio: nothing is a spike of it.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from flight_recorder.tui.checks.signals.signal import signal
from flight_recorder.tui.checks.view import View

Floats = NDArray[np.float64]

BASELINE = 50
"""Records in a baseline."""

PAST = 250
"""Records looked back on at most to find that many without spikes, and for the exponential mean."""

Z_MIN, RATIO_MIN = 6.0, 1.3
_MIN_BASELINE = 25
_MIN_RISE = 0.02
"""Nats that a spike rises at least: losses printed as 0.0001 jump by factors without meaning."""

_SIGMA_FLOOR = 1e-3
_ALPHA = 2.0 / (BASELINE + 1)
_BLOCK = 8
_SCREEN = 1.25
_GAP, _LONGEST = 10, 50


@dataclass(frozen=True, slots=True)
class Spike:
    """One record that stands out: its row counted from the start of the log, and by how much."""

    row: int
    loss: float
    before: float
    """Exponential mean over 50 records, spikes left out."""
    z: float

    @property
    def ratio(self) -> float:
        """Loss over the mean before it."""
        return self.loss / self.before


class SpikeFinder:
    """Goes through the losses of a run in order and tells the rows that are spikes."""

    def __init__(self) -> None:
        self._rows: list[int] = []
        self._event_start = self._event_end = -PAST

    def find(self, losses: Floats, first_row: int, num_past: int) -> list[Spike]:
        """The spikes among `losses[num_past:]`; `first_row` is the row of losses[0], past rows come first.

        The past has PAST rows, or reaches back to row 0.
        """
        found: list[Spike] = []
        if _is_calm(losses, num_past):
            return found
        positions = np.flatnonzero(_screened(losses, first_row))
        for position in positions[positions >= num_past].tolist():
            spike = self._tested(losses, first_row, position)
            if spike is not None:
                self._remember(spike.row)
                found.append(spike)
        return found

    def _tested(self, losses: Floats, first_row: int, position: int) -> Spike | None:
        start = max(position - PAST, 0)
        before = losses[start:position]
        kept = np.isfinite(before)
        for row in reversed(self._rows):
            if row < first_row + start:
                break
            kept[row - first_row - start] = False
        clean = before[kept]
        if len(clean) < _MIN_BASELINE or clean[-BASELINE:].min() <= 0:
            return None
        logs = np.log(np.maximum(clean[-BASELINE:], 1e-9))
        centre = float(np.median(logs))
        sigma = max(1.4826 * float(np.median(np.abs(logs - centre))), _SIGMA_FLOOR)
        loss = float(losses[position])
        z = (float(np.log(max(loss, 1e-9))) - centre) / sigma
        mean = exponential_mean(clean)
        if z <= Z_MIN or loss < RATIO_MIN * mean or loss - mean < _MIN_RISE:
            return None
        return Spike(first_row + position, loss, mean, z)

    def _remember(self, row: int) -> None:
        if row - self._event_end > _GAP:
            self._event_start = row
        self._event_end = row
        self._rows.append(row)
        if row - self._event_start >= _LONGEST:
            # The loss has moved for good: what looks like a spike is the new normal from here on.
            self._rows = []


@signal(
    "loss.spikes",
    reads=("loss",),
    window=PAST + 1,
    columns=(),
    why="median and median deviation of logarithms are moved neither by spikes before nor by the trend of "
    "50 records, and know no unit of the loss; a spike that entered its successor's baseline would hide it",
    reference="PaLM (Chowdhery et al. 2022), https://arxiv.org/abs/2204.02311, section 5.1, on loss spikes",
)
class Spikes:
    """Every spike of the training loss, by its row counted from 0."""

    def __init__(self) -> None:
        self._finder = SpikeFinder()
        self._found: list[Spike] = []

    def __call__(self, view: View) -> None:
        """Go on by the new rows."""
        self._found += self._finder.find(
            view.with_past("loss"), view.first_index - view.num_past, view.num_past
        )

    def between(self, first_row: int, end_row: int) -> list[Spike]:
        """The spikes from this row on, before that one."""
        first, end = (
            bisect_left(self._found, row, key=lambda spike: spike.row) for row in (first_row, end_row)
        )
        return self._found[first:end]


def exponential_mean(values: Floats) -> float:
    """Exponential moving average with a span of 50 records, at the end of `values`."""
    recent = values[-4 * BASELINE :]
    weights = _WEIGHTS[-len(recent) :]
    return float(recent @ weights / weights.sum())


_WEIGHTS: Floats = (1 - _ALPHA) ** np.arange(4 * BASELINE - 1, -1, -1, dtype=np.float64)


_CALM_ROWS = 80
"""More than the 64 rows and the started block that the screen looks at."""


def _is_calm(losses: Floats, num_past: int) -> bool:
    """Whether the screen cannot find anything: no new loss is far above the lowest of the recent ones.

    The lowest median of a block is never below the lowest loss. It spares a live run, which brings a record
    or two at a time, from screening all of its past again.
    """
    if num_past >= len(losses):
        return True
    if num_past < _CALM_ROWS:
        return False
    recent = losses[num_past - _CALM_ROWS :]
    return bool(np.isfinite(recent).all() and recent[_CALM_ROWS:].max() < _SCREEN * recent.min())


def _screened(losses: Floats, first_row: int) -> NDArray[np.bool_]:
    """Rows that could be spikes: well above the lowest median of a block among the 64 rows before.

    Blocks are counted from row 0, so that a row is screened the same however the log was cut.
    """
    lead = -first_row % _BLOCK
    whole = (len(losses) - lead) // _BLOCK
    flags = np.isfinite(losses)
    if whole < 1:
        return flags
    blocks = losses[lead : lead + whole * _BLOCK].reshape(whole, _BLOCK)
    medians = np.median(np.where(np.isfinite(blocks), blocks, np.inf), axis=1)
    padded = np.concatenate([np.full(8, np.inf), medians])
    lowest = sliding_window_view(padded, 8).min(axis=1)  # lowest[k]: over the eight blocks before block k
    block_of = np.clip((np.arange(len(losses)) - lead) // _BLOCK, 0, whole)
    reference = lowest[block_of]
    stands_out: NDArray[np.bool_] = (losses >= _SCREEN * reference) | np.isinf(reference)
    return flags & stands_out
