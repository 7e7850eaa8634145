"""D5, where the losses stand: above a uniform guess, stuck, drifting, or on a plateau."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.rule import HINT, NOTHING, STRONG, Leaf, Readings, check
from flight_recorder.tui.checks.scope import NOT_ADVERSARIAL_OR_POLICY
from flight_recorder.tui.checks.signals.blocks import BLOCK, LongMeans
from flight_recorder.tui.checks.signals.onset import learned_below
from flight_recorder.tui.checks.signals.random_walk import Lowest, excuses
from flight_recorder.tui.checks.signals.rolling import rolling_mean
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_MEAN = 20
_LONG = 10 * BLOCK

_FALLING = 0.98
"""Mean of 200 records over that of the 200 before below which a loss still falls."""


def _settled(facts: Facts) -> float:
    """First step at which a run from scratch must have left the level of a uniform guess."""
    return max(200.0, 2 * (facts.warmup_steps or 0))


@check(
    "D5.1",
    section="level of the loss",
    question="Is the training loss better than that of a uniform guess?",
    panel="loss",
    reads=("loss", "header.vocab_size"),
    window=_MEAN,
    after=lambda facts: max(100.0, facts.warmup_steps or 0),
    leaves=(
        Leaf(
            "worse than a uniform guess",
            above=0.5,
            level=Level.RED,
            hold=20,
            keep=20,
            causes=("above_uniform", "instability", "lr_too_high", "bad_init"),
            weight=STRONG,
            fix="The model is confidently wrong: start again with the learning rate and the initialisation.",
        ),
    ),
    source="the two-run journal; ours",
    why="only after the warm-up, whose first steps may pass through a peak",
)
def over_uniform(view: View) -> Readings:
    """Mean training loss of 20 steps minus ln V, in nats per token."""
    steps, means = rolling_mean(view, "loss", _MEAN)
    finite = np.isfinite(means)  # what is not is D1's to say
    steps, means = steps[finite], means[finite]
    uniform = view.facts.ln_vocab or 0.0
    return Readings(
        steps,
        means - uniform,
        lambda i: f"mean loss of {_MEAN} steps is {means[i]:.3g}, ln V is {uniform:.3g}",
    )


@check(
    "D5.2",
    section="level of the loss",
    question="Is the validation loss better than that of a uniform guess?",
    panel="loss",
    reads=("evaluation.val_loss", "header.vocab_size"),
    after=1,
    leaves=(
        Leaf(
            "worse than uniform",
            above=0.5,
            level=Level.RED,
            causes=("eval_broken", "above_uniform"),
            weight=STRONG,
            fix="Either the evaluation is broken (wrong tokens, a sum for a mean) or the model is: "
            "evaluate a batch of the training set in the same way.",
        ),
    ),
    source="the two-run journal",
    as_written="5.07e+18 -> 2.39e+21: controlled, stable",
    why="a perplexity is judged as its logarithm: 43 to 49 nats per token, where guessing costs 10.8; an "
    "evaluation that once read 0.2 nats less than a guess has worked, and is not to blame (D5.7)",
)
class NeverBelowUniform:
    """Validation loss minus ln V in nats per token, while it has never been 0.2 below; else 0."""

    learned = False

    def __init__(self) -> None:
        self._best = np.inf

    def __call__(self, view: View) -> Readings:
        """Go on by the new evaluations."""
        uniform = view.facts.ln_vocab or 0.0
        finite = np.isfinite(view["val_loss"])
        val, steps = view["val_loss"][finite], view.steps[finite]
        if not len(val):
            return NOTHING
        best = np.fmin(np.fmin.accumulate(val), self._best)
        self._best = float(best[-1])
        values = np.where((best < learned_below(view.facts)) == self.learned, val - uniform, 0.0)
        return Readings(
            steps,
            values,
            lambda i: f"validation loss is {val[i]:.3g} nats per token, a uniform guess costs {uniform:.3g}",
        )


@check(
    "D5.7",
    section="level of the loss",
    question="Has validation stayed better than a uniform guess?",
    panel="loss",
    reads=("evaluation.val_loss", "header.vocab_size"),
    after=1,
    leaves=(
        Leaf(
            "worse than uniform again",
            above=0.5,
            level=Level.RED,
            causes=("above_uniform",),
            weight=HINT,
            fix="What validation had learned is gone: go back to the checkpoint of the best evaluation.",
        ),
    ),
    source="ours",
)
class AgainAboveUniform(NeverBelowUniform):
    """Validation loss minus ln V in nats per token, once it has been 0.2 below; else 0."""

    learned = True


@check(
    "D5.3",
    section="level of the loss",
    question="Has the loss left the level of a uniform guess?",
    panel="loss",
    reads=("loss", "header.vocab_size"),
    window=_MEAN,
    after=_settled,
    leaves=(
        Leaf(
            "chance plateau",
            above=-0.2,
            below=0.5,
            level=Level.RED,
            hold=50,
            keep=20,
            causes=("plateau", "lr_too_low", "frozen_parameters", "shuffled_labels"),
            weight=STRONG,
            fix="Nothing is learned: look at the rate applied, at frozen parameters, at the targets.",
        ),
    ),
    source="ours",
    why="an honest long plateau lies below ln V; a run that starts from a checkpoint is not judged, and one "
    "that comes back up to this level has learned before (D5.8)",
)
class DistanceToChance:
    """Mean training loss of 20 steps minus ln V, or the lowest so far once that is a nat below."""

    _LEFT = -1.0

    def __init__(self) -> None:
        self._lowest = np.inf

    def __call__(self, view: View) -> Readings:
        """One reading for each step; a run that does not start from scratch is not judged."""
        now = over_uniform(view)
        if view.facts.scratch_ln_vocab is None or not len(now.values):
            return NOTHING
        lowest = np.minimum(np.minimum.accumulate(now.values), self._lowest)
        self._lowest = float(lowest[-1])
        return replace(now, values=np.where(lowest < self._LEFT, lowest, now.values))


@check(
    "D5.4",
    section="level of the loss",
    question="Is more learned than how often each token occurs?",
    panel="loss",
    reads=("loss", "header.vocab_size", "header.baseline_loss"),
    window=BLOCK,
    after=lambda facts: max(500.0, 3 * (facts.warmup_steps or 0)),
    leaves=(
        Leaf(
            "stuck far above the n-gram baseline",
            above=0.3,
            level=Level.RED,
            hold=3,
            keep=3,
            causes=("shuffled_labels", "lr_too_low", "frozen_parameters", "plateau"),
            weight=STRONG,
            fix="The model has learned frequencies only: look whether the targets belong to the inputs.",
        ),
    ),
    source="ours",
    why="0 is the baseline, 1 a uniform guess; healthy runs are below 0 by step 250. A loss that still falls "
    "by over 2 % in 200 steps is given time; one that comes back up has learned before (D5.5)",
)
class WayFromBaseline(LongMeans):
    """Lowest mean loss of 200 steps, from the n-gram baseline (0) to ln V (1); 0 while it still falls."""

    def __init__(self) -> None:
        super().__init__()
        self._lowest = np.inf

    def __call__(self, view: View) -> Readings:
        """One reading every 20 records."""
        steps, now, before = self.take(view, "loss")
        uniform, baseline = view.facts.ln_vocab, view.facts.baseline_loss
        if uniform is None or baseline is None or uniform <= baseline:
            return NOTHING
        if not len(steps):
            return NOTHING
        lowest = np.fmin(np.fmin.accumulate(np.fmin(now, before)), self._lowest)
        self._lowest = float(lowest[-1])
        values = np.where(now < _FALLING * before, 0.0, (lowest - baseline) / (uniform - baseline))
        return Readings(
            steps,
            values,
            lambda i: (
                f"mean loss of {_LONG} steps has been {lowest[i]:.3g}, the n-gram baseline is {baseline:.3g}"
            ),
        )


@check(
    "D5.5",
    section="level of the loss",
    question="Does the training loss drift upwards?",
    panel="loss",
    reads=("loss", "signal.loss.random_walk"),
    window=BLOCK,
    applies=(NOT_ADVERSARIAL_OR_POLICY,),
    after=lambda facts: (facts.warmup_steps or 0) + 2 * _LONG,
    leaves=(
        Leaf(
            "loss drifts upwards",
            above=0.1,
            level=Level.ORANGE,
            hold=3,
            keep=3,
            causes=("drift", "instability", "lr_too_high"),
            weight=STRONG,
            fix="The run unlearns: check the rate against its schedule, go back to the best checkpoint.",
            unless=("still_falling", "validation_at_its_best", "random_walk_explains"),
        ),
        Leaf(
            "loss creeps upwards",
            above=0.04,
            level=Level.YELLOW,
            hold=3,
            keep=3,
            causes=("drift",),
            weight=HINT,
            fix="Watch it: has the data changed, or does the learning rate creep?",
            unless=("still_falling",),
        ),
    ),
    source="ours",
    why="a loss that falls again, however high it stands, does not drift upwards",
)
class Drift(LongMeans):
    """Mean loss of 200 steps over the lowest such mean so far, minus 1."""

    def __init__(self, *, least: float = 0.05, falling: float = 0.98) -> None:
        super().__init__()
        self._least, self._falling = least, falling
        self._lowest = Lowest()

    def __call__(self, view: View) -> Readings:
        """One reading every 20 records."""
        steps, now, before = self.take(view, "loss")
        if not len(steps):
            return NOTHING
        rows = (view.first_index + len(view)) // BLOCK * BLOCK - 1 - BLOCK * np.arange(len(steps))[::-1]
        # Losses that are nearly memorised change by factors without meaning.
        known = np.where(np.isfinite(now), np.maximum(now, self._least), np.inf)
        lowest, since, since_steps = self._lowest.take(known, rows, steps)
        with np.errstate(invalid="ignore"):  # nothing finite yet: inf over inf, taken as 0
            values = np.where(np.isfinite(known), np.maximum(known / lowest - 1, 0.0), 0.0)
        walk = view.signal("loss.random_walk")
        excused = excuses(view, walk, rows, steps, since, since_steps, values)
        return Readings(
            steps,
            values,
            lambda i: f"mean loss of {_LONG} steps is {now[i]:.3g}, it has been {lowest[i]:.3g}",
            {**excused, "still_falling": now < self._falling * before},
        )


@check(
    "D5.6",
    section="level of the loss",
    question="Does the training loss still fall?",
    panel="loss",
    reads=("loss", "lr"),
    window=BLOCK,
    after=lambda facts: 5 * _settled(facts),
    leaves=(
        Leaf(
            "plateau",
            below=5e-4,
            level=Level.YELLOW,
            hold=25,
            keep=3,
            causes=("plateau",),
            weight=HINT,
            fix="A plateau can be honest and long: wait, or end the run here.",
        ),
    ),
    source="ours",
    why="at the end of a schedule nothing should move: judged above a tenth of the peak rate",
)
class Fall(LongMeans):
    """Share by which the mean loss of 200 steps is below that of the 200 before, while the rate is high."""

    def __init__(self) -> None:
        super().__init__()
        self._rates = LongMeans()
        self._peak = 0.0

    def __call__(self, view: View) -> Readings:
        """One reading every 20 records; 1 once the rate has decayed below a tenth of its peak."""
        steps, now, before = self.take(view, "loss")
        _, lr, _ = self._rates.take(view, "lr")
        peaks = np.fmax.accumulate(np.concatenate([[self._peak], lr]))[1:]
        self._peak = max([self._peak, *peaks.tolist()])
        judged = (lr > 0.1 * peaks) & np.isfinite(now) & np.isfinite(before)
        values = np.where(judged, 1 - now / np.maximum(before, 1e-9), 1.0)
        return Readings(steps, values, lambda i: f"mean loss went from {before[i]:.4g} to {now[i]:.4g}")
