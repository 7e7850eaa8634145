"""The thresholds of the first draft in their own words, where the shipped ones measure something else.

Only a thresholds file switches these on (configs/thresholds/as-written.yaml): they are here so that anyone
can see how often the literal numbers alarm on healthy runs.
"""

from __future__ import annotations

from itertools import accumulate, pairwise

import numpy as np

from flight_recorder.engine.runlog.schema import is_number
from flight_recorder.tui.checks.rule import HINT, NOTHING, Leaf, Readings, check
from flight_recorder.tui.checks.rules.activations import initial_points
from flight_recorder.tui.checks.rules.layers import grown
from flight_recorder.tui.checks.rules.start import single
from flight_recorder.tui.checks.signals.rolling import rolling_mean, rolling_sum_of
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View, latest_before

_DRAFT = "our own first draft, literally"


@check(
    "Q2.2w",
    question="As written: is the learning rate at step W within 5 % of lr_max?",
    panel="lr",
    reads=("lr", "header.schedule"),
    at=lambda facts: facts.warmup_steps,
    shipped=False,
    passes=(0.95, 1.05),
    leaves=(
        Leaf("warm-up off by one", below=0.5, causes=("warmup_off_by_one",), fix="t / W or (t + 1) / W."),
    ),
    source=_DRAFT,
)
def rate_at_w(view: View) -> Readings:
    """Learning rate at step W as a share of lr_max."""
    peak = view.facts.lr_max
    return Readings(view.steps, view["lr"] / peak) if peak else NOTHING


@check(
    "Q3.1w",
    question="As written: is the 20-step mean of the gradient norm within [0.01, 5.0]?",
    panel="grad_norm",
    reads=("grad_norm",),
    window=lambda p: int(p["window"]),
    shipped=False,
    leaves=(
        Leaf("always clipping", above=5.0, causes=("lr_too_high",), weight=HINT, fix="Reduce lr_max by 2 x."),
        Leaf(
            "dead training", below=0.01, causes=("masked_targets",), weight=HINT, fix="Look at the loss mask."
        ),
    ),
    source=_DRAFT,
)
def plain_mean_grad_norm(view: View, *, window: int = 20) -> Readings:
    """Mean global L2 norm of the gradient over 20 steps, before clipping."""
    return Readings(*rolling_mean(view, "grad_norm", window))


@check(
    "Q3.2w",
    question="As written: is the gradient norm over 100 more than 3 times in 200 steps?",
    panel="grad_norm",
    reads=("grad_norm",),
    window=lambda p: int(p["steps"]),
    shipped=False,
    leaves=(
        Leaf("investigate the batch", above=0.0, level=Level.YELLOW, causes=("gradient_outlier",)),
        Leaf("unstable", above=3.0, causes=("instability",), fix="Go to the loss spikes."),
    ),
    source=_DRAFT,
)
def num_over_100(view: View, *, steps: int = 200, large: float = 100.0) -> Readings:
    """Steps among the last 200 whose gradient norm is over 100."""
    over = (view.with_past("grad_norm") > large).astype(np.float64)
    return Readings(*rolling_sum_of(view, over, steps))


@check(
    "Q4.1w",
    question="As written: does the 50-step EMA of the loss fall at every one of the first 200 steps?",
    panel="loss",
    reads=("loss",),
    window=lambda p: int(p["until"]) + 1,
    shipped=False,
    leaves=(
        Leaf(
            "not monotone",
            above=0.0,
            latch=True,
            causes=("lr_too_high",),
            weight=HINT,
            fix="Check the LR (Q2).",
        ),
    ),
    source=_DRAFT,
)
def ema_rise(view: View, *, until: int = 200, span: int = 50) -> Readings:
    """Rise of the 50-step EMA of the loss from one step to the next, up to step 200."""
    early = int(np.searchsorted(view.steps_with_past, until, side="right"))
    losses = view.with_past("loss")[:early].tolist()
    emas = np.array(list(accumulate(losses, lambda ema, loss: ema + 2 / (span + 1) * (loss - ema))))
    rises = np.diff(emas, prepend=emas[:1])[view.num_past :]
    return Readings(view.steps[: len(rises)], rises)


@check(
    "Q4.2w",
    question="As written: is validation within 1.0 above and 0.3 below training?",
    panel="loss",
    reads=("evaluation.val_loss",),
    shipped=False,
    passes=(-0.5, 0.5),
    leaves=(
        Leaf("overfitting fast", above=1.0, causes=("overfit",), fix="Increase weight_decay, or data."),
        Leaf("data leak", below=-0.3, causes=("data_leak",), fix="Val contains train items."),
    ),
    source=f"{_DRAFT}, against the training loss of the newest step",
)
def plain_gap(view: View) -> Readings:
    """Validation loss less the training loss of the newest step, nats per token."""
    train = latest_before(view.recording.steps["loss"], view.steps)
    known = np.isfinite(train)
    return Readings(view.steps[known], (view["evaluation.val_loss"] - train)[known])


@check(
    "Q5.1w",
    question="As written: is the std of every linear weight in [0.02, 0.1]?",
    panel="spectral_norm",
    reads=("initial.weights",),
    shipped=False,
    passes=(0.02, 0.1),
    leaves=(Leaf("100 x expected", above=2.0, causes=("bad_init",), fix="Go to the bad-init failure."),),
    source=_DRAFT,
)
def plain_linear_std(view: View, *, low: float = 0.02, high: float = 0.1) -> Readings:
    """Standard deviation of the linear weight that is farthest outside [0.02, 0.1]."""
    weights = view.facts.initial["weights"]
    stds = [row["std"] for row in weights if row.get("role") == "linear" and is_number(row.get("std"))]
    if not stds:
        return NOTHING
    return single(
        view, max(stds, key=lambda std: max(low - std, std - high)), "standard deviations as logged"
    )


@check(
    "Q5.2w",
    question="As written: is no layer's output over 10 x its input?",
    panel="activation",
    reads=("initial.activation", "header.layers"),
    shipped=False,
    passes=(None, 1.5),
    leaves=(
        Leaf("missing normalization", above=10.0, causes=("no_normalization",), fix="Check LN placement."),
    ),
    source=f"{_DRAFT}, over all measured points",
)
def plain_growth(view: View) -> Readings:
    """Largest ratio of one measured point to the one before it."""
    values = [value for _, value in initial_points(view.facts)]
    ratios = [after / before for before, after in pairwise(values) if before > 0]
    return single(view, max(ratios), "mean |x| of neighbouring points") if ratios else NOTHING


@check(
    "Panel4w",
    section="architecture",
    question="As written: are all layers' magnitudes within 3 x of each other?",
    panel="activation",
    reads=("activation",),
    shipped=False,
    leaves=(Leaf("out of balance", above=3.0, causes=("bad_init",), weight=HINT, fix="Look at panel 4."),),
    source=_DRAFT,
)
def plain_balance(view: View) -> Readings:
    """Largest over smallest mean magnitude of all measured points."""
    points = np.array(list(view.items("activation").values()))
    with np.errstate(divide="ignore", invalid="ignore"):
        return Readings(view.steps, points.max(axis=0) / points.min(axis=0))


@check(
    "Panel5w",
    section="architecture",
    question="As written: is no spectral norm over 2 x its initial value?",
    panel="spectral_norm",
    reads=("spectral_norm",),
    shipped=False,
    leaves=(Leaf("grows", above=2.0, causes=("drift",), weight=HINT, fix="Look at weight decay."),),
    source=_DRAFT,
)
def plain_spectral_growth(view: View) -> Readings:
    """Largest ratio of a spectral norm to its first value."""
    return grown(view, "spectral_norm", "spectral norm", 0.0)


@check(
    "Panel6w",
    section="architecture",
    question="As written: are at most a tenth of the units dead?",
    panel="dead",
    reads=("dead_units", "header.num_units"),
    shipped=False,
    leaves=(
        Leaf("too many dead units", above=0.1, causes=("dead_units",), weight=HINT, fix="Look at panel 6."),
    ),
    source=_DRAFT,
)
def plain_dead_share(view: View) -> Readings:
    """Share of hidden units that are dead."""
    return Readings(view.steps, view["dead_units"] / (view.facts.number("num_units") or np.nan))
