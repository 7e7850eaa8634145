"""The level of a series as a curve of few points, and what its shape says in the run's own units.

Why these statistics:
- Medians of equal blocks: one wild record moves nothing, and ten records or a million are judged by the same
  test (Tukey, Exploratory Data Analysis, 1977, chapter 7, "smoothing by medians").
- Logarithms of what is never negative: a squared error of 1e-5 and a sum of thousands rise by the same share.
- Noise from second differences, of which a trend leaves nothing, at three distances, of which slow wandering
  raises the larger (Gasser, Sroka & Jennen-Steinmetz, Biometrika 73 (1986) 625-633; von Neumann, Annals of
  Mathematical Statistics 12 (1941) 367-395), as a median (Hampel, JASA 69 (1974) 383-393).
- The best of late against the best of all: both are minima, whose biases cancel, so one lucky dip is no best
  and one bad end no rise (after the generalisation loss of Prechelt, https://doi.org/10.1007/3-540-49430-8_3).
- Two questions, never one: is it real (against the noise), and is it large (as a share).
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.signals.signal import signal
from flight_recorder.tui.checks.view import View

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shape:
    """What the curve says after one more block. Levels are logarithms; of a series that has been below zero
    they are its values, and `is_signed` says so.

    `real` deviations are no noise any more; the highest of 32 medians of three records stays `highest` below.

    Attributes:
        step: last step of the block.
        first: where the run began.
        level: the blocks; `steps` are their last steps.
        noise: deviation of a block from a smooth curve through its neighbours.
        scatter: the same of single records, as the first blocks, of one record each, had it.
        best, late: the lowest smoothed level of all, and of late; `best_step` is the last step of the former.
        peak: the highest smoothed level; at least `first`.
        is_young: whether each block is still a single record.
        medians: the blocks in the unit of the series.
        spread: how far the records of the last half of the blocks lie apart, as a share of their median.
    """

    step: int
    first: float
    level: Floats
    steps: Steps
    noise: float
    scatter: float
    best: float
    best_step: int
    late: float
    peak: float
    is_signed: bool
    is_young: bool
    real: float
    highest: float
    medians: Floats
    spread: float

    @property
    def rise(self) -> float:
        """How far the best of late is above the best of all."""
        return self.late - self.best

    @property
    def given_back(self) -> float:
        """The rise as a share of all that had been learned; 1 where that was less than what was lost."""
        return self.rise / max(self.first - self.best, float(self.level[0]) - self.best, self.rise, 1e-300)

    def is_real(self, difference: float, times: float = 1.0) -> bool:
        """Whether so many times the noise do not explain a difference of two levels, each of three blocks."""
        return difference > times * self.real * 0.8 * math.sqrt(2) * self.noise

    @property
    def drawdown(self) -> float:
        """The largest rise so far over what had been the lowest smoothed level until then."""
        smooth = smoothed(self.level)
        return float((smooth - np.minimum.accumulate(smooth)).max())

    def words(self, what: str = "the loss") -> str:
        """The levels in a sentence."""
        first, peak, best, late = (
            f"{level if self.is_signed else math.exp(min(level, 700.0)):.4g}"
            for level in (self.first, self.peak, self.best, self.late)
        )
        return (
            f"{what} began at {first}, was as high as {peak} and as low as {best} (step {self.best_step}), "
            f"and is {late}"
        )

    @property
    def height(self) -> float:
        """How far the peak is above where the run began."""
        return self.peak - self.first

    @property
    def is_height_noise(self) -> bool:
        """Whether the highest of so many records may be as high by their noise alone."""
        return not self.height > self.highest * max(self.scatter, self.noise)

    def is_falling(self, by: float) -> bool:
        """Whether the last quarter of the blocks is so far below the one before, in logarithms."""
        quarter = max(len(self.level) // 4, 2)
        before, now = self.level[-2 * quarter : -quarter], self.level[-quarter:]
        return float(np.median(now)) < float(np.median(before)) - by

    def fall(self, begin: int = 0) -> float:
        """How far the last third of the blocks is below the first, from a block on."""
        level = self.level[begin:]
        third = max(len(level) // 3, 1)
        return float(np.median(level[:third]) - np.median(level[-third:]))

    def hidden(self, begin: int = 0) -> float:
        """The largest such fall that noise can hide: silence needs power, and a flat curve is a finding only
        where a fall would have shown."""
        count = len(self.level) - begin
        third = max(count // 3, 1)
        return self.real * 1.25 * self.noise * math.sqrt(2 / third) * (1 + 5 / count)

    def largest_fall(self, begin: int = 0) -> float:
        """The fall that can have been: the one seen, and what noise can hide."""
        return max(self.fall(begin), 0.0) + self.hidden(begin)


def smoothed(level: Floats) -> Floats:
    """Medians of three neighbours: one lucky block is no level."""
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(level, 3), axis=1))


def noise_of(level: Floats, most: int = 3) -> float:
    """Deviation of a level from a smooth curve through its neighbours: the largest over so many distances."""
    found = [0.0]
    for apart in range(1, min(most, (len(level) - 1) // 2) + 1):
        bends = level[apart:-apart] - (level[: -2 * apart] + level[2 * apart :]) / 2
        found.append(1.4826 * float(np.median(np.abs(bends))) / math.sqrt(1.5))
    return max(found)


class LevelCurve:
    """Takes a series in pieces and knows its shape after each block: any cutting gives the same shapes.

    Args:
        most_blocks: blocks at which pairs become one: 16 to 32 of them describe a run of any length.
        least_blocks: blocks from which a shape can be told from its noise.
        tail: share of the blocks that is "of late".
        num_first: records that say where the run began: the first, or their median if that is lower. They are
            kept, for the blocks grow over them; and the first is the one that the rate has touched least.
        real, highest: see Shape.
    """

    def __init__(
        self,
        *,
        most_blocks: int = 32,
        least_blocks: int = 8,
        tail: float = 0.1,
        num_first: int = 3,
        real: float = 2.0,
        highest: float = 4.0,
    ) -> None:
        self._most_blocks, self._least_blocks, self._tail = most_blocks, least_blocks, tail
        self._num_first, self._real, self._highest = num_first, real, highest
        self._size = 1
        self._medians: list[float] = []
        self._extremes: list[tuple[float, float]] = []
        self._ends: list[int] = []
        self._rest, self._rest_steps = np.empty(0), np.empty(0, np.int64)
        self._first: list[float] = []
        self._is_signed = False
        self._last = math.nan
        self._print_step = math.inf
        self._peak = -math.inf
        self._scatter = 0.0

    def take(self, steps: Steps, values: Floats) -> Iterator[Shape]:
        """Go on by these records; the shape after each block that they complete."""
        self._rest = np.concatenate([self._rest, values])
        self._rest_steps = np.concatenate([self._rest_steps, steps])
        at = 0
        while at + self._size <= len(self._rest):
            end = at + self._size
            self._close(self._rest[at:end], int(self._rest_steps[end - 1]))
            at = end
            if len(self._medians) >= self._least_blocks and math.isfinite(self._medians[-1]):
                shape = self._shape()
                if shape is not None:
                    yield shape
            if len(self._medians) == self._most_blocks:
                self._merge()
        self._rest, self._rest_steps = self._rest[at:], self._rest_steps[at:]

    def _close(self, block: Floats, step: int) -> None:
        finite = block[np.isfinite(block)]
        self._first += finite[: max(self._num_first - len(self._first), 0)].tolist()
        if len(finite):
            self._is_signed = self._is_signed or bool(finite.min() < 0)
            with np.errstate(over="ignore", invalid="ignore"):  # from one end of all numbers to the other
                gaps = np.abs(np.diff(finite, prepend=self._last))
            self._last = float(finite[-1])
            gaps = gaps[gaps > 0]
            self._print_step = min(self._print_step, float(gaps.min()) if len(gaps) else math.inf)
        with np.errstate(over="ignore", invalid="ignore"):
            self._medians.append(float(np.median(finite)) if len(finite) else math.nan)
        self._extremes.append((finite.min(), finite.max()) if len(finite) else (math.nan, math.nan))
        self._ends.append(step)

    def _merge(self) -> None:
        pairs = np.array(self._medians).reshape(-1, 2)
        logs = np.log(np.maximum(pairs, 1e-12)).mean(axis=1)
        halves = (pairs / 2).sum(axis=1)  # of huge ones the sum is beyond all numbers
        self._medians = np.where((pairs > 0).all(axis=1), np.exp(logs), halves).tolist()
        extremes = np.array(self._extremes).reshape(-1, 2, 2)
        lowest, highest = np.fmin.reduce(extremes[..., 0], axis=1), np.fmax.reduce(extremes[..., 1], axis=1)
        self._extremes = list(zip(lowest.tolist(), highest.tolist(), strict=True))
        self._ends = self._ends[1::2]
        self._size *= 2

    @np.errstate(all="ignore")  # from one end of all numbers to the other
    def _shape(self) -> Shape | None:
        values = np.array(self._medians)
        known = np.isfinite(values)
        values, ends = values[known], np.array(self._ends)[known]
        if len(values) < self._least_blocks:
            return None
        level = self._levels(values)
        first = float(self._levels(np.array([min(self._first[0], np.median(self._first))]))[0])
        smooth = smoothed(level)
        late = smooth[-max(1, round(self._tail * len(smooth))) :]
        best = int(np.argmin(smooth))
        # A run of blocks is merged into longer ones, and its peak with them: the highest is remembered.
        self._peak = max(self._peak, float(smooth.max()))
        noise = self._noise(level, float(values[-1]))
        if self._size == 1:
            self._scatter = noise
        return Shape(
            step=int(ends[-1]),
            first=first,
            level=level,
            steps=ends,
            noise=noise,
            scatter=self._scatter,
            best=float(smooth[best]),
            best_step=int(ends[best + 2]),
            late=float(late.min()),
            peak=max(self._peak, first),
            is_signed=self._is_signed,
            is_young=self._size == 1,
            real=self._real,
            highest=self._highest,
            medians=values,
            spread=self._spread(len(values)),
        )

    def _levels(self, values: Floats) -> Floats:
        return values if self._is_signed else np.log(np.maximum(values, 1e-12))

    def _spread(self, count: int) -> float:
        """What lies between the extremes of the last half of the blocks, wild ones left out."""
        half = max(count // 2, 1)
        low, high = np.array(self._extremes)[-half:].T
        middle = abs(float(np.nanmedian(self._medians[-half:])))
        return float(np.nanquantile(high, 0.95) - np.nanquantile(low, 0.05)) / max(middle, 1e-12)

    def _noise(self, level: Floats, now: float) -> float:
        """That of the curve; never under what the digits printed can tell."""
        digits = self._print_step / math.sqrt(12) if math.isfinite(self._print_step) else 0.0
        return max(noise_of(level), digits / (1.0 if self._is_signed else max(abs(now), 1e-12)), 1e-12)


_WHY = (
    "medians of equal blocks judge ten records or a million by the same test and no wild record moves them "
    "(Tukey 1977); noise is what second differences leave, which no trend enters (Gasser, Sroka & "
    "Jennen-Steinmetz 1986)"
)
_REFERENCE = "https://doi.org/10.1093/biomet/73.3.625"


class Levels:
    """The `shapes` of one series, after each block, and as of any step."""

    name = ""

    def __init__(
        self,
        *,
        most_blocks: int = 32,
        least_blocks: int = 8,
        tail: float = 0.1,
        num_first: int = 3,
        real: float = 2.0,
        highest: float = 4.0,
    ) -> None:
        self._curve = LevelCurve(
            most_blocks=most_blocks,
            least_blocks=least_blocks,
            tail=tail,
            num_first=num_first,
            real=real,
            highest=highest,
        )
        self.shapes: list[Shape] = []

    def __call__(self, view: View) -> None:
        """Go on by the new records."""
        self.take(view.steps, view[self.name])

    def take(self, steps: Steps, values: Floats) -> None:
        """Go on by these records."""
        self.shapes.extend(self._curve.take(steps, values))

    def among(self, steps: Steps) -> list[Shape]:
        """The shapes after the blocks that end at one of these steps."""
        if not len(steps):
            return []
        return self.shapes[self._place(int(steps[0]) - 1) : self._place(int(steps[-1]))]

    def before(self, step: int) -> Shape | None:
        """The newest shape from before a step; None where there is none."""
        place = self._place(step - 1)
        return self.shapes[place - 1] if place else None

    def _place(self, step: int) -> int:
        return bisect.bisect_right(self.shapes, step, key=lambda shape: shape.step)


@signal("loss.level", reads=("loss",), columns=(), why=_WHY, reference=_REFERENCE)
class LossLevel(Levels):
    """The level of the training loss as a curve of few points: its shape after each block."""

    name = "loss"


@signal("val.level", reads=("evaluation.val_loss",), columns=(), why=_WHY, reference=_REFERENCE)
class ValidationLevel(Levels):
    """The level of the validation loss as a curve of few points: its shape after each block."""

    name = "val_loss"

    def __init__(self, *, least_blocks: int = 5, tail: float = 0.1, real: float = 2.0) -> None:
        super().__init__(least_blocks=least_blocks, tail=tail, real=real)
