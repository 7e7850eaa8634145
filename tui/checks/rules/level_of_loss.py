"""D5.12 to D5.15, a loss that explodes and does not come back, or never moves: of any unit and any scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from flight_recorder.tui.checks.rule import NOTHING, STRONG, Leaf, Readings, check
from flight_recorder.tui.checks.scope import NOT_ADVERSARIAL_OR_POLICY, STARTS_UNTRAINED, VOCABULARY_UNKNOWN
from flight_recorder.tui.checks.signals.level_curve import Shape
from flight_recorder.tui.checks.signals.random_walk import validation_acquits
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View, latest_before

_READS = ("loss", "signal.loss.level")
_SIGNED = "loss_below_zero"
_KEPT = (_SIGNED, "within_noise", "nothing_learned_yet", "validation_at_its_best")


def _levels(shape: Shape) -> str:
    """The levels in a sentence."""
    if shape.is_signed:
        return "the loss has been below zero, where levels have no ratio"
    first, best, late = (f"{math.exp(level):.4g}" for level in (shape.first, shape.best, shape.late))
    peak = f"{math.exp(shape.peak):.4g}"
    return f"the loss began at {first}, was as high as {peak} and as low as {best}, and is {late}"


def _readings(
    shapes: Sequence[Shape],
    values: Sequence[float],
    words: Callable[[Shape, float], str] = lambda shape, value: _levels(shape),
    **excused: Sequence[bool],
) -> Readings:
    """One reading for each block that ends."""
    if not shapes:
        return NOTHING
    return Readings(
        np.array([shape.step for shape in shapes], np.int64),
        np.array(values, np.float64),
        lambda i: words(shapes[i], values[i]),
        {
            _SIGNED: np.array([shape.is_signed for shape in shapes], np.bool_),
            **{name: np.array(flags, np.bool_) for name, flags in excused.items()},
        },
    )


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
            unless=("little_is_lost", "half_is_kept", *_KEPT),
        ),
    ),
    source="our own proposal; the statistics of tui/checks/signals/level_curve.py",
    why="a tenth as in D5.5, half as much again as in D4.2; only what has cost a quarter of all that was "
    "learned (for red a half), beyond its own noise, and what validation does not contradict",
)
def lost(view: View, *, little: float = 0.25, half: float = 0.5, learned: float = 0.1) -> Readings:
    """How far the best level of late is above the best of all, in logarithms.

    What was never a tenth lower than where the run began has learned nothing: that is D5.13.
    """
    shapes = view.signal("loss.level").among(view.steps)
    return _readings(
        shapes,
        [shape.rise for shape in shapes],
        little_is_lost=[not shape.given_back >= little for shape in shapes],
        half_is_kept=[not shape.given_back >= half for shape in shapes],
        within_noise=[not shape.is_real(shape.rise) for shape in shapes],
        nothing_learned_yet=[shape.best > shape.first - learned for shape in shapes],
        validation_at_its_best=[shape.rise > 0 and _holds_out(view, shape) for shape in shapes],
    )


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
    source="our own proposal; the statistics of tui/checks/signals/level_curve.py",
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
    return _readings(
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
    "D5.14",
    section="level of the loss",
    question="Has the loss moved at all?",
    panel="loss",
    reads=_READS,
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    leaves=(
        Leaf(
            "stands still",
            below=0.04,
            hold=3,
            keep=3,
            causes=("never_learned", "lr_too_high", "lr_too_low", "frozen_parameters"),
            weight=STRONG,
            fix="Train on one batch alone: if that is not learned either, look at the learning rate, at "
            "frozen parameters and dead units; if it is, at the labels.",
            unless=(_SIGNED, "too_few_records", "learned_before", "may_start_trained"),
        ),
        Leaf(
            "does not move at all",
            below=1e-3,
            level=Level.RED,
            hold=3,
            keep=3,
            causes=("never_learned", "frozen_parameters", "zero_lr", "lr_too_high"),
            weight=STRONG,
            fix="No noise, no fall: the loss does not depend on what is trained. Look for parameters that do "
            "not move, a head that is dead, a rate of zero.",
            unless=(_SIGNED, "loss_moves", "may_be_unlogged"),
        ),
    ),
    source="our own proposal; the statistics of tui/checks/signals/level_curve.py",
    why="4 %, and only where the noise would have shown that much; no honest log is still to a thousandth; "
    "a fine-tune may start at its floor and is "
    "judged only where it stands at ln k of few classes, as a guess does",
)
def standstill(
    view: View,
    *,
    flat: float = 0.04,
    still: float = 1e-3,
    near: float = 0.01,
    most_classes: int = 20,
    least_steps: int = 30,
    least_blocks: int = 16,
) -> Readings:
    """The largest fall that the noise can hide, in logarithms: of all of the loss, or, of one at ln k of at
    most 20 classes, since its first blocks."""
    shapes = view.signal("loss.level").among(view.steps)
    at_chance = [_is_at_chance(shape, near, most_classes) for shape in shapes]
    return _readings(
        shapes,
        [_hidden_fall(shape, chance) for shape, chance in zip(shapes, at_chance, strict=True)],
        learned_before=[
            not chance and shape.best < shape.first - flat
            for shape, chance in zip(shapes, at_chance, strict=True)
        ],
        may_start_trained=[not chance and not _is_judged_by_itself(view) for chance in at_chance],
        # Of a log of a line an epoch the steps are few and the records many.
        too_few_records=[shape.step < least_steps and len(shape.level) < least_blocks for shape in shapes],
        loss_moves=[not shape.largest_fall() < still for shape in shapes],
        may_be_unlogged=[not math.exp(shape.best) > 1e-9 for shape in shapes],
    )


def _hidden_fall(shape: Shape, is_at_chance: bool) -> float:
    """The largest fall that noise can hide; the first blocks of a loss at chance may have come down to it."""
    return shape.largest_fall(begin=2 if is_at_chance else 0)


def _is_judged_by_itself(view: View) -> bool:
    """Whether a loss is compared with itself: V is unknown, and nothing says that it may be a fine-tune."""
    return VOCABULARY_UNKNOWN.holds(view.facts) and STARTS_UNTRAINED.holds(view.facts)


def _is_at_chance(shape: Shape, near: float, most_classes: int) -> bool:
    """Whether the last half stands within a hundredth of ln k, and was never below it.

    Of more than 20 classes the levels ln k lie too close to mean one of them.
    """
    now = math.exp(float(np.median(shape.level[len(shape.level) // 2 :])))
    classes = round(math.exp(min(now, math.log(2 * most_classes))))
    if not 2 <= classes <= most_classes:
        return False
    chance = math.log(classes)
    return abs(now / chance - 1) < near and math.exp(shape.best) > (1 - near) * chance


@check(
    "D5.15",
    section="level of the loss",
    question="Does the loss bear the size of the learning rate?",
    panel="lr",
    reads=("loss", "signal.lr.highest", "signal.loss.level"),
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    leaves=(
        Leaf(
            "rate too high",
            above=0.03,
            hold=2,
            keep=2,
            causes=("lr_too_high",),
            weight=2 * STRONG,
            fix="Divide the learning rate by ten or more: Adam is used at 1e-5 to 3e-3.",
            unless=(
                _SIGNED,
                "loss_bears_it",
            ),
        ),
    ),
    source="Kingma & Ba, https://arxiv.org/abs/1412.6980, section 2.1 (a step is at most the rate)",
    why="a large rate alone is no fault (plain gradient descent, tuned prompts): only one under which the "
    "loss rose by half of where it began, or stands still",
)
def largest_rate(
    view: View, *, high: float = math.log(1.5), flat: float = 0.04, first_step: int = 30
) -> Readings:
    """The largest learning rate so far.

    From 0.03 on one step of Adam moves every weight by more than most are large (a usual initialisation has a
    deviation of 0.02), and plain gradient descent has to be tuned.
    """
    shapes = view.signal("loss.level").among(view.steps)
    rates = view["signal.lr.highest"][np.searchsorted(view.steps, [shape.step for shape in shapes])].tolist()
    still = standstill(view)
    stands = still.values < flat
    for name in ("learned_before", "may_start_trained"):
        stands = stands & ~still.excused.get(name, np.zeros(len(stands), np.bool_))
    rose = [shape.height > high and not shape.is_height_noise for shape in shapes]
    return _readings(
        shapes,
        rates,
        lambda shape, rate: f"the rate has been {rate:.3g}; {_levels(shape)}",
        loss_bears_it=[
            not (has_risen or (is_still and shape.step >= first_step))
            for shape, has_risen, is_still in zip(shapes, rose, stands.tolist(), strict=True)
        ],
    )
