"""Fit every known schedule to logged (step, lr): the candidates among which the detective chooses.

A schedule is computed, not measured, so a right guess matches to the last printed digit and a wrong one does
not. Each function here proposes guesses; which of them hold is decided by the residuals alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flight_recorder.engine.runlog.schedules import Floats, Schedule, fraction_gone


@dataclass(frozen=True, slots=True)
class Observed:
    """Logged rates, thinned: steps and lr of equal length, and how far a right guess may be off at each."""

    steps: Floats
    lr: Floats
    slack: Floats

    @property
    def top(self) -> NDArray[np.intp]:
        """Positions at the highest rate."""
        return np.flatnonzero(self.lr >= self.lr.max() - self.slack)

    @property
    def tail(self) -> int:
        """Position from which on at least three rates equal the last one; the length where none do."""
        differs = np.flatnonzero(np.abs(self.lr - self.lr[-1]) > self.slack)
        start = int(differs[-1]) + 1 if len(differs) else 0
        return start if len(self.lr) - start >= 3 else len(self.lr)

    def error(self, guess: Schedule) -> float:
        """Largest difference in units of the slack; at most 1 for a schedule that fits to the last digit."""
        return float(np.max(np.abs(guess.value(self.steps) - self.lr) / self.slack))


def rounding_slack(lr: Floats) -> Floats:
    """How far the printed rates may be from the computed ones, from the digits that they were printed with.

    Half a unit of the last digit, and half as much again for the constants being fitted to rounded numbers;
    at least 1e-6 of the highest rate, for schedules computed in single precision.
    """
    sample = [f"{value:.12g}" for value in lr[:: max(1, len(lr) // 64)] if value]
    mantissas = [text.split("e")[0].lstrip("-").replace(".", "").strip("0") for text in sample]
    digits = max((len(mantissa) for mantissa in mantissas), default=12)
    digits = max(
        digits, 3
    )  # 0.001 and 0.0001 have one digit because they are round, not because they were cut
    exponents = np.floor(np.log10(np.maximum(np.abs(lr), 1e-30)))
    by_digits = 10.0 ** (exponents - digits + 1)
    fixed = 10.0 ** -max((_decimals(text) for text in sample), default=12)
    quantum = np.maximum(by_digits, fixed)
    return np.asarray(0.75 * quantum + 1e-6 * np.max(np.abs(lr)) + 1e-300)


def _decimals(text: str) -> int:
    mantissa, _, exponent = text.partition("e")
    return len(mantissa.partition(".")[2]) - int(exponent or 0)


def guesses(seen: Observed) -> Iterator[Schedule]:
    """Every schedule worth a look at the residuals, in no particular order."""
    if np.all(np.abs(seen.lr - seen.lr[0]) <= seen.slack):
        yield Schedule("constant", float(np.median(seen.lr)))
        return
    first_top = int(seen.top[0])
    for warmup in _warmups(seen, first_top):
        yield from _plateau(seen, warmup)
        for start in _decay_starts(seen, warmup):
            yield from _decays(seen, replace(warmup, decay_start=start), first_top)
        yield from _late_decays(seen, warmup)


def _warmups(seen: Observed, first_top: int) -> Iterator[Schedule]:
    """Schedules with only the part before the top filled in; the bare one when the top comes first."""
    peak = float(seen.lr.max())
    if first_top == 0:
        yield Schedule("constant", peak)
        yield Schedule("constant", peak, lag=1)
        return
    steps, lr, slack = seen.steps[:first_top], seen.lr[:first_top], seen.slack[:first_top]
    if np.any(np.diff(lr) < -slack[1:]):
        return
    for kind, shift, lag in (
        ("linear", 0.0, 0),
        ("linear", 1.0, 0),
        ("linear", 0.0, 1),
        ("logarithmic", 1.0, 0),
        ("logarithmic", 1.0, 1),
    ):
        ramp = steps - lag + shift
        base = np.log(np.maximum(ramp, 1.0)) if kind == "logarithmic" else ramp
        if ramp[0] < 0 or not np.any(base > 0):
            continue
        slope = float(lr @ base / (base @ base))
        if slope <= 0 or np.any(np.abs(slope * base - lr) > 2 * slack):
            continue
        for length in _lengths(seen, first_top, kind, slope, shift - lag):
            rise = np.log(length) if kind == "logarithmic" else length
            yield Schedule(
                "constant", slope * rise, warmup_kind=kind, warmup_steps=length, warmup_shift=shift, lag=lag
            )


def _lengths(
    seen: Observed, first_top: int, kind: str, slope: float, offset: float, *, most: int = 24
) -> list[int]:
    """Warm-up lengths W that put the top between the last rate below it and the first rate at it."""
    peak = float(seen.lr.max())
    exact = peak / slope
    nearest = round(float(np.exp(exact))) if kind == "logarithmic" and exact < 30 else round(exact)
    if len(seen.top) > 1 or seen.steps[first_top] - seen.steps[first_top - 1] <= 1:
        return [max(nearest, 1)]
    last = int(seen.steps[first_top + 1] + offset) if first_top + 1 < len(seen.steps) else nearest
    stride = max(1, (last - nearest) // most)
    return list(range(max(nearest, 1), max(nearest, last) + 1, stride))


def _plateau(seen: Observed, warmup: Schedule) -> Iterator[Schedule]:
    """Constant after the warm-up, once it has held for long enough to be told from the top of a decay."""
    top = seen.top
    span = seen.steps[-1] - seen.steps[top[0]]
    if len(top) >= 5 and top[-1] == len(seen.lr) - 1 and span >= 0.25 * warmup.warmup_steps:
        yield replace(warmup, lr_max=float(np.median(seen.lr[top])))


def steps_down(seen: Observed) -> Iterator[Schedule]:
    """Levels held for several records each, with jumps far larger than a printed digit.

    Unlike the other guesses it needs every record, thinned ones do not show how long a level was held.
    """
    first_top = int(seen.top[0])
    for warmup in _warmups(seen, first_top):
        yield from _levels(seen, warmup, first_top)


def _levels(seen: Observed, warmup: Schedule, first_top: int) -> Iterator[Schedule]:
    steps, lr, slack = seen.steps[first_top:], seen.lr[first_top:], seen.slack[first_top:]
    jumps = np.flatnonzero(np.abs(np.diff(lr)) > slack[1:]) + 1
    bounds = [0, *jumps.tolist(), len(lr)]
    held = [b - a for a, b in pairwise(bounds)]
    if not len(jumps) or min(held[:-1]) < 3 or held[-1] < 2:
        return
    if np.min(np.abs(np.diff(lr))[jumps - 1] / slack[jumps]) < 8 or np.any(np.diff(lr) > slack[1:]):
        return
    levels = tuple(float(lr[a]) for a in bounds[:-1])
    milestones = tuple(float(steps[j]) for j in jumps)
    yield replace(warmup, kind="step", lr_max=levels[0], levels=levels, milestones=milestones)


def _decay_starts(seen: Observed, warmup: Schedule) -> list[float]:
    """Where, on the scheduler's counter, a decay that follows the warm-up at once may begin."""
    if not warmup.warmup_steps:
        return [0.0]
    return [float(warmup.warmup_steps), float(warmup.warmup_steps - 1)]


def _decays(seen: Observed, start: Schedule, first_top: int) -> Iterator[Schedule]:
    i, lr = seen.steps[first_top:] - start.lag, seen.lr[first_top:]
    tail = max(seen.tail - first_top, 0)
    if len(lr) < 5 or seen.lr.max() - lr[-1] < 20 * seen.slack[-1]:
        return
    yield from _linear(seen, start, i, lr, tail)
    yield from _endless(start, i[:tail], lr[:tail])
    for kind in ("cosine", "one_minus_sqrt"):
        yield from _curved(seen, start, kind, i, lr)


def _linear(seen: Observed, start: Schedule, i: Floats, lr: Floats, tail: int) -> Iterator[Schedule]:
    falling = (np.arange(len(lr)) < tail) & (i >= start.decay_start)
    if falling.sum() < 3:
        return
    slope, intercept = np.polyfit(i[falling], lr[falling], 1)
    if slope >= 0:
        return
    low = float(lr[-1]) if tail < len(lr) and lr[-1] > seen.slack[-1] else 0.0
    end = (low - intercept) / slope
    peak = float(intercept + slope * start.decay_start)
    for total in (*round_ends(float(end)), float(end)):
        yield replace(start, kind="linear", lr_max=peak, lr_min=low, total_steps=total)
        yield replace(start, kind="linear", lr_max=float(lr.max()), lr_min=low, total_steps=total)
    if not start.warmup_steps:
        yield from _begun_late(start, i[falling], lr[falling], low)


def _begun_late(start: Schedule, i: Floats, lr: Floats, low: float) -> Iterator[Schedule]:
    """A line that starts a little after the first record, which still has the highest rate."""
    if len(lr) < 4:
        return
    slope, intercept = np.polyfit(i[1:], lr[1:], 1)
    if slope < 0 and intercept + slope * i[0] > lr[0]:
        begin = float(round((lr[0] - intercept) / slope))
        for total in round_ends(float((low - intercept) / slope)):
            yield replace(
                start, kind="linear", lr_max=float(lr[0]), lr_min=low, decay_start=begin, total_steps=total
            )


def _endless(start: Schedule, i: Floats, lr: Floats) -> Iterator[Schedule]:
    """Decays without an end: exponential, and one over the square root."""
    kept = (lr > 0) & (i >= start.decay_start)
    if kept.sum() < 4:
        return
    i, lr = i[kept] - start.decay_start, lr[kept]
    slope, intercept = np.polyfit(i, np.log(lr), 1, w=lr)
    if slope < 0:
        yield replace(start, kind="exponential", lr_max=float(np.exp(intercept)), rate=float(np.exp(slope)))
    slope, intercept = np.polyfit(i, lr**-2.0, 1, w=lr**3 / lr.max() ** 3)
    if slope > 0 and intercept > 0:
        yield replace(
            start, kind="inverse_sqrt", lr_max=float(intercept**-0.5), rate=float(intercept / slope)
        )


def _curved(
    seen: Observed,
    start: Schedule,
    kind: str,
    i: Floats,
    lr: Floats,
    *,
    lengths_tried: int = 72,
    zooms: int = 6,
) -> Iterator[Schedule]:
    """The best length, and the whole number of steps nearest to it, each with its best top and bottom."""
    past = i - start.decay_start
    grid = np.geomspace(max(past[-1] / 4, 2.0), 30 * max(past[-1], 1.0), lengths_tried)
    for _ in range(zooms):
        _, _, squares = _top_and_drop(kind, past, lr, grid)
        best = int(np.argmin(squares))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
        grid = np.linspace(low, high, 25)
    lengths = np.array(
        [*(end - start.decay_start for end in round_ends(grid[12] + start.decay_start)), grid[12]]
    )
    tops, drops, _ = _top_and_drop(kind, past, lr, lengths)
    for length, top, drop in zip(lengths.tolist(), tops.tolist(), drops.tolist(), strict=True):
        bottom = max(top - drop, 0.0)
        for low in dict.fromkeys((0.0 if bottom <= seen.slack[-1] else bottom, float(f"{bottom:.3g}"))):
            yield replace(start, kind=kind, lr_max=top, lr_min=low, total_steps=start.decay_start + length)


def round_ends(end: float) -> list[float]:
    """The whole numbers near to an end that was fitted, rounder ones too: people choose round numbers."""
    return [float(round(end / unit) * unit) for unit in (1, 10, 100, 1000, 10_000) if end > 5 * unit]


def _top_and_drop(kind: str, past: Floats, lr: Floats, lengths: Floats) -> tuple[Floats, Floats, Floats]:
    """Least-squares lr_max and lr_max - lr_min for each decay length, and the sum of squares left."""
    gone = fraction_gone(kind, past[None, :] / np.maximum(lengths[:, None], 1e-9))
    centred = gone - gone.mean(axis=1, keepdims=True)
    drop = -(centred @ (lr - lr.mean())) / np.maximum((centred**2).sum(axis=1), 1e-300)
    top = lr.mean() + drop * gone.mean(axis=1)
    to_zero = ((1 - gone) @ lr) / np.maximum(((1 - gone) ** 2).sum(axis=1), 1e-300)
    top, drop = np.where(drop > top, to_zero, top), np.where(drop > top, to_zero, drop)
    left = lr[None, :] - (top[:, None] - drop[:, None] * gone)
    return top, drop, (left**2).sum(axis=1)


def _late_decays(seen: Observed, warmup: Schedule, *, most: int = 24) -> Iterator[Schedule]:
    """Warm-up, plateau, decay: the decay begins anywhere after the last rate at the top."""
    last_top = int(seen.top[-1])
    drop = seen.lr.max() - seen.lr[-1]
    if len(seen.top) < 5 or len(seen.lr) - last_top < 4 or drop < 20 * seen.slack[-1]:
        return
    held = replace(warmup, has_plateau=True, lr_max=float(np.median(seen.lr[seen.top])))
    after = np.arange(len(seen.lr)) > last_top
    before_tail = np.flatnonzero(after & (np.arange(len(seen.lr)) < seen.tail))
    if len(before_tail) >= 3:
        i = seen.steps[before_tail] - warmup.lag
        slope, intercept = np.polyfit(i, seen.lr[before_tail], 1)
        if slope < 0:
            low = float(seen.lr[-1]) if seen.tail < len(seen.lr) and seen.lr[-1] > seen.slack[-1] else 0.0
            begin, end = (held.lr_max - intercept) / slope, (low - intercept) / slope
            for a, b in ((float(round(begin)), float(round(end))), (float(begin), float(end))):
                yield replace(held, kind="linear", decay_start=a, total_steps=b, lr_min=low)
    first, last = seen.steps[last_top] - 3, seen.steps[last_top + 1]
    for begin in np.unique(np.round(np.linspace(first, last, min(most, int(last - first) + 1)))):
        start = replace(held, decay_start=float(begin - warmup.lag))
        for kind in ("cosine", "one_minus_sqrt"):
            yield from _curved(seen, start, kind, seen.steps[last_top:] - warmup.lag, seen.lr[last_top:])
