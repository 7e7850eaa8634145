"""Section 6, is the optimizer coherent: its memory, its updates, accumulation, and what it moves."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from flight_recorder.tui.checks.rule import NOTHING, PROOF, STRONG, Bound, Leaf, Readings, check
from flight_recorder.tui.checks.scope import ACCUMULATES
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_ADAM = "Kingma & Ba 2015, https://arxiv.org/abs/1412.6980"
_KEEP_OPTIMIZER = "Make the optimizer once, outside the loop, and keep its state."


@check(
    "Q6.2a",
    question="Does the optimizer count its steps?",
    panel="grad_norm",
    reads=("adam_step",),
    optional=("skipped_updates",),
    window=2,
    leaves=(
        Leaf(
            "optimizer step counter does not advance",
            above=-0.5,
            below=0.5,
            level=Level.RED,
            causes=("optimizer_rebuilt",),
            weight=PROOF,
            fix=_KEEP_OPTIMIZER,
        ),
    ),
    source=f"{_ADAM}: the t of the algorithm",
    as_written="norm of v about 0 at step 100",
    why="rebuilt and healthy second moments are only 6 x apart; a counter is exact",
)
def counted_steps(view: View) -> Readings:
    """Steps that Adam counted since the measurement before, skipped updates added, per step made."""
    if len(view.steps_with_past) < 2:
        return NOTHING
    steps, counter = view.steps_with_past, view.with_past("adam_step")
    skipped = view.with_past("skipped_updates")
    counted = np.diff(counter) + np.where(np.isnan(np.diff(skipped)), 0.0, np.diff(skipped))
    rates = counted / np.diff(steps)
    return Readings(
        steps[1:],
        rates,
        lambda i: f"Adam's counter is {counter[i + 1]:.0f} at step {steps[i + 1]}, {counter[i]:.0f} before",
    )


@check(
    "Q6.2b",
    question="Does the second moment remember all gradients?",
    panel="grad_norm",
    reads=("v_sum", "v_expected"),
    after=2,
    passes=(0.8, 1.25),
    leaves=(
        Leaf(
            "second moment forgets",
            below=0.5,
            hold=2,
            causes=("optimizer_rebuilt", "resume_lost_optimizer"),
            weight=STRONG,
            fix=_KEEP_OPTIMIZER,
        ),
    ),
    source=f"{_ADAM}: the moments as moving averages",
    as_written="norm of v about 0 at step 100",
    why="what v must be is known from the clipped gradients: healthy 1.0, rebuilt each step 1 - beta2",
)
def remembered_share(view: View) -> Readings:
    """Sum of the second moment over what it would be had it seen every clipped gradient."""
    seen, expected = view["v_sum"], view["v_expected"]
    known = expected != 0
    steps, ratios = view.steps[known], seen[known] / expected[known]
    return Readings(steps, ratios, lambda i: f"v holds {ratios[i]:.2g} of what the gradients so far make it")


@check(
    "Q6.2c",
    question="Is the first moment more than the newest gradient?",
    panel="grad_norm",
    reads=("m_norm", "grad_norm", "header.optimizer"),
    after=1,
    leaves=(
        Leaf(
            "first moment is the newest gradient alone",
            below=0.002,
            hold=3,
            causes=("optimizer_rebuilt",),
            weight=STRONG,
            fix=_KEEP_OPTIMIZER,
        ),
    ),
    source=f"{_ADAM}: the moments as moving averages",
    as_written="norm(m) = norm(g) exactly: bias correction is missing",
    why="the wrong way round: norm(m) = (1 - beta1) norm(g) is what an optimizer reads that was made anew",
)
def first_moment_alone(view: View) -> Readings:
    """Distance of norm(m) / norm(clipped g) from 1 - beta1, as a share of it."""
    betas, clip = view.facts.betas, view.facts.grad_clip
    if betas is None or betas[0] == 1:
        return NOTHING
    norms = view["grad_norm"] if clip is None else np.minimum(view["grad_norm"], clip)
    known = norms > 0
    steps, ratios = view.steps[known], view["m_norm"][known] / norms[known]
    alone = 1 - betas[0]
    return Readings(
        steps,
        np.abs(ratios / alone - 1),
        lambda i: f"norm(m) / norm(g) is {ratios[i]:.4g}; a first moment of one gradient reads {alone:.4g}",
    )


@check(
    "Q6.2d",
    question="Is the update the one that AdamW prescribes?",
    panel="grad_norm",
    reads=("update_ratio",),
    passes=(0.9, 1.1),
    leaves=(
        Leaf(
            "first updates too small",
            above=0.05,
            below=0.9,
            hold=2,
            latch=True,
            causes=("no_bias_correction",),
            weight=PROOF,
            fix="Divide the moments by 1 - beta^t: the first update has less than half of its size without.",
        ),
    ),
    source=f"{_ADAM}, section 3: bias correction",
    as_written="norm(m) = norm(g) exactly",
    why="the wrong way round; without correction the first update has (1-beta1)/sqrt(1-beta2) of its size, "
    "0.45 at 0.9 and 0.95",
)
def update_share(view: View, *, num_first: int = 50) -> Readings:
    """Norm of the update made over the norm of the one prescribed, over the first 50 steps."""
    early = (view.steps < num_first) & ~np.isnan(view["update_ratio"])  # 0 / 0: nothing to do, nothing done
    steps, ratios = view.steps[early], view["update_ratio"][early]
    return Readings(
        steps, ratios, lambda i: f"the update of step {steps[i]} has {ratios[i]:.3g} of its proper size"
    )


@check(
    "Q6.2e",
    question="Are the first updates anything but those of Adam without bias correction?",
    panel="grad_norm",
    reads=("update_ratio", "header.optimizer"),
    leaves=(
        Leaf(
            "bias correction is missing",
            below=0.02,
            latch=True,
            causes=("no_bias_correction",),
            weight=PROOF,
            fix="Divide the first moment by 1 - beta1^t, the second by 1 - beta2^t.",
        ),
    ),
    source=f"{_ADAM}, section 3: bias correction in closed form",
    why="without it update t has (1 - beta1^t) / sqrt(1 - beta2^t) of its size: too small at 0.9 and 0.95, "
    "too large at 0.9 and 0.999. In the first three updates only, since later ones may pass there by chance",
)
def distance_from_uncorrected(view: View, *, num_first: int = 3, least_apart: float = 0.05) -> Readings:
    """Distance of the update's size from that without bias correction, as a share of it.

    Over the first three updates, where that size is more than 5 % from the proper one; eps is left out.
    """
    betas = view.facts.betas
    if betas is None:
        return NOTHING
    t = view.steps + 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        uncorrected = (1 - betas[0] ** t) / np.sqrt(1 - betas[1] ** t)
    apart = (
        (view.steps < num_first) & np.isfinite(view["update_ratio"]) & (np.abs(uncorrected - 1) > least_apart)
    )
    steps, made, without = view.steps[apart], view["update_ratio"][apart], uncorrected[apart]
    return Readings(
        steps,
        np.abs(made / without - 1),
        lambda i: (
            f"the update of step {steps[i]} has {made[i]:.3g} of its proper size; without bias "
            f"correction it would have {without[i]:.3g}"
        ),
    )


def _near_accumulation(factor: float) -> Bound:
    return Bound(
        f"{factor:g} of the micro-batches", lambda facts: factor * (facts.number("accumulation") or 1.0)
    )


@check(
    "Q6.3",
    question="Is the gradient that of the mean over all micro-batches?",
    panel="grad_norm",
    reads=("grad_norm", "grad_norm_recomputed"),
    passes=(0.95, 1.05),
    leaves=(
        Leaf(
            "gradient is a sum over micro-batches",
            above=_near_accumulation(0.98),
            below=_near_accumulation(1.02),
            applies=(ACCUMULATES,),
            latch=True,
            causes=("missing_accumulation_divisor",),
            weight=PROOF,
            fix="Divide the loss of each micro-batch by their number.",
        ),
        Leaf(
            "gradient is a sum over tokens",
            above=100.0,
            latch=True,
            level=Level.RED,
            causes=("sum_reduction",),
            weight=PROOF,
            fix="Take the mean over the target tokens, not their sum.",
        ),
        Leaf(
            "gradient holds more than this batch",
            above=1.05,
            below=100.0,
            latch=True,
            causes=("missing_zero_grad",),
            weight=STRONG,
            fix="Clear the gradients after each update.",
        ),
    ),
    source="https://huggingface.co/blog/gradient_accumulation",
    as_written="grad-norm exactly k x expected",
    why="expected is the norm of the same batch computed afresh, so that Adam and clipping cannot hide it",
)
def recomputed_ratio(view: View) -> Readings:
    """Gradient norm as applied, before clipping, over the one of the same batch computed afresh."""
    fresh = view["grad_norm_recomputed"]
    known = fresh != 0
    steps, norms, fresh = view.steps[known], view["grad_norm"][known], fresh[known]
    return Readings(
        steps, norms / fresh, lambda i: f"gradient norm {norms[i]:.4g}, computed afresh {fresh[i]:.4g}"
    )


@check(
    "Q6.4",
    question="Does every parameter move?",
    panel="spectral_norm",
    reads=("num_frozen",),
    optional=("lr",),
    leaves=(
        Leaf(
            "parameters stand still",
            above=0.0,
            hold=2,
            causes=("frozen_parameters", "zero_lr", "lr_too_low"),
            weight=PROOF,
            fix="Look at requires_grad of the named tensors, and whether the optimizer holds them.",
        ),
    ),
    source="our own proposal: compared bit by bit",
    why="left out are steps at a rate under 2^-23: float32 rounds away what Adam then adds to a gain of 1",
)
def num_unmoved(view: View, *, rounded_away: float = 2.0**-23) -> Readings:
    """Whole parameter tensors that have not moved by a bit since the measurement before.

    Single elements do not count: the embedding of a token that never occurs gets no gradient.
    """
    lr, texts = view["lr"], view.recording.texts
    first = bisect_left(texts, int(view.steps[0]), key=lambda text: text[0])
    names = {
        step: [str(name) for name in listed]
        for step, field, listed in texts[first:]
        if field == "frozen_names" and isinstance(listed, list)
    }
    # Adam moves a weight by about the rate; next to 1.0 float32 has nothing closer than 2^-23.
    steps = view.steps[~((lr > 0) & (lr < rounded_away))]
    counts = np.array([len(names.get(step, ())) for step in steps.tolist()], np.float64)

    def evidence(i: int) -> str:
        listed = ", ".join(names.get(int(steps[i]), [])[:3]) or "none"
        return f"{counts[i]:.0f} tensors have not moved: {listed}"

    return Readings(steps, counts, evidence)
