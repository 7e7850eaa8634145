"""Section 3, are the gradients sane: the norm before clipping, over windows and step by step."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import HINT, NOTHING, STRONG, Bound, Leaf, Readings, check
from flight_recorder.tui.checks.scope import CLIP_KNOWN, CLIP_UNKNOWN
from flight_recorder.tui.checks.signals.rolling import Events, rolling_mean, rolling_sums
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_SOURCE = "Pascanu et al. 2013, https://arxiv.org/abs/1211.5063, on norms and where to clip them"

FIVE_CLIPS = Bound("5 x clip", lambda facts: None if facts.grad_clip is None else 5 * facts.grad_clip)


@check(
    "Q3.1a",
    question="Is the gradient norm, averaged over 20 steps, in proportion to the clip value?",
    panel="grad_norm",
    reads=("grad_norm", "header.grad_clip"),
    window=lambda p: int(p["window"]),
    applies=(CLIP_KNOWN,),
    after=lambda facts: (facts.warmup_steps or 0) + 20,
    drawn=True,
    leaves=(
        Leaf(
            "always clipping",
            above=FIVE_CLIPS,
            hold=40,
            keep=20,
            causes=("lr_too_high", "instability"),
            weight=HINT,
            fix="Halve lr_max, and walk the tree again from Q1.1.",
        ),
    ),
    source=_SOURCE,
    as_written="20-step mean > 5.0",
    why="the size of a healthy norm depends on model and reduction: 5.0 is 5 x the clip value that it was "
    "written for, after warm-up. The share of clipped steps is no fault: a healthy run that memorises is "
    "clipped at every step. Held for two windows: one outlier, however large, stays in the mean for one",
)
def mean_grad_norm(view: View, *, window: int = 20) -> Readings:
    """Mean global L2 norm of the gradient over 20 steps, before clipping."""
    steps, means = rolling_mean(view, "grad_norm", window)
    return Readings(steps, means, lambda i: f"mean gradient norm over {window} steps is {means[i]:.3g}")


@check(
    "Q3.1b",
    question="Is the gradient norm in proportion to the run's own first norms?",
    panel="grad_norm",
    reads=("grad_norm",),
    window=lambda p: int(p["window"]),
    leaves=(
        Leaf(
            "norm has grown tenfold",
            above=10.0,
            hold=20,
            keep=20,
            level=Level.YELLOW,
            causes=("lr_too_high", "instability"),
            weight=HINT,
            fix="Halve lr_max, or clip the gradient norm.",
        ),
    ),
    applies=(CLIP_UNKNOWN,),
    source=_SOURCE,
    as_written="20-step mean > 5.0",
    why="where the clip value is unknown only the run's own history can be the measure",
)
def norm_growth(view: View, *, window: int = 20, num_first: int = 100) -> Readings:
    """Mean norm over 20 steps, over the median of the first 100 such means."""
    column = view.recording.steps["grad_norm"].values[: num_first + window - 1]
    first = rolling_sums(column / window, window)
    first = first[np.isfinite(first) & (first > 0)]
    steps, means = rolling_mean(view, "grad_norm", window)
    rows = view.first_index + len(view) - len(means) + np.arange(len(means))
    later = rows >= num_first + window - 1
    if not len(first) or not later.any():
        return NOTHING
    usual = float(np.median(first))
    ratios = means[later] / usual
    return Readings(
        steps[later], ratios, lambda i: f"mean gradient norm is {ratios[i]:.3g} x its first {usual:.3g}"
    )


@check(
    "Q3.1c",
    question="Is there still a gradient while there is still loss?",
    panel="grad_norm",
    reads=("grad_norm", "loss"),
    window=lambda p: int(p["window"]),
    drawn=True,
    leaves=(
        Leaf(
            "dead training",
            below=0.01,
            hold=20,
            keep=20,
            causes=("frozen_parameters", "masked_targets", "lr_too_low"),
            weight=HINT,
            fix="Look at the loss mask, then for frozen parameters, then at the learning rate.",
        ),
    ),
    source=_SOURCE,
    as_written="20-step mean < 0.01",
    why="a run that has memorised reads the same and the advice would be wrong: steps whose loss is under "
    "0.1 nats are left out, the overfitting flags speak for them",
)
def mean_grad_norm_under_loss(view: View, *, window: int = 20, least_loss: float = 0.1) -> Readings:
    """Mean norm over 20 steps, where their mean loss is at least 0.1 nats."""
    steps, means = rolling_mean(view, "grad_norm", window)
    _, losses = rolling_mean(view, "loss", window)
    kept = ~(losses < least_loss)
    steps, means, losses = steps[kept], means[kept], losses[kept]
    return Readings(
        steps, means, lambda i: f"mean gradient norm is {means[i]:.3g} at a mean loss of {losses[i]:.3g}"
    )


@check(
    "Q3.2a",
    question="Does a single step's gradient stand far out?",
    panel="grad_norm",
    reads=("grad_norm", "signal.grad_norm.over_median"),
    optional=("batch",),
    nonfinite=Level.YELLOW,
    leaves=(
        Leaf(
            "gradient outlier",
            above=10.0,
            level=Level.YELLOW,
            keep=200,
            causes=("gradient_outlier",),
            weight=STRONG,
            fix="Clipping has to handle one of these; look at the batch.",
        ),
    ),
    source=_SOURCE,
    as_written="norm > 100, once in 200 steps: acceptable, note the batch",
    why="the size of a norm depends on model and reduction; 10 x the run's own recent median does not",
)
def outlier(view: View) -> Readings:
    """Norm of a step over the median of 50 recent steps."""
    ratios, norms, batches = (view[name] for name in ("signal.grad_norm.over_median", "grad_norm", "batch"))
    steps = view.steps

    def evidence(i: int) -> str:
        batch = f", batch {batches[i]:.0f}" if np.isfinite(batches[i]) else ""
        return (
            f"gradient norm {norms[i]:.3g} at step {steps[i]}{batch} is {ratios[i]:.3g} x its recent median"
        )

    return Readings(steps, ratios, evidence)


@check(
    "Q3.2b",
    question="Do large gradients come in numbers?",
    panel="grad_norm",
    reads=("grad_norm", "signal.grad_norm.over_median"),
    leaves=(
        Leaf(
            "unstable",
            above=3.0,
            keep=20,
            causes=("instability", "gradient_outlier", "lr_too_high"),
            weight=STRONG,
            fix="Go on with the loss spikes (D2): lower lr_max, look at the batches of the outliers.",
        ),
    ),
    source=_SOURCE,
    as_written="norm > 100 more than 3 times in 200 steps",
    why="outliers as Q3.2a counts them",
)
def num_outliers(view: View, *, outlier: float = 10.0, steps: int = 200, apart: int = 10) -> Readings:
    """Outliers in the last 200 steps: norms over 10 x their recent median, counted once in 10 steps."""
    events = view.kept("outliers", Events)
    for step in view.steps[view["signal.grad_norm.over_median"] > outlier].tolist():
        events.add(step, step, apart)  # an outlier and its aftermath are one
    counts = events.within(view.steps, steps)
    return Readings(
        view.steps,
        counts,
        lambda i: f"{counts[i]:.0f} outliers in the {steps} steps up to {view.steps[i]}",
    )
