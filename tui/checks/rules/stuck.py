"""D5.10 and D5.11, where V is unknown: a loss that is no lower than it was at the start."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import NOTHING, STRONG, Flags, Floats, Leaf, Readings, Steps, check
from flight_recorder.tui.checks.scope import NOT_ADVERSARIAL_OR_POLICY, STARTS_UNTRAINED, VOCABULARY_UNKNOWN
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_APPLIES = (VOCABULARY_UNKNOWN, STARTS_UNTRAINED, NOT_ADVERSARIAL_OR_POLICY)
_CAUSES = ("never_learned", "plateau", "lr_too_low", "lr_too_high", "frozen_parameters", "shuffled_labels")
_FIX = (
    "Train on one batch alone: if that is not learned either, look at the learning rate, at frozen "
    "parameters and dead units; if it is, at the labels."
)


@check(
    "D5.10",
    section="level of the loss",
    question="Has anything been learned since the first step?",
    panel="loss",
    reads=(
        *("signal.loss.blocks", "signal.loss.blocks.variance", "signal.loss.blocks.row"),
        *("signal.loss.blocks.lowest", "signal.loss.blocks.lowest_record"),
    ),
    window=lambda parameters: int(parameters["recent"]),
    applies=_APPLIES,
    leaves=(
        Leaf(
            "nothing is learned",
            below=0.05,
            level=Level.ORANGE,
            hold=3,
            keep=3,
            causes=_CAUSES,
            weight=STRONG,
            fix=_FIX,
            unless=("learned_before", "loss_below_zero", "loss_moves", "noise_hides_a_fall", "rate_rises"),
        ),
    ),
    source="our own proposal; 5 % chosen on runs that learn nothing, or "
    "a bias alone (at most 4 %), and on honest ones (at least 10 %)",
    why="a fine-tune may start at its floor, and the loss of players has none: those are left out; excused "
    "are losses that start small or late, those that move, and those in whose noise a fall could hide",
)
def learned(
    view: View,
    *,
    recent: int = 50,
    least_rows: int = 200,
    many: int = 5,
    small: float = 0.3,
    noise: float = 0.25,
    moves: float = 0.1,
    rate_rises: float = 1.01,
) -> Readings:
    """The largest fall of the loss since the first record that noise does not explain, as a share of it.

    Of the lowest mean of 20 records, two deviations of one record allowed for; of the last 100 records
    against the first 100, where three deviations apart; and of the best validation loss against the first.
    """
    losses = view.recording.steps["loss"]
    first, start = float(losses.values[0]), int(losses.steps[0])
    due = (view["signal.loss.blocks.row"] + 1 >= least_rows) & (view.steps - start >= least_rows)
    if not 0 < first < np.inf or not due.any():
        return NOTHING
    blocks: list[int] = np.flatnonzero(due).tolist()
    means, variances = view.with_past("signal.loss.blocks"), view.with_past("signal.loss.blocks.variance")
    scatter = np.array([np.sqrt(_median(_last(variances, view, row, many))) for row in blocks])
    spread = np.array([_spread(_last(means, view, row, _behind_first(view, row, recent))) for row in blocks])
    falls = np.fmax.reduce(
        [
            (first - 2 * scatter - view["signal.loss.blocks.lowest"][blocks]) / first,
            np.array([_late_fall(view, row, many, 3 * at) for row, at in zip(blocks, scatter, strict=True)])
            / first,
            _validation_falls(view, view.steps[blocks]),
        ]
    )
    starts_late = start > 2 * (int(losses.steps[1]) - start)
    return Readings(
        view.steps[blocks],
        falls,
        lambda i: f"the loss fell only {max(falls[i], 0):.1%} since the start, beyond noise",
        {
            "learned_before": np.full(len(blocks), first < small or starts_late),
            "loss_below_zero": view["signal.loss.blocks.lowest_record"][blocks] <= 0,
            "loss_moves": (spread > moves * first),
            "noise_hides_a_fall": (scatter > noise * first),
            "rate_rises": _rate_rises(view, view.steps[blocks], 100, rate_rises),
        },
    )


def _last(values: Floats, view: View, row: int, count: int) -> Floats:
    """The last so many of these values of blocks up to this one of the new rows."""
    end = view.num_past + row + 1
    return values[max(end - count, 0) : end]


def _behind_first(view: View, row: int, most: int) -> int:
    """How many blocks there are up to this one, the first of the run left out, at most so many."""
    return min(most, view.first_index + row)


def _spread(means: Floats) -> float:
    """What lies between the tenth and the ninetieth of a hundred means: a single jump does not count."""
    known = means[~np.isnan(means)]
    low, high = np.quantile(known, [0.1, 0.9]) if len(known) else (np.nan, np.nan)
    return float(high - low)


def _median(values: Floats) -> float:
    """The median of what is a number; NaN where nothing is."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else np.nan


def _late_fall(view: View, row: int, many: int, deviations: float) -> float:
    """How far the last blocks are below the first of the run; 0 where so many deviations explain it."""
    size = int(view["signal.loss.blocks.row"][row] + 1) // (view.first_index + row + 1)
    first = view.recording.steps["loss"].values[: many * size].reshape(many, size)
    counts = (~np.isnan(first)).sum(axis=1)
    early = np.where(counts > 0, np.nansum(first, axis=1) / np.maximum(counts, 1), np.nan)
    late = _last(view.with_past("signal.loss.blocks"), view, row, many)
    fall = _median(early) - _median(late)
    return fall if fall > deviations * np.sqrt(2 / (many * size)) else 0.0


def _rate_rises(view: View, steps: Steps, rows: int, by: float) -> Flags:
    """Whether the learning rate is higher than it was so many records before: a warm-up."""
    rates = view.recording.steps["lr"]
    ends = np.searchsorted(rates.steps, steps)
    known = ends > rows
    now, before = (np.append(rates.values, np.nan)[np.where(known, ends - back, -1)] for back in (1, rows))
    return np.asarray(known & (now > by * before))


def _validation_falls(view: View, steps: Steps) -> Floats:
    """How far the best validation loss before each step is below the first one, as a share of that."""
    column = view.recording.evaluations["val_loss"]
    if not len(column) or not column.values[0] > 0:
        return np.zeros(len(steps))
    best = np.concatenate([column.values[:1], np.fmin.accumulate(column.values)])
    return np.asarray(1 - best[np.searchsorted(column.steps, steps)] / column.values[0])


@check(
    "D5.11",
    section="level of the loss",
    question="Is any validation loss better than the first?",
    panel="loss",
    reads=("evaluation.val_loss", "signal.val.lowest"),
    applies=_APPLIES,
    leaves=(
        Leaf(
            "no evaluation is better than the first",
            below=0.03,
            level=Level.ORANGE,
            hold=2,
            keep=2,
            causes=_CAUSES,
            weight=STRONG,
            fix=_FIX,
            unless=("learned_before",),
        ),
    ),
    source="our own proposal; 3 % chosen on runs that learn nothing (at most 2.7 %) and on "
    "honest ones (at least 37 %)",
    why="for logs of a line an epoch, whose first record is no untrained loss: training must have stood "
    "still as well, since the second record",
)
def best_fall(view: View, *, evaluations: int = 10, small: float = 0.3) -> Readings:
    """How far the best validation loss is below the first, or training below its second record: the larger
    share."""
    losses, val = view.recording.steps["loss"], view.recording.evaluations["val_loss"].values
    seen = np.searchsorted(losses.steps, view.steps)
    known = (view.first_index + np.arange(len(view)) + 1 >= evaluations) & (seen > 2)
    if not known.any() or not (val[0] > 0 and losses.values[1] > 0):
        return NOTHING
    second = float(losses.values[1])
    best_train = np.fmin.accumulate(losses.values)[seen[known] - 1]
    falls = np.maximum(1 - view["signal.val.lowest"][known] / val[0], 1 - best_train / second)
    return Readings(
        view.steps[known],
        falls,
        lambda i: f"neither validation nor training has fallen by more than {falls[i]:.2%}",
        {"learned_before": np.full(len(falls), second < small)},
    )
