"""Whether a loss that is higher than it was has gone somewhere, or has only wandered there.

A loss of two players, or of a policy, is no distance from a goal: it wanders. Of a random walk a rise over
its lowest point is the rule: a rise counts when it is larger than a walk with the run's own steps explains.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.signals.signal import signal
from flight_recorder.tui.checks.view import View

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Steps = NDArray[np.int64]


@signal(
    "loss.random_walk",
    reads=("loss",),
    columns=(),
    why="of a random walk a rise over its lowest point is the rule: its range over n steps grows with the "
    "root of n, so only a rise beyond several of its standard deviations is evidence of anything",
    reference="https://en.wikipedia.org/wiki/Random_walk#One-dimensional_random_walk",
)
class RandomWalk:
    """How far a random walk with the loss's own steps may have come, asked as of a row.

    Means are over blocks of 5 records, counted from row 0: short enough for logs of 40. The size of a step is
    known from 6 of them on; differences over up to 8 tell a walk from noise, to which distance is nothing. A
    fall that makes up 0.7 of all ups and downs on its way was straight: six steps of a walk, the fewest that
    are judged, end three deviations down at 0.6.
    """

    def __init__(
        self,
        *,
        sigmas: float = 5.0,
        sigmas_down: float = 3.0,
        least_fall: float = 0.22,
        block: int = 5,
        first: int = 6,
        many: int = 8,
        straight: float = 0.7,
    ) -> None:
        self._sigmas, self._sigmas_down, self._least_fall = sigmas, sigmas_down, least_fall
        self._block, self._first, self._many, self._straight = block, first, many, straight
        self._rest: Floats = np.empty(0)
        self._logs: Floats = np.empty(0)
        self._ways: Floats = np.empty(0)
        self._sizes: list[tuple[int, float, float]] = []

    def __call__(self, view: View) -> None:
        """Go on by the new records."""
        self.take(view["loss"])

    def take(self, losses: Floats) -> None:
        """Go on by these records."""
        values = np.concatenate([self._rest, losses])
        count = len(values) // self._block
        self._rest = values[count * self._block :]
        if not count:
            return
        blocks = np.median(values[: count * self._block].reshape(count, self._block), axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            logs = np.where(blocks > 0, np.log(blocks), np.nan)
        before = len(self._logs)
        self._logs = np.concatenate([self._logs, logs])
        with np.errstate(invalid="ignore"):  # from one infinite loss to the next
            self._ways = np.nancumsum(np.abs(np.diff(self._logs, prepend=self._logs[:1])))
        for due in _milestones(before, len(self._logs), self._first):
            recent = self._logs[due // 2 if due > 2 * self._first else 0 : due]
            self._sizes.append((due, *_variances(recent, self._many)))

    def explains(self, rows: Steps, since: Steps, ratios: Floats) -> Flags:
        """Whether a walk explains, at each of these rows, the rise by this factor since that row.

        A random walk is rejected as the explanation if the loss fell more than `sigmas_down` standard
        deviations before its minimum, or fell almost monotonically: such a loss was being optimised, so a
        rise is a regression.
        """
        if not self._sizes:
            return np.zeros(len(rows), np.bool_)
        due, step, noise = (np.array(column) for column in zip(*self._sizes, strict=True))
        low = np.clip((since + 1) // self._block, 1, len(self._logs))
        at_low, now = (np.searchsorted(due, at, side="right") - 1 for at in (low, (rows + 1) // self._block))
        with np.errstate(invalid="ignore", divide="ignore"):
            falls = self._logs[0] - np.fmin.accumulate(self._logs)[low - 1]
            back = np.sqrt(step[now] * np.maximum((rows - since) / self._block, 1.0) + noise[now])
            down = np.sqrt(step[at_low] * low + noise[at_low])
            has_goal = (falls > self._sigmas_down * down) | (falls > self._straight * self._ways[low - 1])
            has_goal &= (at_low >= 0) & (falls > self._least_fall)
            return np.asarray((now >= 0) & (np.log(ratios) <= self._sigmas * back) & ~has_goal)


def _variances(logs: Floats, most: int) -> tuple[float, float]:
    """Variance that a walk gains from block to block, and that of the noise in a difference of two blocks.

    Noise adds as much to a difference over one block as to one over many; a walk adds in proportion.
    """
    many = max(2, min(most, len(logs) // 5))  # a jump is in a quarter of the differences then
    near, far = _robust_variance(logs[1:] - logs[:-1]), _robust_variance(logs[many:] - logs[:-many])
    far *= 1 + math.sqrt(many / len(logs))  # one deviation more, for so many stretches that do not overlap
    walk = max(far - near, 0.0) / (many - 1)
    return walk, max(near - walk, 0.0)


def _robust_variance(differences: Floats) -> float:
    """Variance by the median distance from the median: neither a trend nor a jump counts."""
    finite = differences[np.isfinite(differences)]
    if not len(finite):
        return 0.0
    return float((1.4826 * np.median(np.abs(finite - np.median(finite)))) ** 2)


def _milestones(before: int, now: int, first: int) -> list[int]:
    """Numbers of blocks at which the size is found anew: 6, 8, 12, 16, 24 ..., so that all cost one look."""
    found, due = [], first
    while due <= now:
        if due > before:
            found.append(due)
        due = max(due + 1, due * 4 // 3)
    return found


def validation_acquits(view: View, steps: Steps, since: Steps, *, near: float = 0.02) -> Flags:
    """At each of these steps, whether validation has been at its best since that step, and is so still.

    A training loss that is higher because its data changed leaves validation where it was, or better.
    """
    column = view.recording.evaluations["val_loss"]
    if not len(column):
        return np.zeros(len(steps), np.bool_)
    best = np.fmin.accumulate(column.values)
    is_best = column.values <= best
    best_step = np.maximum.accumulate(np.where(is_best, column.steps, -1))
    place = np.searchsorted(column.steps, steps, side="left") - 1
    at = np.maximum(place, 0)
    is_near = column.values[at] <= best[at] + near * np.abs(best[at])
    return np.asarray((place >= 0) & is_near & (best_step[at] > since))


def excuses(
    view: View, walk: RandomWalk, rows: Steps, steps: Steps, since: Steps, since_steps: Steps, rises: Floats
) -> dict[str, Flags]:
    """At which rises over the lowest loss, as shares of it, which excuse holds.

    `rows` and `since` are rows of the log, `steps` and `since_steps` their steps. Nats per token of a known
    vocabulary are a distance from a goal, and never walk.
    """
    risen = np.flatnonzero(rises > 0)
    found = {
        name: np.zeros(len(rises), np.bool_) for name in ("validation_at_its_best", "random_walk_explains")
    }
    if len(risen):
        found["validation_at_its_best"][risen] = validation_acquits(view, steps[risen], since_steps[risen])
        if view.facts.ln_vocab is None:
            found["random_walk_explains"][risen] = walk.explains(rows[risen], since[risen], 1 + rises[risen])
    return found
