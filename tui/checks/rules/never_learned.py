"""D5.9, D5.14, D5.15, D5.19, D5.20, a loss that never moved: of any unit and any scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from flight_recorder.tui.checks.rule import HINT, NOTHING, STRONG, Floats, Leaf, Readings, check, readings_of
from flight_recorder.tui.checks.scope import NOT_ADVERSARIAL_OR_POLICY, STARTS_UNTRAINED, VOCABULARY_UNKNOWN
from flight_recorder.tui.checks.signals.level_curve import Shape
from flight_recorder.tui.checks.signals.onset import begins_midway, first_loss_before, train_beside
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_READS = ("loss", "signal.loss.level")
_SIGNED = "loss_below_zero"
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


def _trained(view: View) -> Floats:
    """The training loss just before each evaluation, -inf where none is known."""
    # A mean over the steps since the evaluation before, which must be known: hence the window of two.
    now = train_beside(view.recording, view.steps_with_past)[view.num_past :]
    return np.where(np.isfinite(now), now, -np.inf)


@check(
    "D5.9",
    section="level of the loss",
    question="Was validation ever as low as the training loss of the untrained model?",
    panel="loss",
    reads=("evaluation.val_loss", "signal.val.lowest"),
    window=2,
    applies=(VOCABULARY_UNKNOWN,),
    leaves=(
        Leaf(
            "worse than untrained",
            above=3.0,
            level=Level.ORANGE,
            hold=2,
            causes=("eval_broken", "above_uniform"),
            weight=STRONG,
            fix="Either the evaluation is broken (wrong tokens, a sum for a mean, other units) or the model "
            "is: evaluate a batch of the training set in the same way.",
            unless=("begins_midway",),
        ),
    ),
    source="our own proposal",
    why="an untrained model is no worse than a guess on any split; three times that is left to splits that "
    "differ and to fine-tunes",
)
def over_untrained(view: View) -> Readings:
    """Lowest validation loss so far over the first training loss, or the newest if that is larger: where
    training stands as high it is not the evaluation.

    Evaluations before any training loss are left out.
    """
    best = view["signal.val.lowest"]
    untrained = np.fmax(first_loss_before(view.recording, view.steps), _trained(view))
    known = np.isfinite(untrained) & np.isfinite(best)
    if not known.any():
        return NOTHING
    steps, best, untrained = view.steps[known], best[known], untrained[known]
    return Readings(
        steps,
        best / untrained,
        lambda i: f"the best validation loss is {best[i]:.3g}, training began, or is, at {untrained[i]:.3g}",
        {"begins_midway": np.array([begins_midway(view.recording, step) for step in steps.tolist()])},
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
            unless=(
                *(_SIGNED, "too_few_records", "learned_before", "may_start_trained", "begins_midway"),
                *("validation_falls", "rate_rises"),
            ),
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
    source=_OURS,
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
    return _found(
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
        may_be_unlogged=[not math.exp(min(shape.best, 700.0)) > 1e-9 for shape in shapes],
        begins_midway=[
            begins_midway(view.recording, shape.step) and not _validation_stands(view, shape.step, flat)
            for shape in shapes
        ],
        validation_falls=[_validation_falls(view, shape.step, flat) for shape in shapes],
        rate_rises=[_rate_rises(view, shape.step) for shape in shapes],
    )


def _validation_falls(view: View, step: int, least: float) -> bool:
    """Whether validation has fallen beyond its noise: what is learned may show there first."""
    validation = view.signal("val.level").before(step)
    fell = 0.0 if validation is None else validation.first - validation.best
    return validation is not None and validation.is_real(fell) and fell > least


def _validation_stands(view: View, step: int, most: float) -> bool:
    """Whether validation has been seen to stand still as well."""
    validation = view.signal("val.level").before(step)
    return validation is not None and validation.largest_fall() < most


def _rate_rises(view: View, step: int, *, by: float = 1.01) -> bool:
    """Whether the learning rate is still at its highest and rises: a warm-up."""
    rates = view.recording.steps["lr"]
    count = int(np.searchsorted(rates.steps, step, side="right"))
    known = rates.values[:count]
    return count > 1 and known[-1] >= np.nanmax(known) and known[-1] > by * known[count * 3 // 4]


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
    "D5.19",
    section="level of the loss",
    question="Is the loss better than that of a guess among few classes?",
    panel="loss",
    reads=_READS,
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    leaves=(
        Leaf(
            "stands at the level of a guess",
            below=0.01,
            level=Level.RED,
            hold=2,
            keep=2,
            causes=("never_learned", "lr_too_high", "lr_too_low", "frozen_parameters"),
            weight=2 * STRONG,
            fix="Train on one batch alone: if that is not learned either, look at the learning rate, at "
            "frozen parameters and dead units; if it is, at the labels.",
            unless=(_SIGNED, "learned_before", "still_falling", "accuracy_beats_a_guess"),
        ),
    ),
    source="our own proposal; ln k is the cross-entropy of a guess among k classes",
    why="passing ln 2 is not standing there: the last half stays within a hundredth, never was below it and "
    "does not fall; of more than two classes only where an accuracy near 1/k says which",
)
def distance_to_guess(view: View, *, near: float = 0.01, much: float = 1.15) -> Readings:
    """How far the level of the last half is from ln k, as a share; k is what an accuracy says, else 2."""
    shapes = view.signal("loss.level").among(view.steps)
    shares = [_accuracy(view, shape.step) for shape in shapes]
    chances = [math.log(_classes_of(share)) for share in shares]
    middles = [_middle(shape) for shape in shapes]
    return _found(
        shapes,
        [abs(middle / chance - 1) for middle, chance in zip(middles, chances, strict=True)],
        learned_before=[
            _is_below(shape, (1 - near) * chance) for shape, chance in zip(shapes, chances, strict=True)
        ],
        still_falling=[shape.is_falling(near) for shape in shapes],
        accuracy_beats_a_guess=[
            share is not None and share > much * math.exp(-chance)
            for share, chance in zip(shares, chances, strict=True)
        ],
    )


def _middle(shape: Shape) -> float:
    """The median of the last half of the blocks."""
    return float(np.median(shape.medians[len(shape.medians) // 2 :]))


def _is_below(shape: Shape, value: float) -> bool:
    """Whether the loss has been below a value, and not by its noise alone."""
    return not shape.is_signed and shape.is_real(math.log(value) - shape.best)


def _accuracy(view: View, step: int) -> float | None:
    """The best level of an accuracy so far, from 0 to 1; of evaluations those before the step."""
    metrics = [
        *view.signal("metrics.of_steps").at(step),
        *view.signal("metrics.of_evaluations").at(step - 1),
    ]
    return max((metric.best / metric.whole for metric in metrics if metric.is_share), default=None)


def _classes_of(share: float | None, *, most_classes: int = 1000) -> int:
    """The number of classes of which a guess has this accuracy; 2 where none is known."""
    return 2 if share is None or share <= 1 / most_classes else max(2, round(1 / share))


@check(
    "D5.20",
    section="level of the loss",
    question="Has the loss fallen further than its noise?",
    panel="loss",
    reads=_READS,
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    leaves=(
        Leaf(
            "no fall shows",
            below=1.0,
            level=Level.YELLOW,
            hold=3,
            keep=2,
            causes=("plateau", "never_learned", "lr_too_low"),
            weight=HINT,
            fix="Nothing proves that it learns, and nothing that it does not: "
            "log for longer, or a mean of more batches.",
            unless=("ends_below_start", "may_start_trained"),
        ),
    ),
    source=_OURS,
    why="without power a flat curve is no finding, and no proof of learning either",
)
def fall_over_noise(view: View, *, least: float = 0.01) -> Readings:
    """The fall from the first third of the blocks to the last, over what noise can hide (a hundredth at
    least)."""
    shapes = view.signal("loss.level").among(view.steps)
    return _found(
        shapes,
        [shape.fall() / max(shape.hidden(), least) for shape in shapes],
        ends_below_start=[shape.is_real(shape.first - float(shape.level[-3:].min())) for shape in shapes],
        may_start_trained=[not STARTS_UNTRAINED.holds(view.facts)] * len(shapes),
    )


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
    rate_at = {shape.step: rate for shape, rate in zip(shapes, rates, strict=True)}
    still = standstill(view)
    stands = still.values < flat
    for name in ("learned_before", "may_start_trained"):
        stands = stands & ~still.excused.get(name, np.zeros(len(stands), np.bool_))
    rose = [shape.height > high and not shape.is_height_noise for shape in shapes]
    return _found(
        shapes,
        rates,
        lambda shape: f"the rate has been {rate_at[shape.step]:.3g}; {shape.words()}",
        loss_bears_it=[
            not (has_risen or (is_still and shape.step >= first_step))
            for shape, has_risen, is_still in zip(shapes, rose, stands.tolist(), strict=True)
        ],
    )
