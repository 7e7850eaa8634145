"""From symptoms to causes: which fault explains what fires.

Leaves speak for their causes by weight. Then two tables put right what weights cannot know: a proven cause
explains its own consequences, and a node that measured a cause to be absent refutes it.
"""

from __future__ import annotations

from collections.abc import Iterable

from flight_recorder.tui.checks.node import Node
from flight_recorder.tui.checks.rule import PROOF
from flight_recorder.tui.checks.verdict import Level, State

FADING = 0.5
"""A leaf's second cause counts half as much as its first, the third a quarter."""

RESOLVED_SHARE = 0.5
"""What fired and is over counts half."""

_UNSTABLE = (
    "lr_too_high",
    "instability",
    "gradient_outlier",
    "loss_spike",
    "drift",
    "plateau",
    "above_uniform",
    "diverged",
    "never_learned",
)
_MEMORISED = ("memorised", "overfit", "best_checkpoint_missing", "drift")

EXPLAINS: dict[str, tuple[str, ...]] = {
    "bad_init": (
        *("embedding_scale", "head_bias", "sum_reduction", "exploding_residual", "no_normalization"),
        *("data_leak", "dead_units", "dead_head", "eval_broken", *_UNSTABLE),
    ),
    "zero_init": (
        *("embedding_scale", "frozen_parameters", "dead_units", "lr_too_low", "zero_lr", "masked_targets"),
        *("zero_gradient", *_UNSTABLE),
    ),
    "embedding_scale": (
        *("sum_reduction", "head_bias", "bad_init", "dead_head", "dead_units", "data_leak", "eval_broken"),
        *_UNSTABLE,
    ),
    "head_bias": ("sum_reduction", "bad_init", "eval_broken", *_UNSTABLE),
    "loaded_checkpoint": ("head_bias", "broken_mask", "masked_targets"),
    "constant_lr": ("no_warmup", "schedule_mismatch", *_UNSTABLE),
    "no_warmup": ("schedule_mismatch", "dead_units", "dead_head", *_UNSTABLE),
    "zero_lr": (
        *("constant_lr", "frozen_parameters", "lr_too_low", "schedule_mismatch", "warmup_off_by_one"),
        *("plateau", "optimizer_rebuilt"),
    ),
    "step_decay": ("schedule_mismatch", "wrong_total_steps", "constant_lr"),
    "wrong_total_steps": ("schedule_mismatch",),
    "warmup_off_by_one": ("schedule_mismatch",),
    "scheduler_overstepped": ("schedule_mismatch", "wrong_total_steps", "no_warmup"),
    "lr_too_high": (
        *("schedule_mismatch", "no_normalization", "exploding_residual", "bad_init", "dead_units"),
        *("dead_head", "instability", "gradient_outlier", "loss_spike", "drift", "plateau", "above_uniform"),
        *("diverged", "never_learned", "eval_broken"),
    ),
    "diverged": ("drift", "instability", "overfit", "eval_broken"),
    "lr_too_low": ("schedule_mismatch", "frozen_parameters", "plateau"),
    "broken_mask": ("data_leak", "eval_broken", *_MEMORISED),
    "masked_targets": (
        *(
            "nan",
            "fp16_overflow",
            "eval_broken",
            "degenerate_targets",
            "frozen_parameters",
            "loaded_checkpoint",
        ),
        *("broken_mask", "data_leak", "lr_too_low", "zero_lr", *_UNSTABLE, *_MEMORISED),
    ),
    "degenerate_targets": (
        *("masked_targets", "broken_mask", "data_leak", "loaded_checkpoint", "repeated_batch"),
        *("eval_broken", "above_uniform", *_MEMORISED),
    ),
    "sum_reduction": (
        *("bad_init", "missing_accumulation_divisor", "missing_zero_grad", "eval_broken", *_UNSTABLE),
    ),
    "missing_accumulation_divisor": (
        *("missing_zero_grad", "sum_reduction", "bad_init", "head_bias", "eval_broken", *_UNSTABLE),
    ),
    "label_shift": ("broken_mask", "data_leak", "eval_broken", "masked_targets", *_UNSTABLE, *_MEMORISED),
    "padding_in_loss": ("eval_broken", "data_leak", "degenerate_targets", *_UNSTABLE),
    "clip_before_unscale": ("sum_reduction", "lr_too_low", "gradient_outlier", "clip_ineffective"),
    "clip_ineffective": ("gradient_outlier", "norm_misreported"),
    "updates_lost": ("frozen_parameters", "optimizer_rebuilt", "lr_too_low", "plateau", "never_learned"),
    "updates_rounded_away": (
        *("frozen_parameters", "updates_lost", "lr_too_low", "plateau", "never_learned", "zero_lr"),
    ),
    "weights_overwritten": ("resume_lost_optimizer", "eval_broken", *_UNSTABLE, *_MEMORISED),
    "zero_gradient": ("frozen_parameters", "ranks_out_of_sync"),
    "wrong_mode": ("eval_broken", "data_leak", "overfit"),
    "ties_broken": ("frozen_parameters",),
    "replayed_data": ("same_order_every_epoch", "overfit"),
    "missing_zero_grad": _UNSTABLE,
    "optimizer_rebuilt": ("resume_lost_optimizer", "no_bias_correction", *_UNSTABLE),
    "resume_lost_optimizer": ("optimizer_rebuilt", "loss_spike"),
    "frozen_parameters": (
        *("lr_too_low", "zero_lr", "masked_targets", "exploding_residual", "no_normalization", "bad_init"),
        *("plateau", "dead_units"),
    ),
    "no_normalization": ("exploding_residual", "bad_init", *_UNSTABLE),
    "exploding_residual": ("bad_init", "no_normalization", *_UNSTABLE),
    "fp16_overflow": ("nan",),
    "memorised": ("overfit", "best_checkpoint_missing", "drift"),
    "repeated_batch": ("broken_mask", *_MEMORISED),
}
"""A proven cause, and what follows from it: those rank below it however loudly they speak."""

REFUTES: dict[str, tuple[str, ...]] = {
    "Q1.2b": ("masked_targets",),
    "Q1.2c": ("degenerate_targets",),
    "Q5.1a": ("bad_init", "zero_init"),
    "Q5.1b": ("embedding_scale",),
    "Q5.1d": ("loaded_checkpoint",),
    "Q5.1e": ("head_bias",),
    "Q5.2d": ("no_normalization",),
    "Q6.2a": ("optimizer_rebuilt",),
    "P1": ("broken_mask",),
    "Q6.3": ("sum_reduction", "missing_accumulation_divisor", "missing_zero_grad"),
}
"""A node that measured and passes, and the causes of which it would have found the trace."""


def ranked_causes(nodes: Iterable[Node]) -> list[tuple[str, tuple[str, ...]]]:
    """(cause, ids of the checks that speak for it), likeliest first."""
    weights: dict[str, float] = {}
    proofs: dict[str, float] = {}
    evidence: dict[str, list[str]] = {}
    worst: dict[str, Level] = {}
    fires: set[str] = set()
    passing: set[str] = set()
    for node in nodes:
        if node.passes:
            passing.add(node.check.id)
        for cause, weight, level, is_first, is_now in _voices(node):
            fires |= {cause} if is_now and level >= Level.ORANGE else set()
            weights[cause] = weights.get(cause, 0.0) + weight
            proofs[cause] = proofs.get(cause, 0.0) + is_first * weight
            worst[cause] = max(level, worst.get(cause, level))
            evidence.setdefault(cause, []).append(node.check.id)
    refuted = {cause for id in passing for cause in REFUTES.get(id, ())}
    proven = {cause for cause, weight in proofs.items() if weight >= PROOF}
    order = _order(weights, proven, refuted, worst, fires)
    return [(cause, tuple(dict.fromkeys(evidence[cause]))) for cause in order]


def _voices(node: Node) -> Iterable[tuple[str, float, Level, bool, bool]]:
    """(cause, weight, level, whether named first, whether it fires now) of each leaf that fires or did."""
    for leaf in (*node.leaves, node.not_finite):
        share = {State.FIRING: 1.0, State.RESOLVED: RESOLVED_SHARE}.get(leaf.track.state, 0.0)
        if share:
            for place, cause in enumerate(leaf.leaf.causes):
                weight = share * leaf.leaf.weight * FADING**place
                yield cause, weight, node.level_of(leaf), place == 0, share == 1.0


def _order(
    weights: dict[str, float],
    proven: set[str],
    refuted: set[str],
    worst: dict[str, Level],
    fires: set[str],
) -> list[str]:
    """Causes by standing, then by weight: last what is refuted or explained, what is only a remark, and what
    is over while something else asks for action; after all of them what is only a note.

    Only what leaves name first can add up to a proof: many symptoms that something may have do not.
    Two proven causes that explain each other leave the heavier one standing.
    """
    explained: set[str] = set()
    for cause in sorted(weights, key=lambda name: -weights[name]):
        if cause in proven and cause not in explained and cause not in refuted:
            explained.update(EXPLAINS.get(cause, ()))

    def standing(cause: str) -> tuple[bool, bool, bool, bool, bool, float, str]:
        is_note, is_remark = worst[cause] is Level.GREEN, worst[cause] < Level.ORANGE
        is_over = cause not in fires and cause not in proven
        return is_note, cause in refuted, cause in explained, is_remark, is_over, -weights[cause], cause

    return sorted(weights, key=standing)
