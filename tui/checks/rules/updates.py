"""P, exact facts of the update: the norm that it has, the gradients that it finds, and whether it arrives."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import PROOF, Leaf, Readings, check
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_SECTION = "exact probes"
_OURS = "ours; an exact probe"
_UNSCALE = "Call scaler.unscale_(optimizer) before clip_grad_norm_: what was clipped was still scaled."


@check(
    "P14",
    section=_SECTION,
    question="Is the norm at the update the one that was reported and clipped to?",
    panel="grad_norm",
    reads=("norm_audit/ratio", "norm_audit/norm", "norm_audit/reported"),
    leaves=(
        Leaf(
            "gradients are clipped before they are unscaled",
            below=0.02,
            hold=2,
            level=Level.RED,
            causes=("clip_before_unscale",),
            weight=PROOF,
            fix=_UNSCALE,
        ),
        Leaf(
            "the reported norm is too large",
            above=0.02,
            below=0.98,
            hold=2,
            causes=("norm_misreported",),
            weight=PROOF,
            fix="The norm was summed over ranks or shards that had summed it already (a ratio of 0.707 is "
            "one of two ranks): updates are smaller than the clip value says.",
        ),
    ),
    source=_OURS,
    why="1 in exact arithmetic; 2 % are left to half precision. A loss scale is 64 or more",
)
def norm_ratio(view: View) -> Readings:
    """Norm of the gradient at the update over the smaller of the reported norm and the clip value."""
    return _ratios(view)


def _ratios(view: View) -> Readings:
    ratios, norms, told = (view[f"norm_audit/{name}"] for name in ("ratio", "norm", "reported"))
    return Readings(
        view.steps,
        ratios,
        lambda i: (
            f"reported {told[i]:.4g}, at the update {norms[i]:.4g}: {ratios[i]:.4g} x what it should be"
        ),
    )


@check(
    "P15",
    section=_SECTION,
    question="Does clipping see all gradients?",
    panel="grad_norm",
    reads=("norm_audit/ratio", "norm_audit/norm", "norm_audit/reported", "norm_audit/clipped"),
    leaves=(
        Leaf(
            "clipping does not clip",
            above=1.02,
            hold=2,
            causes=("clip_ineffective", "norm_misreported"),
            weight=PROOF,
            fix="The norm at the update is above the clip value: clip_grad_norm_ got few parameters or none "
            "(a generator that was used up), or came after the update. Give it list(model.parameters()).",
        ),
    ),
    source=_OURS,
)
def clipped_ratio(view: View) -> Readings:
    """The ratio of P14, at steps whose reported norm is above the clip value."""
    rows = np.flatnonzero(view["norm_audit/clipped"] > 0)
    return _some(_ratios(view), rows)


@check(
    "P16",
    section=_SECTION,
    question="Is the reported norm that of all gradients?",
    panel="grad_norm",
    reads=("norm_audit/ratio", "norm_audit/norm", "norm_audit/reported", "norm_audit/clipped"),
    leaves=(
        Leaf(
            "the reported norm is too small",
            above=1.02,
            hold=2,
            causes=("norm_misreported", "clip_ineffective"),
            weight=PROOF,
            fix="The norm that is reported is that of a part: of one shard, of one group, or of few "
            "parameters. Reduce the squares over all ranks before the root.",
        ),
    ),
    source=_OURS,
)
def unclipped_ratio(view: View) -> Readings:
    """The ratio of P14, at steps whose reported norm is below the clip value."""
    rows = np.flatnonzero(view["norm_audit/clipped"] == 0)
    return _some(_ratios(view), rows)


def _some(readings: Readings, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Readings:
    words = readings.evidence
    assert words is not None
    return Readings(readings.steps[rows], readings.values[rows], lambda i: words(int(rows[i])))


@check(
    "P17",
    section=_SECTION,
    question="Does every tensor get a gradient?",
    panel="grad_norm",
    reads=("gradient/streak", "gradient/zero"),
    leaves=(
        Leaf(
            "a tensor's gradient is exactly zero",
            above=3.5,
            causes=("zero_gradient",),
            weight=PROOF,
            fix="What it computes is multiplied by zero, detached or never used: look at the named tensors' "
            "way to the loss. Weight decay moves them all the same, so that they do not look frozen.",
        ),
    ),
    source=_OURS,
    why="behind a layer that begins at zero (LoRA, zero-initialised residuals) a gradient is zero for the "
    "first step, and for a second where the rate begins at zero; by the fourth nothing honest is",
)
def zero_streak(view: View) -> Readings:
    """Most steps in a row in which one tensor's gradient was zero in every element."""
    streaks, zeros = view["gradient/streak"], view["gradient/zero"]
    return Readings(
        view.steps,
        streaks,
        lambda i: (
            f"{zeros[i]:.0f} tensors without any gradient, for {streaks[i]:.0f} steps"
            + _names(view, "gradient", int(view.steps[i]))
        ),
    )


@check(
    "P18",
    section=_SECTION,
    question="Do gradients arrive whole?",
    panel="grad_norm",
    reads=("gradient/sudden",),
    leaves=(
        Leaf(
            "gradients of whole tensors are lost",
            above=0.0,
            latch=True,
            causes=("zero_gradient",),
            weight=PROOF,
            fix="Tensors that had a gradient at every step before have exactly none at this one: transfers "
            "between devices lose data (try NCCL_P2P_DISABLE=1), or a part of the graph was left out.",
        ),
    ),
    source=_OURS,
)
def sudden_zeros(view: View) -> Readings:
    """Tensors with an exactly zero gradient that had one at each of at least 8 steps before."""
    counts = view["gradient/sudden"]
    return Readings(
        view.steps,
        counts,
        lambda i: f"{counts[i]:.0f} tensors lost it" + _names(view, "gradient", int(view.steps[i])),
    )


@check(
    "P19",
    section=_SECTION,
    question="Are gradients cleared before the next backward pass?",
    panel="grad_norm",
    reads=("gradient/stale",),
    leaves=(
        Leaf(
            "gradients of the step before are still there",
            above=0.0,
            level=Level.RED,
            causes=("missing_zero_grad",),
            weight=PROOF,
            fix="Call optimizer.zero_grad() once a step: each update is made of the sum of all gradients so "
            "far.",
        ),
    ),
    source=_OURS,
)
def stale_gradients(view: View) -> Readings:
    """Tensors with a gradient that is not zero as the first backward pass of a step begins."""
    counts = view["gradient/stale"]
    return Readings(
        view.steps, counts, lambda i: f"{counts[i]:.0f} tensors held the gradient of the step before"
    )


@check(
    "P20",
    section=_SECTION,
    question="Does each update move the weights?",
    panel="grad_norm",
    reads=("update/lost", "update/moved"),
    leaves=(
        Leaf(
            "an update was lost",
            above=0.5,
            level=Level.RED,
            causes=("updates_lost",),
            weight=PROOF,
            fix="step() was called and changed nothing although the rate is what it was when it did: a stale "
            "guard of a compiled optimizer, gradients that were None, a step that is skipped on a condition.",
        ),
    ),
    source=_OURS,
)
def lost_update(view: View) -> Readings:
    """1 for an update that moved none of the watched elements where one at a like rate has; else 0."""
    lost, moved = view["update/lost"], view["update/moved"]
    return Readings(view.steps, lost, lambda i: f"{moved[i]:.0%} of the watched elements moved")


@check(
    "P21",
    section=_SECTION,
    question="Are the weights precise enough for their updates?",
    panel="spectral_norm",
    reads=("update/rounded",),
    passes=(None, 0.2),
    leaves=(
        Leaf(
            "updates are rounded away",
            above=0.2,
            hold=3,
            causes=("updates_rounded_away",),
            weight=PROOF,
            fix="The update is below half an ulp of 16-bit weights (0.0039 at 1.0 in bfloat16): keep "
            "weights in float32 and compute under autocast, or round stochastically.",
        ),
    ),
    source=_OURS,
)
def rounded_share(view: View) -> Readings:
    """Share of the watched elements of 16-bit weights that had a gradient and stayed where they were."""
    shares = view["update/rounded"]
    return Readings(
        view.steps, shares, lambda i: f"{shares[i]:.0%} of the elements with a gradient did not move"
    )


@check(
    "P22",
    section=_SECTION,
    question="Are the weights left alone between updates?",
    panel="spectral_norm",
    reads=("update/overwritten", "update/every"),
    leaves=(
        Leaf(
            "weights are overwritten between updates",
            above=0.1,
            level=Level.RED,
            latch=True,
            causes=("weights_overwritten",),
            weight=PROOF,
            unless=("after_every_update",),
            fix="Something writes into the live weights: a moving average that is copied back or never "
            "swapped out after an evaluation, a checkpoint that is loaded in the loop.",
        ),
    ),
    source=_OURS,
    why="the change over that of one update: weights that were swapped out and back differ by rounding. What "
    "is done behind every update is a constraint of the loop's own",
)
def overwritten(view: View) -> Readings:
    """Change of the watched elements between two updates over the change of an update."""
    sizes, every = view["update/overwritten"], view["update/every"]
    return Readings(
        view.steps,
        sizes,
        lambda i: f"before the update of step {view.steps[i]} they had changed by {sizes[i]:.3g} updates",
        excused={"after_every_update": every > 0.5},
    )


def _names(view: View, field: str, step: int) -> str:
    """The names that the record of this step tells, ": name, name"."""
    for at, name, value in reversed(view.recording.texts):
        if at < step:
            break
        if at == step and name == field and isinstance(value, dict) and value.get("names"):
            return f": {', '.join(map(str, value['names']))}"
    return ""
