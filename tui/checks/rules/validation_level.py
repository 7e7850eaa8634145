"""D4.7 to D4.11, the level of validation as a curve of few points: of any unit, scale and noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from flight_recorder.tui.checks.rule import HINT, STRONG, Leaf, Readings, check, readings_of
from flight_recorder.tui.checks.scope import LANGUAGE_MODEL, NOT_ADVERSARIAL_OR_POLICY
from flight_recorder.tui.checks.signals.level_curve import Shape, noise_of
from flight_recorder.tui.checks.signals.onset import learned_below_at
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_OURS = "our own proposal; the statistics of tui/checks/signals/level_curve.py"
_READS = ("evaluation.val_loss", "signal.val.level")


def _risen(view: View, shapes: Sequence[Shape], values: Sequence[float]) -> Readings:
    """One reading for each block of evaluations that ends, with what excuses that it has risen."""
    trains = [view.signal("loss.level").before(shape.step) for shape in shapes]
    steps = np.array([shape.step for shape in shapes], np.int64)
    limits = learned_below_at(view.recording, view.facts, steps)
    return readings_of(
        shapes,
        values,
        _words,
        loss_below_zero=[shape.is_signed for shape in shapes],
        loss_above_zero=[not shape.is_signed for shape in shapes],
        within_noise=[not shape.is_real(shape.rise) for shape in shapes],
        within_half_the_noise=[not shape.is_real(shape.rise, 0.5) for shape in shapes],
        training_rises_too=[train is not None and _rises(train) for train in trains],
        nothing_learned_yet=[
            (train is not None and not _has_fallen(train)) or not float(shape.medians.min()) < limit
            for shape, train, limit in zip(shapes, trains, limits.tolist(), strict=True)
        ],
        metric_holds=view.signal("metrics.of_evaluations").hold(steps),
    )


def _words(shape: Shape) -> str:
    return shape.words("the level of validation")


def _beside(view: View) -> list[tuple[Shape, Shape]]:
    """The shapes of validation, each with that of training as it was before."""
    shapes = view.signal("val.level").among(view.steps)
    found = ((shape, view.signal("loss.level").before(shape.step)) for shape in shapes)
    return [(shape, train) for shape, train in found if train is not None]


def _has_fallen(train: Shape, *, least: float = 0.04) -> bool:
    """Whether training has learned: its level fell beyond its noise, and by more than a bias is worth."""
    fell = train.first - train.best
    return train.is_real(fell) and (train.is_signed or fell > least)


def _rises(train: Shape, *, much: float = 0.25) -> bool:
    """Whether the level of training has risen for good, and not by a trifle of what it had fallen."""
    return train.is_real(train.rise) and train.given_back >= much


@check(
    "D4.7",
    section="overfitting",
    question="Has the level of validation risen above its lowest for good?",
    panel="loss",
    reads=_READS,
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    leaves=(
        Leaf(
            "validation may be rising",
            above=0.04,
            level=Level.YELLOW,
            hold=3,
            causes=("overfit",),
            weight=HINT / 4,  # D4.2 and D4.3 say the same of most such runs
            fix="Prepare to stop: keep the checkpoint of the best evaluation.",
            unless=("loss_below_zero", "within_half_the_noise", "training_rises_too", "nothing_learned_yet"),
        ),
        Leaf(
            "validation has risen",
            above=0.04,
            hold=3,
            causes=("overfit",),
            weight=HINT / 4,  # D4.2 and D4.3 say the same of most such runs
            fix="Stop, and go back to the checkpoint of the best evaluation.",
            unless=("loss_below_zero", "within_noise", "training_rises_too", "nothing_learned_yet"),
        ),
        Leaf(
            "validation is half as high again as it was",
            above=math.log(1.5),
            level=Level.RED,
            hold=3,
            causes=("overfit",),
            weight=HINT / 4,  # D4.2 and D4.3 say the same of most such runs
            fix="Stop now, and take the checkpoint of the best evaluation.",
            unless=(
                "loss_below_zero",
                "within_noise",
                "training_rises_too",
                "nothing_learned_yet",
                "metric_holds",
            ),
        ),
    ),
    source=_OURS,
)
def level_risen(view: View) -> Readings:
    """How far the best level of validation of late is above its best of all, in logarithms."""
    shapes = view.signal("val.level").among(view.steps)
    return _risen(view, shapes, [shape.rise for shape in shapes])


@check(
    "D4.8",
    section="overfitting",
    question="Does a validation loss that can be negative keep what it had reached?",
    panel="loss",
    reads=_READS,
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    leaves=(
        Leaf(
            "validation has lost what it had gained",
            above=0.25,
            hold=3,
            causes=("overfit",),
            weight=STRONG,
            fix="Stop, and go back to the checkpoint of the best evaluation.",
            unless=("loss_above_zero", "within_noise", "training_rises_too", "nothing_learned_yet"),
        ),
        Leaf(
            "validation has lost all that it had gained",
            above=0.99,
            level=Level.RED,
            hold=3,
            causes=("overfit",),
            weight=STRONG,
            fix="Stop now, and take the checkpoint of the best evaluation.",
            unless=(
                "loss_above_zero",
                "within_noise",
                "training_rises_too",
                "nothing_learned_yet",
                "metric_holds",
            ),
        ),
    ),
    source=_OURS,
    why="a loss without a zero of its own has no ratios: only what it gained can be lost",
)
def gain_lost(view: View) -> Readings:
    """The share of what validation had gained that the best of late has lost against the best of all."""
    shapes = view.signal("val.level").among(view.steps)
    return _risen(view, shapes, [shape.given_back for shape in shapes])


@check(
    "D4.9",
    section="overfitting",
    question="Is validation steadier than what training gained?",
    panel="loss",
    reads=(*_READS, "signal.loss.level"),
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    leaves=(
        Leaf(
            "validation swings by more than was learned",
            above=0.5,
            hold=2,
            keep=2,
            causes=("eval_broken",),
            weight=2 * STRONG,
            fix="Such an evaluation says nothing: look for a mode that was not switched, statistics of tiny "
            "batches, a split too small; else the model is confidently wrong, which is overfitting.",
            unless=("too_few_records", "still_falling", "training_rises_too", "nothing_learned_yet"),
        ),
    ),
    source=_OURS,
    why="in the unit of both losses; honest runs are below 0.3 of what training fell, broken ones above 0.55",
)
def swing(view: View, *, least_evaluations: int = 8) -> Readings:
    """Noise of the level of validation over the fall of the level of training."""
    pairs = _beside(view)
    return readings_of(
        [shape for shape, _ in pairs],
        [noise_of(shape.medians) / _fall(train) for shape, train in pairs],
        _words,
        too_few_records=[len(shape.level) < least_evaluations for shape, _ in pairs],
        still_falling=[shape.is_real(shape.fall()) for shape, _ in pairs],
        training_rises_too=[_rises(train) for _, train in pairs],
        nothing_learned_yet=[not _has_fallen(train) for _, train in pairs],
    )


def _fall(train: Shape) -> float:
    """How far training has fallen since its first blocks, in the unit of the loss."""
    return max(float(train.medians[:3].max() - train.medians.min()), 1e-12)


@check(
    "D4.10",
    section="overfitting",
    question="Does validation change at all?",
    panel="loss",
    reads=(*_READS, "signal.loss.level"),
    leaves=(
        Leaf(
            "validation never changes",
            below=1e-6,
            hold=2,
            keep=2,
            causes=("eval_broken", "frozen_parameters"),
            weight=STRONG,
            fix="It does not see what is trained: look which weights the evaluation uses, and on what data.",
            unless=("too_few_records", "nothing_learned_yet"),
        ),
    ),
    source=_OURS,
    why="no honest evaluation repeats its value to the last digit while training learns",
)
def validation_spread(view: View, *, least_evaluations: int = 8) -> Readings:
    """How far the last half of the evaluations lie apart, as a share of their median."""
    pairs = _beside(view)
    return readings_of(
        [shape for shape, _ in pairs],
        [shape.spread for shape, _ in pairs],
        _words,
        too_few_records=[len(shape.level) < least_evaluations for shape, _ in pairs],
        nothing_learned_yet=[not _has_fallen(train) for _, train in pairs],
    )


@check(
    "D4.11",
    section="overfitting",
    question="Is the training set still worth learning from?",
    panel="loss",
    reads=("loss", "signal.loss.level"),
    applies=(LANGUAGE_MODEL,),
    leaves=(
        Leaf(
            "memorised, and nothing shows what that costs",
            below=0.02,
            level=Level.YELLOW,
            hold=3,
            keep=3,
            causes=("memorised",),
            weight=HINT,
            fix="Evaluate on text that is not trained on; fewer epochs, or more data.",
            unless=("loss_below_zero", "began_small", "evaluated_since"),
        ),
    ),
    source=_OURS,
    why="text that was not seen before costs more than a fiftieth of a nat a token; with a validation loss "
    "D4.1 judges",
)
def memorised(view: View, *, small: float = 0.3) -> Readings:
    """The level of the training loss of late, in nats per token."""
    shapes = view.signal("loss.level").among(view.steps)
    return readings_of(
        shapes,
        [shape.late if shape.is_signed else math.exp(shape.late) for shape in shapes],
        Shape.words,
        loss_below_zero=[shape.is_signed for shape in shapes],
        began_small=[not shape.is_signed and math.exp(shape.first) < small for shape in shapes],
        evaluated_since=[view.signal("val.level").before(shape.step) is not None for shape in shapes],
    )
