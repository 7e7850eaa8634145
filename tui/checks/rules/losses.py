"""Section 4, are the losses moving, and do training and validation go together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.rule import HINT, NOTHING, STRONG, Bound, Leaf, Readings, check
from flight_recorder.tui.checks.signals.evaluation_noise import Jitter
from flight_recorder.tui.checks.signals.onset import learned_below_at
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View, latest_before

Floats = NDArray[np.float64]

_SOURCE = "the stability checklist"

EMA_STEPS = 50
JUDGED_AT = 200
EARLY = 500
"""Steps within which an honest run cannot be far under the n-gram baseline."""


def _from_scratch(value: float, text: str) -> Bound:
    def of(facts: Facts) -> float | None:
        return value if facts.header.get("origin") == "scratch" else None

    return Bound(f"{text}, from scratch", of)


@check(
    "Q4.1a",
    section="losses",
    question="Does the loss fall over the first 200 steps?",
    panel="loss",
    reads=("loss",),
    by=JUDGED_AT,
    leaves=(
        Leaf(
            "loss rises",
            above=_from_scratch(0.02, "+2 %"),
            level=Level.RED,
            causes=("lr_too_high", "instability"),
            weight=STRONG,
            fix="Look at the learning rate (Q2), then at the optimizer's state (Q6).",
        ),
        Leaf(
            "loss stands still",
            above=_from_scratch(-0.02, "-2 %"),
            below=_from_scratch(0.02, "+2 %"),
            causes=("lr_too_low", "frozen_parameters", "zero_lr", "lr_too_high"),
            weight=STRONG,
            fix="Look at the learning rate (Q2), then for parameters that do not move.",
        ),
        Leaf(
            "loss is higher than at the start",
            above=0.1,
            level=Level.YELLOW,
            causes=("lr_too_high",),
            weight=HINT,
            fix="Look at the learning rate (Q2).",
        ),
    ),
    source=f"{_SOURCE}, Q4.1",
    as_written="50-step EMA not monotone over 200 steps; loss(200) > loss(50)",
    why="an EMA rises on noise at the first steps of 2 of 5 healthy seeds; its values at 50 and 200 do not, "
    "and a fine-tune may stand still in its warm-up",
)
class EarlyProgress:
    """50-step EMA of the loss at step 200 over the one at step 50, less 1."""

    def __init__(self) -> None:
        self.ema: float | None = None
        self.at_50: float | None = None
        self.is_signed = False
        self.last_step = 0

    def __call__(self, view: View) -> Readings:
        """Go on by the new rows, up to the first at step 200 or later."""
        for step, loss in zip(view.steps.tolist(), view["loss"].tolist(), strict=True):
            if self.ema is None or np.isnan(self.ema):
                self.ema = loss
            elif np.isfinite(loss):
                keep = (1 - 2 / (EMA_STEPS + 1)) ** (step - self.last_step)
                self.ema = keep * self.ema + (1 - keep) * loss
            self.last_step = step
            self.is_signed = self.is_signed or loss < 0
            if step >= EMA_STEPS and self.at_50 is None:
                if step > JUDGED_AT // 2:
                    return NOTHING  # the log has nothing near step 50
                self.at_50 = self.ema
            if step >= JUDGED_AT and self.at_50 is not None:
                return self._reading(step)
        return NOTHING

    def _reading(self, step: int) -> Readings:
        assert self.ema is not None and self.at_50 is not None
        now, then = self.ema, self.at_50
        if self.is_signed or then <= 0:
            return NOTHING  # a loss without a zero of its own has no percentages
        change = now / then - 1
        return Readings(
            np.array([step], np.int64),
            np.array([change]),
            lambda i: f"smoothed loss {then:.3f} at step {EMA_STEPS}, {now:.3f} at step {step}",
        )


@check(
    "Q4.1b",
    section="losses",
    question="Does the loss fall fast enough for its learning rate?",
    panel="loss",
    reads=("loss",),
    by=JUDGED_AT,
    leaves=(
        Leaf(
            "barely falls",
            above=0.0,
            below=_from_scratch(0.02, "0.02 nats per 100 steps"),
            causes=("lr_too_low",),
            weight=HINT,
            fix="Try lr_max x 3, and walk the tree again.",
        ),
    ),
    source=f"{_SOURCE}, Q4.1",
    as_written="slope < 0.001 per 100 steps",
    why="noise alone moves a slope by 0.05 per 100 steps: the steep end of its confidence "
    "interval is compared",
)
class EarlySlope:
    """Fastest fall of the loss that its noise allows, nats per 100 steps, over steps 50 to 200 (2 sigma)."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.losses: list[float] = []

    def __call__(self, view: View) -> Readings:
        """Go on by the new rows, up to the first at step 200 or later."""
        end = int(np.searchsorted(view.steps, JUDGED_AT))
        inside = (view.steps[:end] >= EMA_STEPS) & np.isfinite(view["loss"][:end])
        self.steps += view.steps[:end][inside].tolist()
        self.losses += view["loss"][:end][inside].tolist()
        if end == len(view) or len(self.steps) < 20:
            return NOTHING
        x, y = np.array(self.steps, np.float64), np.array(self.losses)
        centred = x - x.mean()
        slope = float(centred @ y / (centred @ centred))
        rest = y - y.mean() - slope * centred
        error = float(np.sqrt(rest @ rest / (len(x) - 2) / (centred @ centred)))
        fastest = -100 * (slope - 2 * error)
        return Readings(
            view.steps[end : end + 1],
            np.array([fastest]),
            lambda i: f"slope {100 * slope:.3g} ± {200 * error:.2g} nats per 100 steps",
        )


@check(
    "Q4.1c",
    section="losses",
    question="Is the validation loss one that can honestly be reached so early?",
    panel="loss",
    reads=("evaluation.val_loss", "header.baseline_loss"),
    drawn=False,
    leaves=(
        Leaf(
            "too good to be true",
            below=0.5,
            latch=True,
            causes=("broken_mask", "data_leak"),
            weight=STRONG,
            fix="The model sees what it has to predict: look at the causal mask, and at the targets' shift.",
        ),
    ),
    source="the seven-panels page, panel 1 (drops below baseline within 200 steps)",
    as_written="train falls below the baseline within 200 steps, val flat",
    why="healthy runs fall below the baseline too, and with a broken mask validation falls with training, to "
    "0.1; no honest run was below 0.73 of the baseline, so half of it before step 500 is impossible",
)
def early_validation(view: View) -> Readings:
    """Validation loss over the loss of the n-gram baseline, up to step 500."""
    early = view.steps <= EARLY
    baseline = view.facts.baseline_loss or np.nan
    steps, losses = view.steps[early], view["evaluation.val_loss"][early]
    return Readings(
        steps,
        losses / baseline,
        lambda i: f"validation loss {losses[i]:.3g} at step {steps[i]}, n-gram baseline {baseline:.3g}",
    )


@check(
    "Q4.1d",
    section="losses",
    question="Do the classes of examples differ in difficulty?",
    panel="class_loss",
    reads=("class_loss",),
    by=JUDGED_AT,
    leaves=(
        Leaf(
            "all near zero, no gap",
            below=0.3,
            causes=("broken_mask", "repeated_batch", "memorised"),
            weight=STRONG,
            fix="The model copies instead of predicting: look at the causal mask.",
        ),
    ),
    source="the seven-panels page, panel 7 (both near zero unreasonably fast, no gap between them)",
)
class LargestClassLoss:
    """Loss of the worst class at step 200, smoothed over the last of 20 rows, in nats per token."""

    def __init__(self) -> None:
        self.rows: list[float] = []

    def __call__(self, view: View) -> Readings:
        """Go on by the new rows, up to the first at step 200 or later."""
        classes = view.items("class_loss")
        end = min(int(np.searchsorted(view.steps, JUDGED_AT)) + 1, len(view))
        worst = np.max([values[:end] for values in classes.values()], axis=0)
        self.rows = (self.rows + worst.tolist())[-20:]
        if not end or view.steps[end - 1] < JUDGED_AT:
            return NOTHING
        mean = float(np.mean(self.rows))
        words = ", ".join(f"{name} {values[end - 1]:.3g}" for name, values in classes.items())
        return Readings(view.steps[end - 1 : end], np.array([mean]), lambda i: f"class losses: {words}")


@check(
    "Q4.2a",
    section="losses",
    question="Is validation tracking training?",
    panel="loss",
    reads=("evaluation.val_loss",),
    optional=("evaluation.train_loss",),
    leaves=(
        Leaf(
            "gap as large as the best validation loss",
            above=1.05,
            level=Level.ORANGE,
            causes=("overfit",),
            weight=HINT,
            fix="Stop at the best checkpoint; more data, more weight decay or less capacity.",
        ),
    ),
    source=f"{_SOURCE}, Q4.2",
    as_written="val - train > 1.0 by step 500",
    why="an absolute gap never fires on a fine-tune whose losses are 0.1 (the post-mortem's gap was 0.49 at "
    "3.6 x the best); whether validation rises is judged by the overfitting flags. Where training costs "
    "nothing any more the noise of validation alone would do: then the gap counts as 1",
)
class RelativeGap:
    """Validation less training loss over the best validation loss so far; at most 1 for a validation loss
    that is no further above its best than noise explains, and while training is above what it was there.

    The training loss is that of the same evaluation, or the newest step's where the log has none.
    """

    def __init__(self) -> None:
        self.best = np.inf
        self.train_at_best = np.nan
        self.jitter = Jitter()
        self.is_signed = False

    def __call__(self, view: View) -> Readings:
        """Go on by the new evaluations."""
        val, train = view["evaluation.val_loss"], view["evaluation.train_loss"]
        train = np.where(np.isnan(train), latest_before(view.recording.steps["loss"], view.steps), train)
        # A loss printed as 0 has no shares: the best is the smallest loss that has some.
        best = np.fmin(np.fmin.accumulate(np.where(val == 0, np.inf, val)), self.best)
        self.best = float(best[-1])
        learned = learned_below_at(view.recording, view.facts, view.steps)
        is_noise = self._is_noise(val, train, best) | (train > self._train_at(val <= best, train))
        known = np.isfinite(val) & np.isfinite(train) & (best > 0) & (best < learned)
        gaps = (val[known] - train[known]) / best[known]
        gaps = np.where(is_noise[known], np.minimum(gaps, 1.0), gaps)
        steps, val, train, best = view.steps[known], val[known], train[known], best[known]
        return Readings(
            steps,
            gaps,
            lambda i: f"validation {val[i]:.3g}, training {train[i]:.3g}, best validation {best[i]:.3g}",
        )

    def _train_at(self, is_best: NDArray[np.bool_], train: Floats) -> Floats:
        """The training loss at the best evaluation up to each."""
        rows = np.maximum.accumulate(np.where(is_best, np.arange(len(train)), -1))
        found = np.where(rows >= 0, train[rows], self.train_at_best)
        self.train_at_best = float(found[-1])
        return found

    def _is_noise(self, val: Floats, train: Floats, best: Floats) -> NDArray[np.bool_]:
        """Where the noise of validation explains how far it is above its best; all of a loss below zero."""
        found = np.ones(len(val), np.bool_)
        for row, (now, trained, lowest) in enumerate(
            zip(val.tolist(), train.tolist(), best.tolist(), strict=True)
        ):
            self.is_signed = self.is_signed or now < 0 or trained < 0
            if not self.is_signed and 0 < now < np.inf:
                self.jitter.take(now)
                found[row] = np.log(now / lowest) <= self.jitter.of_one()
        return found


@check(
    "Q4.2b",
    section="losses",
    question="Is validation no easier than training?",
    panel="loss",
    reads=("evaluation.val_loss", "evaluation.train_loss"),
    leaves=(
        Leaf(
            "validation is easier than training",
            above=0.3,
            hold=2,
            causes=("data_leak",),
            weight=STRONG,
            fix="Look for validation examples in the training set.",
        ),
    ),
    source=f"{_SOURCE}, Q4.2",
    as_written="val < train by > 0.3",
    why="only for splits measured alike at the same step: against a 50-step mean of the training loss every "
    "healthy run fakes a leak (-1.4), and dropout makes val < train normal",
)
def validation_advantage(view: View) -> Readings:
    """Training less validation loss in nats, measured alike at the same step, once below a uniform guess."""
    val, train = view["evaluation.val_loss"], view["evaluation.train_loss"]
    learned = ~(val >= (view.facts.ln_vocab or np.inf))
    steps, val, train = view.steps[learned], val[learned], train[learned]
    return Readings(
        steps, train - val, lambda i: f"validation {val[i]:.3g}, training {train[i]:.3g} at the same step"
    )
