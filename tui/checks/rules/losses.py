"""Section 4, are the losses moving, and do training and validation go together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.rule import HINT, NOTHING, STRONG, Leaf, Readings, check
from flight_recorder.tui.checks.scope import DECLARED_FROM_SCRATCH
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View, latest_before
from flight_recorder.tui.series.columns import Column

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]

_OURS = "our own proposal"


def _first_from(view: View, name: str, judged_at: int) -> int | None:
    """Which of the new rows is the first of the log at this step or later; None where it is another."""
    row, first = int(np.searchsorted(view.steps, judged_at)), view.recording.steps[name].steps
    is_here = row < len(view) and view.steps[row] == first[np.searchsorted(first, judged_at)]
    return row if is_here else None


@check(
    "Q4.1a",
    section="losses",
    question="Does the loss fall over the first 200 steps?",
    panel="loss",
    reads=("loss",),
    by=200,
    leaves=(
        Leaf(
            "loss rises",
            above=0.02,
            level=Level.RED,
            causes=("lr_too_high", "instability"),
            weight=STRONG,
            fix="Look at the learning rate (Q2), then at the optimizer's state (Q6).",
            unless=("may_start_trained",),
        ),
        Leaf(
            "loss stands still",
            above=-0.02,
            below=0.02,
            causes=("lr_too_low", "frozen_parameters", "zero_lr", "lr_too_high"),
            weight=STRONG,
            fix="Look at the learning rate (Q2), then for parameters that do not move.",
            unless=("may_start_trained",),
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
    source=_OURS,
    as_written="50-step EMA not monotone over 200 steps; loss(200) > loss(50)",
    why="an EMA rises on noise at the first steps of 2 of 5 healthy seeds; its values at 50 and 200 do not, "
    "and a fine-tune may stand still in its warm-up",
)
def early_progress(view: View, *, ema_steps: int = 50, judged_at: int = 200) -> Readings:
    """50-step EMA of the loss at step 200 over the one at step 50, less 1."""
    row = _first_from(view, "loss", judged_at)
    if row is None:
        return NOTHING
    step = int(view.steps[row])
    column = view.recording.steps["loss"]
    end = int(np.searchsorted(column.steps, step)) + 1
    losses, steps = column.values[:end], column.steps[:end]
    at_50 = int(np.searchsorted(steps, ema_steps))
    means = _exponential_means(steps, losses, ema_steps)
    now, then = float(means[-1]), float(means[at_50])
    # The log has nothing near step 50; a loss without a zero of its own has no percentages.
    if steps[at_50] > judged_at // 2 or (losses < 0).any() or then <= 0:
        return NOTHING
    origin = view.facts.header.get("origin")
    return Readings(
        view.steps[row : row + 1],
        np.array([now / then - 1]),
        lambda i: f"smoothed loss {then:.3f} at step {ema_steps}, {now:.3f} at step {step}",
        {"may_start_trained": np.array([origin != "scratch"])},
    )


def _exponential_means(steps: Steps, losses: Floats, over: int) -> Floats:
    """Exponential moving average over so many steps, one value a record; gaps between records decay it."""
    means, mean, last = np.empty(len(losses)), np.nan, 0
    for row, (step, loss) in enumerate(zip(steps.tolist(), losses.tolist(), strict=True)):
        if np.isnan(mean):
            mean = loss
        elif np.isfinite(loss):
            keep = (1 - 2 / (over + 1)) ** (step - last)
            mean = keep * mean + (1 - keep) * loss
        means[row], last = mean, step
    return means


@check(
    "Q4.1b",
    section="losses",
    question="Does the loss fall fast enough for its learning rate?",
    panel="loss",
    reads=("loss",),
    applies=(DECLARED_FROM_SCRATCH,),
    by=200,
    leaves=(
        Leaf(
            "barely falls",
            above=0.0,
            below=0.02,
            causes=("lr_too_low",),
            weight=HINT,
            fix="Try lr_max x 3, and walk the tree again.",
        ),
    ),
    source=_OURS,
    as_written="slope < 0.001 per 100 steps",
    why="noise alone moves a slope by 0.05 per 100 steps: the steep end of its confidence "
    "interval is compared",
)
def early_slope(
    view: View, *, first_step: int = 50, judged_at: int = 200, sigmas: float = 2.0, least: int = 20
) -> Readings:
    """Fastest fall of the loss that its noise allows, nats per 100 steps, over steps 50 to 200 (2 sigma)."""
    row = _first_from(view, "loss", judged_at)
    if row is None:
        return NOTHING
    column = view.recording.steps["loss"]
    start, end = np.searchsorted(column.steps, (first_step, judged_at))
    finite = np.isfinite(column.values[start:end])
    x, y = column.steps[start:end][finite].astype(np.float64), column.values[start:end][finite]
    if len(x) < least:
        return NOTHING
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    rest = y - y.mean() - slope * centred
    error = sigmas * float(np.sqrt(rest @ rest / (len(x) - 2) / (centred @ centred)))
    return Readings(
        view.steps[row : row + 1],
        np.array([-100 * (slope - error)]),
        lambda i: f"slope {100 * slope:.3g} ± {100 * error:.2g} nats per 100 steps",
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
    source=_OURS,
    as_written="train falls below the baseline within 200 steps, val flat",
    why="healthy runs fall below the baseline too, and with a broken mask validation falls with training, to "
    "0.1; no honest run was below 0.73 of the baseline, so half of it before step 500 is impossible",
)
def early_validation(view: View, *, last_step: int = 500) -> Readings:
    """Validation loss over the loss of the n-gram baseline, up to step 500."""
    early = view.steps <= last_step
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
    window=lambda parameters: int(parameters["window"]),
    by=200,
    leaves=(
        Leaf(
            "all near zero, no gap",
            below=0.3,
            causes=("broken_mask", "repeated_batch", "memorised"),
            weight=STRONG,
            fix="The model copies instead of predicting: look at the causal mask.",
        ),
    ),
    source=_OURS,
)
def largest_class_loss(view: View, *, window: int = 20, judged_at: int = 200) -> Readings:
    """Loss of the worst class at step 200, smoothed over the last of 20 rows, in nats per token."""
    row = int(np.searchsorted(view.steps, judged_at))
    if row == len(view):
        return NOTHING
    end = view.num_past + row + 1
    classes = {name: view.with_past(f"class_loss/{name}")[:end] for name in view.items("class_loss")}
    mean = float(np.mean(np.max(list(classes.values()), axis=0)[-window:]))
    words = ", ".join(f"{name} {values[-1]:.3g}" for name, values in classes.items())
    return Readings(view.steps[row : row + 1], np.array([mean]), lambda i: f"class losses: {words}")


@check(
    "Q4.2a",
    section="losses",
    question="Is validation tracking training?",
    panel="loss",
    reads=(
        *("evaluation.val_loss", "signal.val.lowest.positive", "signal.val.lowest.positive.step"),
        *("signal.val.learned_below", "signal.val.noise.of_one"),
    ),
    optional=("evaluation.train_loss",),
    leaves=(
        Leaf(
            "gap as large as the best validation loss",
            above=1.05,
            level=Level.ORANGE,
            causes=("overfit",),
            weight=HINT,
            fix="Stop at the best checkpoint; more data, more weight decay or less capacity.",
            unless=("training_rises_too", "loss_below_zero", "within_noise"),
        ),
    ),
    source=_OURS,
    as_written="val - train > 1.0 by step 500",
    why="an absolute gap never fires on a fine-tune whose losses are 0.1 (the post-mortem's gap was 0.49 at "
    "3.6 x the best); whether validation rises is judged by the overfitting flags. Where training costs "
    "nothing any more the noise of validation alone would do, and is no reason",
)
def relative_gap(view: View) -> Readings:
    """Validation less training loss over the best validation loss so far.

    The training loss is that of the same evaluation, or the newest step's where the log has none.
    """
    val, train = view["val_loss"], _training_loss(view, view.steps)
    best, best_step = view["signal.val.lowest.positive"], view["signal.val.lowest.positive.step"]
    known = np.isfinite(val) & np.isfinite(train) & (best > 0) & (best < view["signal.val.learned_below"])
    known &= np.isfinite(best_step)
    steps, val, train, best = view.steps[known], val[known], train[known], best[known]
    with np.errstate(divide="ignore"):  # a validation loss of 0 is at its best
        rises = np.log(val / best)
    return Readings(
        steps,
        (val - train) / best,
        lambda i: f"validation {val[i]:.3g}, training {train[i]:.3g}, best validation {best[i]:.3g}",
        {
            "within_noise": ~(rises > view["signal.val.noise.of_one"][known]),
            "training_rises_too": train > _training_loss(view, best_step[known].astype(np.int64)),
            "loss_below_zero": _lowest_training_loss(view, steps) < 0,
        },
    )


def _training_loss(view: View, steps: Steps) -> Floats:
    """The training loss measured at evaluations at these steps, else that of the newest step before each."""
    measured = _at(view.recording.evaluations["train_loss"], steps)
    return np.where(np.isnan(measured), latest_before(view.recording.steps["loss"], steps), measured)


def _at(column: Column, steps: Steps) -> Floats:
    """The values at exactly these steps, NaN where there is none."""
    place = np.searchsorted(column.steps, steps)
    found = np.append(column.values, np.nan)[place]
    return np.where(np.append(column.steps, -1)[place] == steps, found, np.nan)


def _lowest_training_loss(view: View, steps: Steps) -> Floats:
    """The lowest training loss at the evaluations up to each of these steps."""
    evaluated = view.recording.evaluations["val_loss"].steps
    lowest = np.fmin.accumulate(_training_loss(view, evaluated))
    return np.asarray(lowest[np.searchsorted(evaluated, steps)])


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
    source=_OURS,
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
