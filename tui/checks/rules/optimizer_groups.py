"""Section 6, is the optimizer coherent: which parameters it holds, and which of them decay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.rule import HINT, NOTHING, PROOF, Leaf, Readings, check
from flight_recorder.tui.checks.rules.start import single
from flight_recorder.tui.checks.scope import DECAY_DECLARED, DECLARED_FROM_SCRATCH
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_SOURCE = "Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101, on decoupled weight decay"


def _groups(facts: Facts) -> list[Mapping[str, Any]]:
    groups = facts.initial.get("parameter_groups")
    return [group for group in groups if isinstance(group, Mapping)] if isinstance(groups, list) else []


@check(
    "Q6.1a",
    question="Are biases and gains left out of weight decay?",
    panel="spectral_norm",
    reads=("initial.parameter_groups",),
    leaves=(
        Leaf(
            "vectors decay",
            above=0.0,
            level=Level.GREEN,
            causes=("decay_on_all_parameters",),
            weight=HINT,
            fix="Two groups: matrices and embeddings decay, biases and gains do not.",
        ),
    ),
    source=_SOURCE,
    as_written="1-D tensors in a group with weight_decay 0.1",
    why="a note at any size: PyTorch decays every parameter by 0.01 unless told otherwise, many train well "
    "with one group at 0.1 on purpose, and no size parts the one from the other",
)
def decay_of_vectors(view: View) -> Readings:
    """Largest weight decay of a group that holds 1-D tensors."""
    groups = [group for group in _groups(view.facts) if group.get("num_vectors")]
    if not groups:
        return NOTHING
    worst = max(groups, key=lambda group: group.get("weight_decay", 0.0))
    return single(
        view,
        float(worst.get("weight_decay", 0.0)),
        f"{worst['num_vectors']} biases and gains decay by {worst.get('weight_decay', 0.0):g}",
    )


@check(
    "Q6.1b",
    question="Are the matrices decayed as declared?",
    panel="spectral_norm",
    reads=("initial.parameter_groups", "header.optimizer"),
    leaves=(
        Leaf(
            "no matrix decays",
            equals=0.0,
            level=Level.YELLOW,
            fix="The declared weight decay reaches no matrix: look at the groups.",
        ),
    ),
    applies=(DECAY_DECLARED,),
    source=_SOURCE,
)
def share_of_decayed_matrices(view: View) -> Readings:
    """Share of 2-D tensors in groups that decay."""
    groups = _groups(view.facts)
    total = sum(group.get("num_matrices", 0) for group in groups)
    if not total:
        return NOTHING
    decayed = sum(group.get("num_matrices", 0) for group in groups if group.get("weight_decay"))
    return single(view, decayed / total, f"{decayed} of {total} matrices decay")


@check(
    "Q6.1c",
    question="Does the optimizer hold every parameter?",
    panel="spectral_norm",
    reads=("initial.parameter_groups", "initial.weights"),
    leaves=(
        Leaf(
            "parameters are left out",
            above=0.0,
            causes=("frozen_parameters",),
            weight=PROOF,
            fix="Unfreeze them, and give the optimizer all of model.parameters().",
        ),
    ),
    applies=(DECLARED_FROM_SCRATCH,),
    source="our own proposal: counted; a fine-tune may freeze what it likes",
)
def parameters_left_out(view: View) -> Readings:
    """Parameter tensors that no group of the optimizer holds."""
    held = {name for group in _groups(view.facts) for name in group.get("names", ())}
    if not held:
        return NOTHING
    weights = view.facts.initial["weights"]
    left_out = [str(row["name"]) for row in weights if row.get("name") not in held]
    words = f"{len(left_out)} of {len(weights)} tensors, {', '.join(left_out[:3]) or 'none'}"
    return single(view, float(len(left_out)), f"{words} in no group of the optimizer")
