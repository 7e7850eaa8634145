"""D5.10 and D5.11, where V is unknown: a loss that is no lower than it was at the start."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.rule import NOTHING, STRONG, Bound, Floats, Leaf, Readings, Steps, check
from flight_recorder.tui.checks.signals.random_walk import first_step_of_players
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_BLOCK = 20
_MANY = 5 * _BLOCK
"""Records whose mean is compared with that of the first so many."""
_LEAST = 200
"""Records and steps before anything is said, from the checklist's Q4.1."""

_SMALL = 0.3
"""A loss that starts below this has been learned before."""
_NOISE = 0.25
"""Scatter of the records, as a share of the first loss, in which a fall could hide."""
_RECENT = 50
"""Blocks over which the loss is asked whether it stands still."""
_WANDERS = 0.1
"""Spread of the means of blocks, as a share of the first loss, that is no standstill."""
_PLAIN = 0.1
"""A fall by this share of the first loss needs no other witness."""

_CAUSES = ("never_learned", "plateau", "lr_too_low", "lr_too_high", "frozen_parameters", "shuffled_labels")
_FIX = (
    "Train on one batch alone: if that is not learned either, look at the learning rate, at frozen "
    "parameters and dead units; if it is, at the labels."
)
_EXEMPT = "V is known, and D5.3 judges by it; or the log is of a trainer that is used for fine-tunes"


def is_judged_by_itself(facts: Facts) -> bool:
    """Whether a loss is compared with itself: V is unknown, and nothing says that it is a fine-tune."""
    source = str(facts.header.get("source", ""))
    is_tuned = facts.header.get("origin") == "fine-tune" or source in ("huggingface", "trainer_state")
    return facts.ln_vocab is None and not is_tuned


FALLEN = Bound("0.05 of the first loss", lambda facts: 0.05 if is_judged_by_itself(facts) else None)


@check(
    "D5.10",
    section="level of the loss",
    question="Has anything been learned since the first step?",
    panel="loss",
    reads=("loss",),
    window=_BLOCK,
    leaves=(
        Leaf(
            "nothing is learned",
            below=FALLEN,
            level=Level.ORANGE,
            hold=3,
            keep=3,
            causes=_CAUSES,
            weight=STRONG,
            fix=_FIX,
        ),
    ),
    exempt=_EXEMPT,
    source="ours; 200 records from the stability checklist, Q4.1; 5 % chosen on runs that learn nothing, or "
    "a bias alone (at most 4 %), and on honest ones (at least 10 %)",
    why="a fine-tune may start at its floor, and the loss of players has none: those are left out, as are "
    "losses that start small, late or below zero, and those that wander or in whose noise a fall could hide; "
    "nothing is said while the rate still rises",
)
class Learned:
    """The largest fall of the loss since the first record that noise does not explain, as a share of it.

    Of the lowest mean of 20 records, two deviations of one record allowed for; of the last 100 records
    against the first 100; and of the best validation loss against the first.
    """

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None
        self._second_step = -1
        self._lowest = np.inf
        self._means: list[float] = []
        self._variances: list[float] = []
        self._is_left_out = False

    def __call__(self, view: View) -> Readings:
        """One reading every 20 records, from the 200th on."""
        self._look_at_start(view)
        if self._first is None or self._is_left_out:
            return NOTHING
        start, first = self._first
        ends, blocks = _blocks(view)
        self._is_left_out = bool((blocks <= 0).any())
        steps, falls = [], []
        for end, block in zip(ends.tolist(), blocks, strict=True):
            finite = block[np.isfinite(block)]
            self._means.append(float(finite.mean()) if len(finite) else np.inf)
            self._variances.append(float(finite.var()) if len(finite) else 0.0)
            if len(self._means) * _BLOCK >= _LEAST and end - start >= _LEAST:
                fall = self._fall(view, end, first)
                if fall is not None:
                    steps.append(end)
                    falls.append(fall)
        return Readings(
            np.array(steps, np.int64),
            np.array(falls, np.float64),
            lambda i: (
                f"the loss began at {first:.4g}, and all but {max(falls[i], 0):.1%} of its fall may be noise"
            ),
        )

    def _look_at_start(self, view: View) -> None:
        if self._first is None:
            self._first = int(view.steps[0]), float(view["loss"][0])
            self._is_left_out = not self._first[1] >= _SMALL
        if self._second_step < 0 and view.first_index + len(view) > 1:
            self._second_step = int(view.steps[1 - view.first_index])
            start = self._first[0]
            self._is_left_out |= start > 2 * (self._second_step - start)

    def _fall(self, view: View, step: int, first: float) -> float | None:
        """The fall at the end of a block, None where it cannot be told."""
        count = _MANY // _BLOCK
        self._lowest = min(self._lowest, *self._means[-_RECENT:])
        scatter = float(np.sqrt(np.median(self._variances[-count:])))
        fall = (first - 2 * scatter - self._lowest) / first
        if fall > _PLAIN:
            return fall
        low, high = np.quantile(self._means[max(1, len(self._means) - _RECENT) :], [0.1, 0.9])
        wanders = high - low > _WANDERS * first or scatter > _NOISE * first
        if wanders or first_step_of_players(view.recording) <= step or _is_rising(view, step):
            return None
        falls = [fall, _validation_fall(view, step)]
        early, late = np.median(self._means[:count]), np.median(self._means[-count:])
        if early - late > 3 * scatter * np.sqrt(2 / _MANY):
            falls.append(float(early - late) / first)
        return max(falls)


def _blocks(view: View) -> tuple[Steps, Floats]:
    """Last step and losses of each block of 20 records that the new rows complete: shape (blocks, 20)."""
    lead = -(view.first_index - view.num_past) % _BLOCK
    values, steps = view.with_past("loss")[lead:], view.steps_with_past[lead:]
    count = len(values) // _BLOCK
    return steps[_BLOCK - 1 : count * _BLOCK : _BLOCK], values[: count * _BLOCK].reshape(count, _BLOCK)


def _is_rising(view: View, step: int) -> bool:
    """Whether the learning rate is higher than it was 100 records before: a warm-up."""
    rates = view.recording.steps["lr"]
    rates_so_far = rates.values[: int(np.searchsorted(rates.steps, step))]
    return len(rates_so_far) > _MANY and bool(rates_so_far[-1] > 1.01 * rates_so_far[-_MANY])


def _validation_fall(view: View, step: int) -> float:
    """How far the best validation loss before this step is below the first one, as a share of that."""
    column = view.recording.evaluations["val_loss"]
    values = column.values[: int(np.searchsorted(column.steps, step))]
    if not len(values) or not values[0] > 0:
        return 0.0
    return float(1 - np.fmin.reduce(values) / values[0])


_EVALUATIONS = 10
"""Evaluations before anything is said."""


@check(
    "D5.11",
    section="level of the loss",
    question="Is any validation loss better than the first?",
    panel="loss",
    reads=("evaluation.val_loss",),
    leaves=(
        Leaf(
            "no evaluation is better than the first",
            below=Bound("0.03 of the first", lambda facts: 0.03 if is_judged_by_itself(facts) else None),
            level=Level.ORANGE,
            hold=2,
            keep=2,
            causes=_CAUSES,
            weight=STRONG,
            fix=_FIX,
        ),
    ),
    exempt=_EXEMPT,
    source="ours; 3 % chosen on runs that learn nothing (at most 2.7 %) and on honest ones (at least 37 %)",
    why="for logs of a line an epoch, whose first record is no untrained loss: training must have stood "
    "still as well, since the second record",
)
class BestFall:
    """How far the best validation loss is below the first, or training below its second record: the larger
    share."""

    def __init__(self) -> None:
        self._values: list[float] = []

    def __call__(self, view: View) -> Readings:
        """One reading for each evaluation from the tenth on."""
        steps, falls = [], []
        for step, value in zip(view.steps.tolist(), view["val_loss"].tolist(), strict=True):
            self._values.append(value)
            fall = None if len(self._values) < _EVALUATIONS else self._fall(view, step)
            if fall is not None:
                steps.append(step)
                falls.append(fall)
        return Readings(
            np.array(steps, np.int64),
            np.array(falls, np.float64),
            lambda i: f"neither validation nor training has fallen by more than {falls[i]:.2%}",
        )

    def _fall(self, view: View, step: int) -> float | None:
        column = view.recording.steps["loss"]
        train = column.values[: int(np.searchsorted(column.steps, step))]
        if len(train) < 3 or not train[1] >= _SMALL or not self._values[0] > 0:
            return None
        if first_step_of_players(view.recording) <= step:
            return None
        best, best_train = np.fmin.reduce(self._values), np.fmin.reduce(train)
        return float(max(1 - best / self._values[0], 1 - best_train / train[1]))
