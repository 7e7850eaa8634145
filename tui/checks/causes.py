"""From symptoms to causes: which fault explains what fires."""

from __future__ import annotations

from collections.abc import Iterable

from tui.checks.node import Node
from tui.checks.verdict import State

FADING = 0.5
"""A leaf's second cause counts half as much as its first, the third a quarter."""

RESOLVED_SHARE = 0.5
"""What fired and is over counts half."""

EXPLAINS: dict[str, tuple[str, ...]] = {}
"""A cause, and what follows from it: those rank below it however loudly they speak."""


def ranked_causes(nodes: Iterable[Node]) -> list[tuple[str, tuple[str, ...]]]:
    """(cause, ids of the checks that speak for it), likeliest first."""
    weights: dict[str, float] = {}
    evidence: dict[str, list[str]] = {}
    for node in nodes:
        for leaf in (*node.leaves, node.not_finite):
            share = {State.FIRING: 1.0, State.RESOLVED: RESOLVED_SHARE}.get(leaf.track.state, 0.0)
            if not share:
                continue
            for place, cause in enumerate(leaf.leaf.causes):
                weights[cause] = weights.get(cause, 0.0) + share * leaf.leaf.weight * FADING**place
                evidence.setdefault(cause, []).append(node.check.id)
    explained = {effect for cause in weights for effect in EXPLAINS.get(cause, ())}
    ordered = sorted(weights, key=lambda cause: (cause in explained, -weights[cause], cause))
    return [(cause, tuple(dict.fromkeys(evidence[cause]))) for cause in ordered]
