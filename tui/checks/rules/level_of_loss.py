"""D5.12, D5.13, D5.16 to D5.18, a loss that has lost what it had reached: of any unit and any scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from flight_recorder.tui.checks.rule import HINT, STRONG, Leaf, Readings, check, readings_of
from flight_recorder.tui.checks.scope import NOT_ADVERSARIAL_OR_POLICY
from flight_recorder.tui.checks.signals.level_curve import Shape, noise_of
from flight_recorder.tui.checks.signals.random_walk import validation_acquits
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View, latest_before

_READS = ("loss", "signal.loss.level")
_SIGNED = "loss_below_zero"
_KEPT = (_SIGNED, "within_noise", "nothing_learned_yet", "validation_at_its_best")
_OURS = "our own proposal; the statistics of tui/checks/signals/level_curve.py"


def _found(
    shapes: Sequence[Shape],
    values: Sequence[float],
    words: Callable[[Shape], str] = Shape.words,
    **excused: Sequence[bool],
) -> Readings:
    """One reading for each block that ends; whether the loss has been below zero excuses what has ratios."""
    signed = {_SIGNED: [shape.is_signed for shape in shapes]}
    return readings_of(shapes, values, words, **signed, **excused)


def _holds_out(view: View, shape: Shape) -> bool:
    """Whether validation contradicts: it was at its best after the training loss was."""
    at = np.array([shape.step]), np.array([shape.best_step])
    return bool(validation_acquits(view, *at)[0])


def _is_low(view: View, shape: Shape, rise: float) -> bool:
    """Whether validation is not this much higher, in logarithms, than where training began."""
    now = latest_before(view.recording.evaluations["val_loss"], np.array([shape.step]))[0]
    return bool(0 < now < math.exp(shape.first + rise))


@check(
    "D5.12",
    section="level of the loss",
    question="Has the loss stayed where learning had brought it?",
    panel="loss",
    reads=_READS,
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    leaves=(
        Leaf(
            "does not come back",
            above=0.1,
            hold=2,
            keep=2,
            causes=("diverged", "instability", "lr_too_high", "drift"),
            weight=STRONG,
            fix="Go back to the last checkpoint before the rise, and lower the learning rate.",
            unless=("little_is_lost", *_KEPT),
        ),
        Leaf(
            "diverged",
            above=math.log(1.5),
            level=Level.RED,
            hold=2,
            keep=2,
            causes=("diverged", "instability", "lr_too_high"),
            weight=STRONG,
            fix="Stop: go back to the last checkpoint before the rise, and lower the learning rate.",
            unless=("little_is_lost", "half_is_kept", "validation_holds", *_KEPT),
        ),
    ),
    source=_OURS,
    why="a tenth as in D5.5, half as much again as in D4.2; only what has cost a quarter of all that was "
    "learned (for red a half), beyond its own noise, and what validation does not contradict",
)
def lost(view: View, *, little: float = 0.25, half: float = 0.5, learned: float = 0.1) -> Readings:
    """How far the best level of late is above the best of all, in logarithms.

    What was never a tenth lower than where the run began has learned nothing: that is D5.13.
    """
    shapes = view.signal("loss.level").among(view.steps)
    return _found(
        shapes,
        [shape.rise for shape in shapes],
        little_is_lost=[not shape.given_back >= little for shape in shapes],
        half_is_kept=[not shape.given_back >= half for shape in shapes],
        within_noise=[not shape.is_real(shape.rise) for shape in shapes],
        nothing_learned_yet=[shape.best > shape.first - learned for shape in shapes],
        validation_at_its_best=[shape.rise > 0 and _holds_out(view, shape) for shape in shapes],
        validation_holds=[_validation_holds(view, shape.step) for shape in shapes],
    )


def _validation_holds(view: View, step: int) -> bool:
    """Whether there is a level of validation, and noise explains how far it is above its best."""
    validation = view.signal("val.level").before(step)
    return validation is not None and not validation.is_real(validation.rise)


@check(
    "D5.13",
    section="level of the loss",
    question="Has the run come back from its first rise?",
    panel="loss",
    reads=_READS,
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    leaves=(
        Leaf(
            "exploded, and learned nothing since",
            above=math.log(1.5),
            level=Level.RED,
            hold=3,
            keep=2,
            causes=("lr_too_high", "diverged", "instability"),
            weight=2 * STRONG,
            fix="Divide the learning rate by ten or more, and warm it up.",
            unless=(_SIGNED, "within_noise", "learned_before", "still_falling", "validation_at_its_best"),
        ),
    ),
    source=_OURS,
    why="half as much again as in D4.2; a run that rises before it has learned anything takes steps that are "
    "too large, and one that ends no lower than it began has nothing to show for them",
)
def exploded(
    view: View, *, learned: float = 0.1, falls: float = 0.1, high: float = math.log(1.5)
) -> Readings:
    """How far the loss has been above where it began, in logarithms.

    A run that has been a tenth below that has learned; one of few records that falls may be about to.
    """
    shapes = view.signal("loss.level").among(view.steps)
    return _found(
        shapes,
        [shape.height for shape in shapes],
        within_noise=[shape.is_height_noise for shape in shapes],
        learned_before=[min(shape.best, shape.late) < shape.first - learned for shape in shapes],
        still_falling=[shape.is_young and shape.is_falling(falls) for shape in shapes],
        validation_at_its_best=[
            shape.height > 0 and _holds_out(view, shape) and _is_low(view, shape, high) for shape in shapes
        ],
    )


@check(
    "D5.16",
    section="level of the loss",
    question="Does a loss that can be negative keep what it had gained?",
    panel="loss",
    reads=_READS,
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    leaves=(
        Leaf(
            "gain is lost",
            above=0.25,
            hold=2,
            keep=2,
            causes=("diverged", "instability", "lr_too_high"),
            weight=STRONG,
            fix="Go back to the last checkpoint before the rise, and lower the learning rate.",
            unless=("loss_above_zero", "within_noise", "validation_at_its_best"),
        ),
        Leaf(
            "all gain is lost",
            above=0.99,
            level=Level.RED,
            hold=2,
            keep=2,
            causes=("diverged", "instability", "lr_too_high"),
            weight=STRONG,
            fix="Stop: go back to the last checkpoint before the rise, and lower the learning rate.",
            unless=("loss_above_zero", "within_noise", "validation_at_its_best"),
        ),
    ),
    source=_OURS,
    why="a loss without a zero of its own has no ratios: only what was gained can be lost",
)
def gain_lost(view: View) -> Readings:
    """The share of what had been gained that the best level of late has lost against the best of all."""
    shapes = view.signal("loss.level").among(view.steps)
    return _found(
        shapes,
        [shape.given_back for shape in shapes],
        loss_above_zero=[not shape.is_signed for shape in shapes],
        within_noise=[not shape.is_real(shape.rise) for shape in shapes],
        validation_at_its_best=[shape.rise > 0 and _holds_out(view, shape) for shape in shapes],
    )


@check(
    "D5.17",
    section="level of the loss",
    question="Has a loss below zero a floor?",
    panel="loss",
    reads=_READS,
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    leaves=(
        Leaf(
            "falls without a floor",
            above=1000.0,
            level=Level.RED,
            hold=2,
            keep=2,
            causes=("diverged", "negative_loss", "instability"),
            weight=STRONG,
            fix="Bound the term of the loss that has no lower bound: a sign, a log-variance, a distance that "
            "is maximised.",
            unless=("loss_above_zero", "falls_more_slowly"),
        ),
    ),
    source="our own proposal",
    why="an honest log-likelihood gains a few times what it began with, ever more slowly",
)
def runaway(view: View) -> Readings:
    """How far below zero the loss is, as a multiple of the size that it began with."""
    shapes = view.signal("loss.level").among(view.steps)
    return _found(
        shapes,
        [-shape.late / max(abs(shape.first), abs(float(shape.level[0])), 1e-12) for shape in shapes],
        loss_above_zero=[not shape.is_signed for shape in shapes],
        falls_more_slowly=[not _falls_faster(shape) for shape in shapes],
    )


def _falls_faster(shape: Shape) -> bool:
    """Whether the second half of the blocks fell by more than the first."""
    middle = len(shape.level) // 2
    return float(shape.level[middle] - shape.level[-1]) > float(shape.level[0] - shape.level[middle])


@check(
    "D5.18",
    section="level of the loss",
    question="Was the way down without a lasting setback?",
    panel="loss",
    reads=_READS,
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    leaves=(
        Leaf(
            "had a setback",
            above=math.log(1.5),
            level=Level.YELLOW,
            causes=("setback", "drift", "instability"),
            weight=HINT,
            fix="It came back. Look at what happened there: a resume that lost the optimizer, another stage "
            "of training, a rate too high.",
            unless=(_SIGNED, "within_noise", "nothing_learned_yet"),
        ),
    ),
    source=_OURS,
    why="half as much again as in D5.12, for longer than a spike lasts (D2)",
)
def setback(view: View, *, deviations: float = 8.0, learned: float = 0.1) -> Readings:
    """The largest rise of the level over what had been its lowest, in logarithms, come back or not.

    Against the noise between neighbours: over longer distances the setback itself would count as noise.
    """
    shapes = view.signal("loss.level").among(view.steps)
    return _found(
        shapes,
        [shape.drawdown for shape in shapes],
        within_noise=[not shape.drawdown > deviations * noise_of(shape.level, most=1) for shape in shapes],
        nothing_learned_yet=[shape.best > shape.first - learned for shape in shapes],
    )
