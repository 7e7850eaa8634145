"""D5.12 to D5.15, a loss that explodes and does not come back, or never moves: of any unit and any scale."""

from __future__ import annotations

import math

import numpy as np

from flight_recorder.tui.checks.rule import NOTHING, STRONG, Leaf, Readings, check
from flight_recorder.tui.checks.rules.stuck import is_judged_by_itself
from flight_recorder.tui.checks.signals.level_curve import LevelCurve, Shape
from flight_recorder.tui.checks.signals.random_walk import first_step_of_players, validation_acquits
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View, latest_before

_HALF_AGAIN = math.log(1.5)
"""Rise that is damage, as of a validation loss (D4.2)."""

_GIVEN_BACK = 0.25
"""Share of what had been learned from which its loss is no setback on the way."""

_LEARNED = 0.1
"""Fall below where the run began, in logarithms, that is learning."""

_FLAT = 0.04
"""Fall, in logarithms, that is none: less than any honest run of these lengths shows."""

_STILL = 1e-3
"""Fall, in logarithms, that not even training which has ended goes without."""

_CHANCE = 0.01
"""Distance to ln k, as a share of it, at which a loss stands there."""
_MOST_CLASSES = 20
"""Classes above which the levels ln k lie too close to mean one of them."""

_LARGE_RATE = 0.03
"""A rate at which one step of Adam moves every weight by more than most are large (a usual initialisation has
a deviation of 0.02), and from which plain gradient descent has to be tuned."""


class _OnCurve:
    """Goes along the loss and gives one reading for each block that ends; `value` says which.

    A loss that was ever below zero has no shares: of it nothing is said.
    """

    NOTHING_SAID = 0.0

    def __init__(self) -> None:
        self._curve = LevelCurve()
        self._peak_rate = -math.inf

    def __call__(self, view: View) -> Readings:
        """Go on by the new rows; nothing of a loss that players share."""
        rates = np.fmax.accumulate(np.concatenate([[self._peak_rate], view["lr"]]))[1:]
        players_from = first_step_of_players(view.recording)
        found = []
        for shape in self._curve.take(view.steps, view["loss"]):
            row = min(int(np.searchsorted(view.steps, shape.step)), len(rates) - 1)
            if shape.step < players_from:
                value = self.NOTHING_SAID if shape.is_signed else self.value(shape, view, float(rates[row]))
                found.append((shape, value))
        self._peak_rate = float(rates[-1])
        return self._readings(found)

    def _readings(self, found: list[tuple[Shape, float]]) -> Readings:
        if not found:
            return NOTHING
        steps = np.array([shape.step for shape, _ in found], np.int64)
        values = np.array([value for _, value in found])
        return Readings(steps, values, lambda i: self.words(*found[i]))

    def value(self, shape: Shape, view: View, rate: float) -> float:
        raise NotImplementedError

    def words(self, shape: Shape, value: float) -> str:
        """The levels in a sentence."""
        first, best, late = (f"{math.exp(level):.4g}" for level in (shape.first, shape.best, shape.late))
        return (
            f"the loss began at {first}, was as high as {math.exp(shape.peak):.4g} and as low as {best}, and "
            f"is {late}"
        )


def _holds_out(view: View, shape: Shape) -> bool:
    """Whether validation contradicts: it was at its best after the training loss was."""
    at = np.array([shape.step]), np.array([shape.best_step])
    return bool(validation_acquits(view, *at)[0])


def _is_low(view: View, shape: Shape) -> bool:
    """Whether validation is no higher than where training began, by the measure of an explosion."""
    now = latest_before(view.recording.evaluations["val_loss"], np.array([shape.step]))[0]
    return bool(0 < now < math.exp(shape.first + _HALF_AGAIN))


@check(
    "D5.12",
    section="level of the loss",
    question="Has the loss stayed where learning had brought it?",
    panel="loss",
    reads=("loss",),
    optional=("lr",),
    leaves=(
        Leaf(
            "does not come back",
            above=0.1,
            hold=2,
            keep=2,
            causes=("diverged", "instability", "lr_too_high", "drift"),
            weight=STRONG,
            fix="Go back to the last checkpoint before the rise, and lower the learning rate.",
        ),
        Leaf(
            "diverged",
            above=_HALF_AGAIN,
            level=Level.RED,
            hold=2,
            keep=2,
            causes=("diverged", "instability", "lr_too_high"),
            weight=STRONG,
            fix="Stop: go back to the last checkpoint before the rise, and lower the learning rate.",
        ),
    ),
    source="ours; the statistics of tui/checks/signals/level_curve.py",
    why="a tenth as in D5.5, half as much again as in D4.2; only what has cost a quarter of all that was "
    "learned (for red a half), beyond its own noise, and what validation does not contradict",
)
class Lost(_OnCurve):
    """How far the best level of late is above the best of all, in logarithms; 0 for what noise explains or
    what is little of all that was learned.

    Nothing of what was at most as low as where the run began: that is D5.13.
    """

    def value(self, shape: Shape, view: View, rate: float) -> float:
        """The rise, below the bound of red where less than half of what was learned is lost."""
        is_large = shape.given_back >= _GIVEN_BACK and shape.is_real(shape.rise)
        if not is_large or shape.best > shape.first - _LEARNED or _holds_out(view, shape):
            return 0.0
        return shape.rise if shape.given_back >= 2 * _GIVEN_BACK else min(shape.rise, _HALF_AGAIN)


@check(
    "D5.13",
    section="level of the loss",
    question="Has the run come back from its first rise?",
    panel="loss",
    reads=("loss",),
    optional=("lr",),
    leaves=(
        Leaf(
            "exploded, and learned nothing since",
            above=_HALF_AGAIN,
            level=Level.RED,
            hold=3,
            keep=2,
            causes=("lr_too_high", "diverged", "instability"),
            weight=2 * STRONG,
            fix="Divide the learning rate by ten or more, and warm it up.",
        ),
    ),
    source="ours; the statistics of tui/checks/signals/level_curve.py",
    why="half as much again as in D4.2; a run that rises before it has learned anything takes steps that are "
    "too large, and one that ends no lower than it began has nothing to show for them",
)
class Exploded(_OnCurve):
    """How far the loss has been above where it began, in logarithms, while it has never been a tenth below
    that; else 0."""

    def value(self, shape: Shape, view: View, rate: float) -> float:
        """The height of the rise; 0 for a run that has learned, or may be about to."""
        has_learned = min(shape.best, shape.late) < shape.first - _LEARNED
        may_learn = shape.is_young and shape.is_falling
        if has_learned or may_learn or (_holds_out(view, shape) and _is_low(view, shape)):
            return 0.0
        return shape.height


@check(
    "D5.14",
    section="level of the loss",
    question="Has the loss moved at all?",
    panel="loss",
    reads=("loss",),
    optional=("lr",),
    leaves=(
        Leaf(
            "stands still",
            below=_FLAT,
            hold=3,
            keep=3,
            causes=("never_learned", "lr_too_high", "lr_too_low", "frozen_parameters"),
            weight=STRONG,
            fix="Train on one batch alone: if that is not learned either, look at the learning rate, at "
            "frozen parameters and dead units; if it is, at the labels.",
        ),
        Leaf(
            "does not move at all",
            below=_STILL,
            level=Level.RED,
            hold=3,
            keep=3,
            causes=("never_learned", "frozen_parameters", "zero_lr", "lr_too_high"),
            weight=STRONG,
            fix="No noise, no fall: the loss does not depend on what is trained. Look for parameters that do "
            "not move, a head that is dead, a rate of zero.",
        ),
    ),
    source="ours; the statistics of tui/checks/signals/level_curve.py",
    why="4 %, and only where the noise would have shown that much; no honest log is still to a thousandth; "
    "a fine-tune may start at its floor and is "
    "judged only where it stands at ln k of few classes, as a guess does",
)
class Standstill(_OnCurve):
    """The largest fall that the noise can hide, in logarithms: of all of the loss, or, of one at ln k
    of at most 20 classes, since its first blocks; 1 where it has fallen."""

    NOTHING_SAID = 1.0

    def value(self, shape: Shape, view: View, rate: float) -> float:
        """1 where nothing is said."""
        fall = shape.largest_fall()
        if fall < _STILL:
            return fall if math.exp(shape.best) > _ZERO else _STILL  # 0 throughout may only be unlogged
        if shape.step < _LEAST_STEPS and len(shape.level) < _LEAST_RECORDS:
            return 1.0
        if _is_at_chance(shape):
            return shape.largest_fall(begin=2)
        has_fallen = shape.best < shape.first - _FLAT
        return fall if not has_fallen and is_judged_by_itself(view.facts) else 1.0


_LEAST_STEPS, _LEAST_RECORDS = 30, 16
"""Steps, or records of a log of a line an epoch, before a standstill with some noise is one."""

_ZERO = 1e-9
"""A loss below this is 0."""


def _is_at_chance(shape: Shape) -> bool:
    """Whether the last half stands at ln k, and was never below it."""
    now = math.exp(float(np.median(shape.level[len(shape.level) // 2 :])))
    classes = round(math.exp(min(now, 4.0)))
    if not 2 <= classes <= _MOST_CLASSES:
        return False
    chance = math.log(classes)
    return abs(now / chance - 1) < _CHANCE and math.exp(shape.best) > (1 - _CHANCE) * chance


@check(
    "D5.15",
    section="level of the loss",
    question="Does the loss bear the size of the learning rate?",
    panel="lr",
    reads=("loss", "lr"),
    leaves=(
        Leaf(
            "rate too high",
            above=_LARGE_RATE,
            hold=2,
            keep=2,
            causes=("lr_too_high",),
            weight=2 * STRONG,
            fix="Divide the learning rate by ten or more: Adam is used at 1e-5 to 3e-3.",
        ),
    ),
    source="Kingma & Ba, https://arxiv.org/abs/1412.6980, section 2.1 (a step is at most the rate)",
    why="a large rate alone is no fault (plain gradient descent, tuned prompts): only one under which the "
    "loss rose by half of where it began, or stands still",
)
class RateBorne(Standstill):
    """The largest learning rate so far, while the loss stands still or once it rose to half as much again as
    where it began; else 0."""

    NOTHING_SAID = 0.0

    def value(self, shape: Shape, view: View, rate: float) -> float:
        """The rate where it is to blame."""
        has_exploded = shape.height > _HALF_AGAIN
        return rate if has_exploded or super().value(shape, view, rate) < _FLAT else 0.0

    def words(self, shape: Shape, value: float) -> str:
        """The rate, and the levels."""
        return f"the rate has been {value:.3g}; {super().words(shape, value)}"
