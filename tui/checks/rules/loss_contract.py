"""P, exact facts of the loss: which labels it asks for, at which positions, with which weights."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import PROOF, Leaf, Readings, check
from flight_recorder.tui.checks.scope import CAUSAL
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_SECTION = "exact probes"
_OURS = "ours; the gradient of a cross-entropy at the logits is weight x (probability - label)"

_WORDS = {
    0: "each position is asked for the token that it sees: shift the labels by one",
    1: "each position is asked for the next token",
    2: "labels are shifted twice: each position is asked for the token after the next",
}


@check(
    "P7",
    section=_SECTION,
    question="Is each position asked for the next token?",
    panel="loss",
    reads=("contract/shift",),
    applies=(CAUSAL,),
    leaves=(
        Leaf(
            "labels are not shifted",
            equals=0.0,
            level=Level.RED,
            causes=("label_shift",),
            weight=PROOF,
            fix="The model learns to copy. Compare logits[:, :-1] with tokens[:, 1:], in the loss or in the "
            "collator, but not in neither.",
        ),
        Leaf(
            "labels are shifted twice",
            above=1.5,
            level=Level.RED,
            causes=("label_shift",),
            weight=PROOF,
            fix="You shift the labels and the model shifts them again: pass labels unshifted, or drop the "
            "[:, 1:] of the loss.",
        ),
    ),
    source=_OURS,
)
def shift(view: View) -> Readings:
    """By how many positions the label that the gradient names lies behind the token that is seen."""
    shifts = view["contract/shift"]
    return Readings(
        view.steps, shifts, lambda i: _WORDS.get(int(shifts[i]), f"labels are shifted by {shifts[i]:.0f}")
    )


@check(
    "P8",
    section=_SECTION,
    question="Is padding left out of the loss?",
    panel="loss",
    reads=("contract/padding", "contract/counted", "contract/of"),
    leaves=(
        Leaf(
            "padding counts in the loss",
            above=0.0,
            causes=("padding_in_loss",),
            weight=PROOF,
            fix="Set the labels of padding to -100, or pass ignore_index=pad_id to the loss.",
        ),
    ),
    source=_OURS,
)
def padding_share(view: View) -> Readings:
    """Share of the positions that count whose label is padding."""
    padding, counted, total = view["contract/padding"], view["contract/counted"], view["contract/of"]
    shares = padding / np.maximum(counted, 1)
    return Readings(
        view.steps,
        shares,
        lambda i: f"{counted[i]:.0f} of {total[i]:.0f} positions count; {padding[i]:.0f} of them are padding",
    )


@check(
    "P9",
    section=_SECTION,
    question="Is the end of a sequence asked for?",
    panel="loss",
    reads=("contract/eos", "contract/ends", "contract/shift"),
    leaves=(
        Leaf(
            "no end of a sequence counts",
            equals=0.0,
            hold=2,
            causes=("eos_masked",),
            weight=PROOF,
            fix="The model will never learn to stop. Where pad_token is eos_token, masking padding masks "
            "each end: mask by the attention mask, or give padding a token of its own.",
        ),
    ),
    source=_OURS,
)
def ends_counted(view: View) -> Readings:
    """Share of the ends of sequences that are labels that count, of batches with four ends or more."""
    eos, ends = view["contract/eos"], view["contract/ends"]
    some = ends >= 4
    steps, shares = view.steps[some], np.minimum(eos[some] / ends[some], 1.0)
    counts = eos[some], ends[some]
    return Readings(steps, shares, lambda i: f"the end counts {counts[0][i]:.0f} times of {counts[1][i]:.0f}")


@check(
    "P10",
    section=_SECTION,
    question="Are the micro-batches of a step averaged?",
    panel="grad_norm",
    reads=("contract/weights", "contract/micro_batches"),
    leaves=(
        Leaf(
            "micro-batches are added up, not averaged",
            above=0.98,
            below=1.02,
            level=Level.RED,
            causes=("missing_accumulation_divisor",),
            weight=PROOF,
            fix="Divide the loss of each micro-batch by their number before backward(), or by the number of "
            "targets in the whole step (num_items_in_batch).",
        ),
    ),
    source=_OURS,
    why="0.25 where each of four is divided by four, 1 where none is",
)
def undivided(view: View) -> Readings:
    """Sum of all weights of a step over the number of its micro-batches, where there are two or more."""
    weights, parts = view["contract/weights"], view["contract/micro_batches"]
    several = parts > 1
    steps, shares, sums = view.steps[several], (weights / np.maximum(parts, 1))[several], weights[several]
    return Readings(steps, shares, lambda i: f"the weights of the step add up to {sums[i]:.4g}")


@check(
    "P11",
    section=_SECTION,
    question="Is the loss a mean over its positions?",
    panel="grad_norm",
    reads=("contract/weights", "contract/micro_batches", "contract/counted"),
    leaves=(
        Leaf(
            "the loss is a multiple of the mean",
            above=1.05,
            level=Level.RED,
            causes=("sum_reduction", "missing_accumulation_divisor"),
            weight=PROOF,
            unless=("loss_is_scaled", "explained_by_micro_batches"),
            fix='Take the mean, not the sum (reduction="mean"), and multiply it by nothing: not by the '
            "number of ranks, not by the number of micro-batches.",
        ),
    ),
    source=_OURS,
    why="1 for a mean. A loss scale is a power of two from 64 on, unless it is the very number of positions",
)
def weight_sum(view: View) -> Readings:
    """Sum of the weights of all positions of a step; 1 for a mean over them."""
    sums, parts, counted = (view[f"contract/{name}"] for name in ("weights", "micro_batches", "counted"))
    powers = np.log2(np.maximum(sums, 1e-30))
    is_scale = (
        (powers > 5.5) & (np.abs(powers - np.round(powers)) < 0.01) & (np.abs(sums / counted - 1) > 0.01)
    )
    return Readings(
        view.steps,
        sums,
        lambda i: f"the weights of {counted[i]:.0f} positions add up to {sums[i]:.4g}",
        excused={
            "loss_is_scaled": is_scale,
            "explained_by_micro_batches": (parts > 1) & (np.abs(sums / parts - 1) < 0.02),
        },
    )


@check(
    "P12",
    section=_SECTION,
    question="Do tokens of all micro-batches weigh alike?",
    panel="loss",
    reads=("contract/spread", "contract/shift"),
    passes=(None, 1.05),
    leaves=(
        Leaf(
            "tokens of short micro-batches weigh more",
            above=1.05,
            level=Level.YELLOW,
            causes=("unequal_weights",),
            weight=PROOF,
            fix="Each micro-batch has a mean of its own. Divide sums by the number of targets of the whole "
            "step (over all micro-batches and ranks).",
        ),
    ),
    source=_OURS,
    why="1 where tokens weigh alike; below 1.05 it is the noise of batches of nearly one length. Asked of "
    "next tokens alone: where a random mask chooses the targets, their number is noise by design",
)
def spread(view: View) -> Readings:
    """Largest over smallest mean weight of a token among the micro-batches of a step."""
    ratios = view["contract/spread"]
    return Readings(
        view.steps, ratios, lambda i: f"a token of one micro-batch weighs {ratios[i]:.3g} x as much"
    )


@check(
    "P13",
    section=_SECTION,
    question="Does each batch have targets?",
    panel="loss",
    reads=("contract/counted", "contract/of"),
    leaves=(
        Leaf(
            "a batch without any target",
            equals=0.0,
            latch=True,
            causes=("masked_targets",),
            weight=PROOF,
            fix="All its labels are -100: the answer was cut away, or the template that marks it was not "
            "found.",
        ),
    ),
    source=_OURS,
)
def counted(view: View) -> Readings:
    """Positions that count in the loss of a step."""
    counts, total = view["contract/counted"], view["contract/of"]
    return Readings(view.steps, counts, lambda i: f"{counts[i]:.0f} of {total[i]:.0f} positions count")
