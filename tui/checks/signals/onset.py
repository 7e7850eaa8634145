"""Where overfitting began, from the evaluations alone, and what the run did after it.

t* is the evaluation with the smallest validation loss. It is called an onset once three evaluations in a row
stay above 1.02 x that loss, and further above it than noise explains, while the training loss is below what
it was at t*. The bottom is broad, so an interval belongs to every t*.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.signals.evaluation_noise import EvaluationNoise
from flight_recorder.tui.checks.signals.signal import Derived, signal
from flight_recorder.tui.checks.view import View
from flight_recorder.tui.series.columns import Column
from flight_recorder.tui.series.recording import Recording

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]


def first_loss_before(recording: Recording, steps: Steps) -> Floats:
    """The first training loss of the run at each step; NaN up to its own, and if it is not > 0."""
    loss = recording.steps["loss"]
    positive = np.flatnonzero(np.isfinite(loss.values[:1]) & (loss.values[:1] > 0))
    if not len(positive):
        return np.full(len(steps), np.nan)
    return np.where(steps > loss.steps[0], loss.values[0], np.nan)


def begins_midway(recording: Recording, before: int, *, late: float = 20.0) -> bool:
    """Whether the first training loss is that of a run under way: its epoch, or its step, says so.

    By what was recorded before a step.
    """
    epochs, steps = recording.steps["epoch"].values[:1], recording.steps["loss"].steps[:2]
    steps = steps[steps < before]
    is_later_epoch = bool(len(epochs) and len(steps) and epochs[0] > 1)
    return is_later_epoch or (len(steps) == 2 and steps[0] > late * (steps[1] - steps[0]))


def learned_below_at(
    recording: Recording, facts: Facts, steps: Steps, *, nats: float = 0.2, untrained: float = 3.0
) -> Floats:
    """Loss below which something has been learned at each of these steps, and could be lost again.

    So far below a uniform guess that a chance plateau has been left (D5.3); where V is unknown three times
    the untrained model's loss, for beyond that factor the two losses are not of one kind (D5.9).
    """
    if facts.ln_vocab is not None:
        return np.full(len(steps), facts.ln_vocab - nats)
    limits = untrained * first_loss_before(recording, steps)
    return np.where(np.isnan(limits), np.inf, limits)


@signal(
    "val.learned_below",
    reads=("evaluation.val_loss",),
    why="before it beats a guess a model has nothing that it could lose, and an untrained one is no worse "
    "than a guess on any split",
    reference="https://en.wikipedia.org/wiki/Cross-entropy",
)
def limit_of_learning(view: View, *, nats: float = 0.2, untrained: float = 3.0) -> Derived:
    """Validation loss below which something has been learned, and could be lost again."""
    limits = learned_below_at(view.recording, view.facts, view.steps, nats=nats, untrained=untrained)
    return Derived(view.steps, {"": limits})


@dataclass(frozen=True, slots=True)
class Evaluations:
    """Validation losses with the training loss beside each; NaN where nothing was known of it.

    Below `learned_below` something has been learned, that could be lost again.
    """

    steps: Steps
    val: Floats
    train: Floats
    learned_below: float = np.inf

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def best(self) -> int:
        """Position of the smallest validation loss."""
        return int(np.argmin(self.val))


def evaluations_of(recording: Recording) -> Evaluations:
    """The finite validation losses of a run, each with the training loss that belongs to it."""
    column = recording.evaluations["val_loss"]
    finite = np.isfinite(column.values)
    steps, val = column.steps[finite], column.values[finite]
    limits = learned_below_at(recording, Facts(recording.header), steps[-1:])
    return Evaluations(steps, val, train_beside(recording, steps), float(min(limits, default=np.inf)))


def train_beside(recording: Recording, steps: Steps) -> Floats:
    """Training loss at each of these evaluations: measured there, else the mean of the steps just before.

    The mean covers the last quarter of the steps recorded since the evaluation before, at most 50: close
    enough to the evaluation to be compared with it, and long enough to be smoother than one batch. It uses
    nothing that a log may put behind the evaluation.
    """
    measured = _at(recording.evaluations["train_loss"], steps)
    missing = np.isnan(measured)
    loss = recording.steps["loss"]
    if missing.any() and len(loss):
        # A trainer that counts a step before it logs it has written that step ahead of its evaluation.
        side = Facts(recording.header).number("lr_lag") or 0
        ends = np.searchsorted(loss.steps, steps + min(int(side), 1), side="left")
        starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
        for i in np.flatnonzero(missing):
            measured[i] = _recent_mean(loss.values, int(starts[i]), int(ends[i]))
    return measured


def _recent_mean(values: Floats, start: int, end: int, *, most: int = 50) -> float:
    rows = min(max(-(-(end - start) // 4), 1), most)
    recent = values[max(end - rows, 0) : end]
    recent = recent[np.isfinite(recent)]
    return float(recent.mean()) if len(recent) else float("nan")


def _at(column: Column, steps: Steps) -> Floats:
    """The values at exactly these steps, NaN where there is none."""
    found = np.full(len(steps), np.nan)
    if len(column):
        place = np.minimum(np.searchsorted(column.steps, steps), len(column) - 1)
        hit = column.steps[place] == steps
        found[hit] = column.values[place[hit]]
    return found


def called_at(seen: Evaluations, *, risen: float = 1.02, patience: int = 3) -> int | None:
    """Position of the evaluation at which the onset that stands could first have been called, or None.

    Noise must explain none of the three that have risen, by what was known of it at the time or is now.
    """
    best = seen.best
    if not seen.val[best] < seen.learned_below or seen.val[best] <= 0:
        return None
    rises = np.log(seen.val / seen.val[best])
    rises[seen.train >= seen.train[best]] = 0.0
    limits = EvaluationNoise().take(seen.val)["of_each"]
    for place in range(best + patience, len(seen)):
        three = slice(place - patience + 1, place + 1)
        explained = np.maximum(np.minimum(limits[three], limits[place]), math.log(risen))
        if (rises[three] > explained).all():
            return place
    return None


def patience_stop(seen: Evaluations, patience: int) -> int | None:
    """Step at which early stopping with this patience, counted in evaluations, would have ended the run."""
    best, waited = np.inf, 0
    for step, val in zip(seen.steps.tolist(), seen.val.tolist(), strict=True):
        waited = 0 if val < best else waited + 1
        best = min(best, val)
        if waited >= patience:
            return int(step)
    return None


def overfit_summary(recording: Recording) -> dict[str, Any] | None:
    """Overfitting in numbers; None without a validation loss.

    `onset` is t_val_min once it was called (`called_at`), else None. `gap_final` is validation minus training
    loss at the last evaluation. `wasted_fraction` is the share of the recorded steps that came after the
    best evaluation, 0 while no onset was called. `best_checkpoint_step` is the step of the kept checkpoint
    marked best; `nearest_checkpoint_step` that of the kept one nearest to t_val_min.
    """
    seen = evaluations_of(recording)
    if not len(seen):
        return None
    best, called = seen.best, called_at(seen)
    t_val_min = int(seen.steps[best])
    last = max(recording.last_step or 0, int(seen.steps[-1]))
    train = _lowest_train(seen, recording)
    gap = float(seen.val[-1] - seen.train[-1])
    return {
        "t_val_min": t_val_min,
        "val_min": float(seen.val[best]),
        "t_val_min_interval": list(bottom(seen)),
        "train_at_val_min": _or_none(float(seen.train[best])),
        "t_train_min": train[0],
        "train_min": train[1],
        "val_final": float(seen.val[-1]),
        "gap_final": _or_none(gap),
        "onset": None if called is None else t_val_min,
        "called_at": None if called is None else int(seen.steps[called]),
        "wasted_fraction": 0.0 if called is None or not last else (last - t_val_min) / last,
        **_checkpoints(recording, t_val_min),
    }


def bottom(seen: Evaluations, *, nats: float = 0.02, share: float = 0.0125) -> tuple[int, int]:
    """First and last evaluation that are as good as the best for all that the curve can tell.

    Within 0.02 nats of it; within 1.25 % of it where the losses are so small (below 1.6 nats) that 0.02 would
    take in half of the curve.
    """
    low = float(seen.val[seen.best])
    as_good = np.flatnonzero(seen.val <= low + told_apart_from(low, nats=nats, share=share))
    return int(seen.steps[as_good[0]]), int(seen.steps[as_good[-1]])


def told_apart_from(loss: float, *, nats: float = 0.02, share: float = 0.0125) -> float:
    """Difference from a validation loss up to which another one is as good, see `bottom`."""
    return min(nats, share * abs(loss))


def _lowest_train(seen: Evaluations, recording: Recording) -> tuple[int | None, float | None]:
    """Step and value of the lowest training loss, as measured at evaluations, else of a step.

    A loss printed as 0.0000 from some step on has its minimum where it is first reached.
    """
    if np.isfinite(_at(recording.evaluations["train_loss"], seen.steps)).any():
        steps, values = seen.steps, seen.train
    else:
        column = recording.steps["loss"]
        steps, values = column.steps, column.values
    finite = np.flatnonzero(np.isfinite(values))
    if not len(finite):
        return None, None
    place = int(finite[np.argmin(values[finite])])
    return int(steps[place]), float(values[place])


def kept_at(steps: Sequence[float], checkpoints: Sequence[Mapping[str, Any]]) -> Iterator[list[int]]:
    """Steps of the checkpoints that are there at each of these rising steps.

    A later one of the same name has replaced an earlier one.
    """
    by_name: dict[str, int] = {}
    written = enumerate(checkpoints)
    following = next(written, None)
    for step in steps:
        while following is not None and following[1]["step"] <= step:
            place, record = following
            by_name[str(record.get("path", place))] = int(record["step"])
            following = next(written, None)
        yield sorted(by_name.values())


def _checkpoints(recording: Recording, step: int) -> dict[str, Any]:
    (kept,) = kept_at([np.inf], recording.checkpoints)
    best = [int(record["step"]) for record in recording.checkpoints if record.get("role") == "best"]
    return {
        "best_checkpoint_step": best[-1] if best else None,
        "nearest_checkpoint_step": min(kept, key=lambda at: (abs(at - step), at), default=None),
    }


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None
