"""D4, overfitting: its signs in the order in which they appear, judged at every evaluation.

Every reading compares an evaluation with the best one before it (signal `val.standing`). A validation loss
that rises together with the training loss is no overfitting, and excused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.rule import HINT, PROOF, STRONG, Leaf, Readings, check, readings_of
from flight_recorder.tui.checks.signals.onset import overfit_summary
from flight_recorder.tui.checks.signals.standing import Standing
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

__all__ = ["overfit_summary"]

_OURS = "our own proposal, after Prechelt, https://doi.org/10.1007/3-540-49430-8_3"
_READS = ("evaluation.val_loss", "signal.val.standing")


def _steps(compared: Sequence[Standing]) -> NDArray[np.int64]:
    return np.array([now.step for now in compared], np.int64)


@check(
    "D4.1",
    section="overfitting",
    question="Is the training set memorised and validation ruined?",
    panel="loss",
    reads=_READS,
    leaves=(
        Leaf(
            "memorised",
            below=0.02,
            level=Level.BLACK,
            latch=True,
            causes=("memorised",),
            weight=PROOF,
            fix="Kill the run: nothing is left to learn and the loss mask is not to blame. Restart with more "
            "data, fewer epochs, dropout, and early stopping.",
            unless=("validation_not_ruined", "metric_holds"),
        ),
    ),
    source=_OURS,
    as_written="training loss is literally zero, gradients vanishing, eval loss 3-4x worse than optimal",
    why="zero depends on the digits printed: below 2 % of what training was at the best evaluation, with "
    "validation at twice its best or more; where the best is more than half of ln V it is ruined at ln V",
)
def train_share(view: View, *, ruined: float = 2.0) -> Readings:
    """Training loss over what it was at the best evaluation.

    Validation is ruined from twice its best on, or worse than a uniform guess; without a training loss
    nothing is memorised.
    """
    uniform = view.facts.ln_vocab or math.inf
    compared = [
        now
        for now in view.signal("val.standing").among(view.steps)
        if math.isfinite(now.train) and now.best_train > 0
    ]
    return readings_of(
        compared,
        [max(now.train, 0.0) / now.best_train for now in compared],
        Standing.words,
        validation_not_ruined=[now.val < min(ruined * now.best_val, uniform) for now in compared],
        metric_holds=view.signal("metrics.of_evaluations").hold(_steps(compared)),
    )


@check(
    "D4.2",
    section="overfitting",
    question="How far is validation above its best while training still falls?",
    panel="loss",
    reads=_READS,
    leaves=(
        Leaf(
            "validation loss rises",
            above=0.02,
            level=Level.ORANGE,
            hold=3,
            causes=("overfit",),
            weight=STRONG,
            fix="Stop, and go back to the checkpoint of the best evaluation; more data is the first remedy.",
            unless=("training_rises_too", "noise_of_each_of_three"),
        ),
        Leaf(
            "validation loss 1.5 x its best",
            above=0.5,
            level=Level.RED,
            keep=3,
            causes=("overfit",),
            weight=STRONG,
            fix="Stop now: every further step damages the model. Take the checkpoint of the best evaluation.",
            unless=("training_rises_too", "within_noise", "metric_holds"),
        ),
    ),
    source=_OURS,
    as_written="eval loss is increasing; eval loss doubled from optimal",
    why="1.02 x best at three evaluations in a row made no false call on five long healthy runs; counted is "
    "only what the scatter of the evaluations, of which the best is the luckiest, does not explain",
)
def over_best(view: View) -> Readings:
    """Validation loss over its best so far minus 1."""
    compared = view.signal("val.standing").among(view.steps)
    return readings_of(
        compared,
        [now.over_best for now in compared],
        Standing.words,
        training_rises_too=[not now.train_fell for now in compared],
        noise_of_each_of_three=[now.is_noise_of_three for now in compared],
        within_noise=[now.is_noise for now in compared],
        metric_holds=view.signal("metrics.of_evaluations").hold(_steps(compared)),
    )


@check(
    "D4.3",
    section="overfitting",
    question="Does validation climb from one evaluation to the next while training falls?",
    panel="loss",
    reads=_READS,
    leaves=(
        Leaf(
            "validation loss climbs",
            above=0.03,
            level=Level.ORANGE,
            keep=2,
            causes=("overfit",),
            weight=STRONG,
            fix="Stop, and go back to the checkpoint of the best evaluation.",
            unless=("training_rises_too", "rose_only_once", "within_printed_precision", "within_noise"),
        ),
    ),
    source=_OURS,
    as_written="eval loss is increasing, gap between train and eval growing",
    why="with few evaluations three risen ones are a long wait; two rises in a row that take it 3 % over "
    "its best, with the gap grown as much, and further than the noise of a single one reaches",
)
def climb(view: View, *, least_rise: float = 0.003) -> Readings:
    """Share by which validation is over its best, or by which its gap to training has grown if that is less.

    However small the loss, less than 0.003 nats is noise: losses are printed with four decimals.
    """
    compared = view.signal("val.standing").among(view.steps)
    return readings_of(
        compared,
        [min(now.over_best, now.gap_growth) for now in compared],
        Standing.words,
        training_rises_too=[not now.train_fell for now in compared],
        rose_only_once=[not now.has_climbed for now in compared],
        within_printed_precision=[not now.val - now.best_val >= least_rise for now in compared],
        within_noise=[now.is_noise for now in compared],
    )


@check(
    "D4.4",
    section="overfitting",
    question="Has validation stopped improving while training goes on?",
    panel="loss",
    reads=_READS,
    leaves=(
        Leaf(
            "validation no longer improves",
            above=0.02,
            level=Level.YELLOW,
            keep=2,
            causes=("overfit",),
            weight=HINT,
            fix="Prepare to stop: keep the checkpoint of the best evaluation.",
            unless=("training_rises_too", "validation_at_its_best"),
        ),
    ),
    source=_OURS,
    as_written="eval loss stopped decreasing, train loss still going down",
    why="one evaluation that is not the best says nothing: the gap must have grown by 2 % of the best loss, "
    "and of that four times as much where it is the best so far, as in a run that converges it is to the end",
)
def gap_growth(view: View, *, at_a_best: float = 0.08) -> Readings:
    """Growth of validation minus training loss since validation last improved by half a percent, as a share
    of it; of validation alone where no training loss is known."""
    compared = view.signal("val.standing").among(view.steps)
    grown = [_gap_growth(now) for now in compared]
    known = [math.isfinite(now.train + now.since[2]) for now in compared]
    return readings_of(
        compared,
        grown,
        _since_improved,
        training_rises_too=[
            k and not now.train < now.since[2] for k, now in zip(known, compared, strict=True)
        ],
        validation_at_its_best=[
            now.num_since == 0 and share <= at_a_best for share, now in zip(grown, compared, strict=True)
        ],
    )


def _gap_growth(now: Standing) -> float:
    """The growth of the gap since validation last improved, as a share of what it was then."""
    _, val, train = now.since
    grown = ((now.val - now.train) - (val - train)) / val
    return now.over_best if math.isnan(grown) else grown


def _since_improved(now: Standing) -> str:
    """What both losses did since the improvement, in a sentence."""
    since, val, train = now.since
    trained = f", train from {train:.4g} to {now.train:.4g}" if math.isfinite(train + now.train) else ""
    return f"since step {since} validation went from {val:.4g} to {now.val:.4g}{trained}"
