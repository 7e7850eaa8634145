"""Section 3, are the gradients sane: the norm before clipping, over windows and step by step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.rule import HINT, NOTHING, STRONG, Bound, Leaf, Readings, check
from flight_recorder.tui.checks.signals.rolling import rolling_mean, trailing_median
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_SOURCE = "the stability checklist"

WINDOW = 20
"""Steps of the rolling mean, from the checklist."""
RECENT = 50
"""Steps of the run's own recent median, renewed every BLOCK steps."""
BLOCK = 10
COUNTED = 200
"""Steps over which single large norms are counted, from the checklist."""
OUTLIER = 10.0
"""A norm so many times its recent median stands alone."""

FIVE_CLIPS = Bound("5 x clip", lambda facts: None if facts.grad_clip is None else 5 * facts.grad_clip)


def _after_warmup(facts: Facts) -> float:
    return (facts.warmup_steps or 0) + WINDOW


@check(
    "Q3.1a",
    section="gradients",
    question="Is the gradient norm, averaged over 20 steps, in proportion to the clip value?",
    panel="grad_norm",
    reads=("grad_norm", "header.grad_clip"),
    window=WINDOW,
    after=_after_warmup,
    drawn=True,
    leaves=(
        Leaf(
            "always clipping",
            above=FIVE_CLIPS,
            hold=2 * WINDOW,
            keep=20,
            causes=("lr_too_high", "instability"),
            weight=HINT,
            fix="Halve lr_max, and walk the tree again from Q1.1.",
        ),
    ),
    source=f"{_SOURCE}, Q3.1",
    as_written="20-step mean > 5.0",
    why="the size of a healthy norm depends on model and reduction: 5.0 is 5 x the clip value that it was "
    "written for, after warm-up. The share of clipped steps is no fault: a healthy run that memorises is "
    "clipped at every step. Held for two windows: one outlier, however large, stays in the mean for one",
)
def mean_grad_norm(view: View) -> Readings:
    """Mean global L2 norm of the gradient over 20 steps, before clipping."""
    steps, means = rolling_mean(view, "grad_norm", WINDOW)
    return Readings(steps, means, lambda i: f"mean gradient norm over {WINDOW} steps is {means[i]:.3g}")


@check(
    "Q3.1b",
    section="gradients",
    question="Is the gradient norm in proportion to the run's own first norms?",
    panel="grad_norm",
    reads=("grad_norm",),
    window=WINDOW,
    leaves=(
        Leaf(
            "norm has grown tenfold",
            above=Bound("10 where the clip is unknown", lambda facts: None if facts.grad_clip else 10.0),
            hold=20,
            keep=20,
            level=Level.YELLOW,
            causes=("lr_too_high", "instability"),
            weight=HINT,
            fix="Halve lr_max, or clip the gradient norm.",
        ),
    ),
    exempt="the clip value is known: Q3.1a judges by it",
    source=f"{_SOURCE}, Q3.1",
    as_written="20-step mean > 5.0",
    why="where the clip value is unknown only the run's own history can be the measure",
)
class NormGrowth:
    """Mean norm over 20 steps, over the median of such means in the run's first 100 rows."""

    FIRST = 100

    def __init__(self) -> None:
        self.first: list[float] = []
        self.usual: float | None = None

    def __call__(self, view: View) -> Readings:
        """Go on by the new rows."""
        steps, means = rolling_mean(view, "grad_norm", WINDOW)
        used = 0
        if self.usual is None:
            used = min(self.FIRST - len(self.first), len(means))
            self.first += means[:used].tolist()
            if len(self.first) < self.FIRST:
                return NOTHING
            finite = [mean for mean in self.first if np.isfinite(mean) and mean > 0]
            self.usual = float(np.median(finite)) if finite else np.nan
        if not np.isfinite(self.usual) or used == len(means):
            return NOTHING
        steps, ratios, usual = steps[used:], means[used:] / self.usual, self.usual
        return Readings(
            steps, ratios, lambda i: f"mean gradient norm is {ratios[i]:.3g} x its first {usual:.3g}"
        )


@check(
    "Q3.1c",
    section="gradients",
    question="Is there still a gradient while there is still loss?",
    panel="grad_norm",
    reads=("grad_norm", "loss"),
    window=WINDOW,
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
    source=f"{_SOURCE}, Q3.1",
    as_written="20-step mean < 0.01",
    why="a run that has memorised reads the same and the advice would be wrong: steps whose loss is under "
    "0.1 nats are left out, the overfitting flags speak for them",
)
def mean_grad_norm_under_loss(view: View) -> Readings:
    """Mean norm over 20 steps, where their mean loss is at least 0.1 nats."""
    steps, means = rolling_mean(view, "grad_norm", WINDOW)
    _, losses = rolling_mean(view, "loss", WINDOW)
    kept = ~(losses < 0.1)
    steps, means, losses = steps[kept], means[kept], losses[kept]
    return Readings(
        steps, means, lambda i: f"mean gradient norm is {means[i]:.3g} at a mean loss of {losses[i]:.3g}"
    )


def outlier_ratios(view: View) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """(rows, norm over the recent median there); the median counts as at least a tenth of the clip value.

    Without that floor every batch with a mistake in it would be an outlier of a run that has memorised. The
    last answer is kept for the other node that asks.
    """
    memo, key = view.facts.memo, (view.first_index, len(view))
    if memo.get("outlier_rows") != key:
        rows, medians = trailing_median(view, "grad_norm", RECENT, BLOCK)
        usual = np.maximum(medians, 0.1 * (view.facts.grad_clip or 0.0))
        judged = usual > 0
        rows, usual = rows[judged], usual[judged]
        memo["outlier_rows"], memo["outlier_ratios"] = key, (rows, view["grad_norm"][rows] / usual)
    found: tuple[NDArray[np.intp], NDArray[np.float64]] = memo["outlier_ratios"]
    return found


@check(
    "Q3.2a",
    section="gradients",
    question="Does a single step's gradient stand far out?",
    panel="grad_norm",
    reads=("grad_norm",),
    optional=("batch",),
    window=RECENT + BLOCK,
    nonfinite=Level.YELLOW,
    leaves=(
        Leaf(
            "an outlier",
            above=OUTLIER,
            level=Level.YELLOW,
            keep=COUNTED,
            causes=("gradient_outlier",),
            weight=STRONG,
            fix="Clipping has to handle one of these; look at the batch.",
        ),
    ),
    source=f"{_SOURCE}, Q3.2",
    as_written="norm > 100, once in 200 steps: acceptable, note the batch",
    why="the size of a norm depends on model and reduction; 10 x the run's own recent median does not",
)
def outlier(view: View) -> Readings:
    """Norm of a step over the median of 50 recent steps."""
    rows, ratios = outlier_ratios(view)
    norms, batches = view["grad_norm"][rows], view["batch"][rows]
    steps = view.steps[rows]

    def evidence(i: int) -> str:
        batch = f", batch {batches[i]:.0f}" if np.isfinite(batches[i]) else ""
        return (
            f"gradient norm {norms[i]:.3g} at step {steps[i]}{batch} is {ratios[i]:.3g} x its recent median"
        )

    return Readings(steps, ratios, evidence)


@check(
    "Q3.2b",
    section="gradients",
    question="Do large gradients come in numbers?",
    panel="grad_norm",
    reads=("grad_norm",),
    window=RECENT + BLOCK + COUNTED,
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
    source=f"{_SOURCE}, Q3.2",
    as_written="norm > 100 more than 3 times in 200 steps",
    why="outliers as Q3.2a counts them",
)
class NumOutliers:
    """Outliers in the last 200 steps: norms over 10 x their recent median, counted once in 10 steps."""

    _ONE = 10

    def __init__(self) -> None:
        self.recent: NDArray[np.int64] = np.empty(0, np.int64)
        self.last = -COUNTED

    def __call__(self, view: View) -> Readings:
        """Go on by the new rows."""
        rows, ratios = outlier_ratios(view)
        if not len(rows):
            return NOTHING
        steps = view.steps[rows]
        outliers = self._separate(steps[ratios > OUTLIER])
        known = np.concatenate([self.recent, outliers])
        counts = np.searchsorted(known, steps, side="right") - np.searchsorted(
            known, steps - COUNTED, side="right"
        )
        self.recent = known[known > steps[-1] - COUNTED]
        values = counts.astype(np.float64)
        return Readings(
            steps, values, lambda i: f"{counts[i]} outliers in the {COUNTED} steps up to {steps[i]}"
        )

    def _separate(self, outliers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those at least 10 steps after the one counted before: an outlier and its aftermath are one."""
        kept = []
        for step in outliers.tolist():
            if step - self.last >= self._ONE:
                self.last = step
                kept.append(step)
        return np.array(kept, np.int64)
