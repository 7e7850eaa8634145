"""Find spikes of the loss: cheap on a million steps, exact where it matters, however a log is cut."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from flight_recorder.tui.checks.signals.rolling import exponential_sums
from flight_recorder.tui.checks.signals.signal import Derived, signal
from flight_recorder.tui.checks.view import View

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


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


@signal(
    "loss.spikes",
    reads=("loss",),
    window=lambda p: int(p["past"]) + 1,
    columns=("ratio", "is_spike"),
    why="median and median deviation of logarithms are moved neither by spikes before nor by the trend of "
    "50 records, and know no unit of the loss; a spike that entered its successor's baseline would hide it. "
    "A rise of less than 0.02 nats is none: losses printed as 0.0001 jump by factors without meaning",
    reference="PaLM (Chowdhery et al. 2022), https://arxiv.org/abs/2204.02311, section 5.1, on loss spikes",
)
class Spikes:
    """Loss over its 50-step exponential mean, spikes left out of it, and whether it is a spike (1, else 0).

    A step is a spike when the logarithm of its loss stands more than six robust deviations above the 50
    records before it and its loss is at least 1.3 x their exponential mean. A loss that reaches zero or below
    has no logarithm and no ratio: nothing is a spike of it. Spikes that go on for 50 records are the new
    level of the loss from there on.
    """

    def __init__(
        self,
        *,
        baseline: int = 50,
        past: int = 256,
        least_known: int = 25,
        z_min: float = 6.0,
        ratio_min: float = 1.3,
        least_rise: float = 0.02,
        least_sigma: float = 1e-3,
        screen: float = 1.25,
        block: int = 8,
        gap: int = 10,
        longest: int = 50,
    ) -> None:
        self._baseline, self._past, self._least_known = baseline, past, least_known
        self._z_min, self._ratio_min, self._least_rise = z_min, ratio_min, least_rise
        self._least_sigma, self._screen, self._block = least_sigma, screen, block
        self._gap, self._longest = gap, longest
        self._found: list[Spike] = []
        self._left_out: list[int] = []  # rows of spikes that enter no baseline
        self._event_start = 0
        self._weight = 1 - 2 / (baseline + 1)
        self._weights: Floats = self._weight ** np.arange(past - 1, -1, -1, dtype=np.float64)

    def __call__(self, view: View) -> Derived:
        """Go on by the new rows."""
        losses, first_row = view.with_past("loss"), view.first_index - view.num_past
        self.find(losses, first_row, view.num_past)
        is_spike = np.zeros(len(losses), np.bool_)
        is_spike[[spike.row - first_row for spike in self.between(first_row, first_row + len(losses))]] = True
        kept = np.isfinite(losses) & ~is_spike
        with np.errstate(invalid="ignore", divide="ignore"):
            sums = exponential_sums(np.where(kept, losses, 0.0), self._weight, self._past)
            means = sums / exponential_sums(kept.astype(np.float64), self._weight, self._past)
            ratios = np.concatenate([[np.nan], losses[1:] / means[:-1]])[view.num_past :]
        known = np.isfinite(ratios) & (view.first_index + np.arange(len(view)) >= self._least_known)
        values = {"ratio": ratios[known], "is_spike": is_spike[view.num_past :][known].astype(np.float64)}
        return Derived(view.steps[known], values)

    def between(self, first_row: int, end_row: int) -> list[Spike]:
        """The spikes from this row on, before that one."""
        first, end = (
            bisect_left(self._found, row, key=lambda spike: spike.row) for row in (first_row, end_row)
        )
        return self._found[first:end]

    def find(self, losses: Floats, first_row: int, num_past: int) -> list[Spike]:
        """The spikes among `losses[num_past:]`; `first_row` is the row of losses[0], past rows come first.

        The past has `past` rows, or reaches back to row 0.
        """
        known = len(self._found)
        if not self._is_calm(losses, num_past):
            positions = np.flatnonzero(self._screened(losses, first_row))
            for position in positions[positions >= num_past].tolist():
                spike = self._tested(losses, first_row, position)
                if spike is not None:
                    self._remember(spike)
        return self._found[known:]

    def _tested(self, losses: Floats, first_row: int, position: int) -> Spike | None:
        start = max(position - self._past, 0)
        before = losses[start:position]
        kept = np.isfinite(before)
        kept[[row - first_row - start for row in self._left_out if row >= first_row + start]] = False
        clean = before[kept]
        if len(clean) < self._least_known or clean[-self._baseline :].min() <= 0:
            return None
        logs = np.log(np.maximum(clean[-self._baseline :], 1e-9))
        centre = float(np.median(logs))
        sigma = max(1.4826 * float(np.median(np.abs(logs - centre))), self._least_sigma)
        loss = float(losses[position])
        z = (float(np.log(max(loss, 1e-9))) - centre) / sigma
        weights = self._weights[self._past - len(before) :][kept]
        mean = float(clean @ weights / weights.sum())
        if z <= self._z_min or loss < self._ratio_min * mean or loss - mean < self._least_rise:
            return None
        return Spike(first_row + position, loss, mean, z)

    def _remember(self, spike: Spike) -> None:
        if not self._found or spike.row - self._found[-1].row > self._gap:
            self._event_start = spike.row
        self._found.append(spike)
        has_moved_for_good = spike.row - self._event_start >= self._longest
        self._left_out = [] if has_moved_for_good else [*self._left_out[1 - self._past :], spike.row]

    def _is_calm(self, losses: Floats, num_past: int) -> bool:
        """Whether the screen cannot find anything: no new loss is far above the lowest of the recent ones.

        The lowest median of a block is never below the lowest loss. It spares a live run, which brings a
        record or two at a time, from screening all of its past again.
        """
        looked_at = 10 * self._block  # more than the eight blocks and the started one that the screen sees
        if num_past >= len(losses):
            return True
        if num_past < looked_at:
            return False
        recent = losses[num_past - looked_at :]
        highest = recent[looked_at:].max()
        return bool(np.isfinite(recent).all() and highest < self._screen * recent.min())

    def _screened(self, losses: Floats, first_row: int) -> Flags:
        """Rows that could be spikes: well above the lowest median of a block among the eight before.

        Blocks are counted from row 0, so that a row is screened the same however the log was cut.
        """
        lead = -first_row % self._block
        whole = (len(losses) - lead) // self._block
        flags = np.isfinite(losses)
        if whole < 1:
            return flags
        blocks = losses[lead : lead + whole * self._block].reshape(whole, self._block)
        medians = np.median(np.where(np.isfinite(blocks), blocks, np.inf), axis=1)
        padded = np.concatenate([np.full(8, np.inf), medians])
        lowest = sliding_window_view(padded, 8).min(axis=1)  # lowest[k]: the eight blocks before block k
        block_of = np.clip((np.arange(len(losses)) - lead) // self._block, 0, whole)
        reference = lowest[block_of]
        stands_out: Flags = (losses >= self._screen * reference) | np.isinf(reference)
        return flags & stands_out
