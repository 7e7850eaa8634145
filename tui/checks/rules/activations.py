"""Section 5, is the model sound: activations from layer to layer, at the start and in training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from flight_recorder.engine.runlog.schema import is_number
from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.rule import HINT, NOTHING, PROOF, STRONG, Leaf, Readings, check
from flight_recorder.tui.checks.rules.start import single
from flight_recorder.tui.checks.scope import DECLARED_FROM_SCRATCH
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_SOURCE = "He et al. 2015, https://arxiv.org/abs/1502.01852, on signals that keep their size"


def _residual(facts: Facts, values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """(name, value) of the points on the residual stream, in order.

    Where the header does not say which they are, the blocks' own outputs are.
    """
    names = facts.header.get("residual_layers")
    if not isinstance(names, list):
        names = [name for name in values if str(name).startswith("block") and str(name).endswith("_out")]
    return [(str(name), values[name]) for name in names if name in values]


def initial_points(facts: Facts) -> list[tuple[str, float]]:
    """(name, mean |x| of one batch at the start) of every measured point, in order."""
    layers, values = facts.header.get("layers"), facts.initial.get("activation")
    if not isinstance(layers, list) or not isinstance(values, list):
        return []
    return [(str(name), value) for name, value in zip(layers, values, strict=False) if is_number(value)]


def _initial_residual(facts: Facts) -> list[tuple[str, float]]:
    return _residual(facts, dict(initial_points(facts)))


def _louder(symptom: str, above: float) -> Leaf:
    """The leaf of a block whose output is so many times its input during training."""
    return Leaf(
        symptom,
        above=above,
        hold=3,
        keep=20,
        level=Level.RED,
        causes=("no_normalization", "bad_init", "exploding_residual", "lr_too_high"),
        weight=HINT,
        fix="Look at the normalisation of the named block; its spectral norms (panel 5) confirm it.",
    )


def _growths(points: Sequence[tuple[str, float]]) -> list[tuple[float, str]]:
    """(output over input, words) of each block of the residual stream."""
    return [
        (after / before, f"{name_after} {after:.3g} after {name_before} {before:.3g}")
        for (name_before, before), (name_after, after) in pairwise(points)
        if before > 0
    ]


@check(
    "Q5.2a",
    question="Does the residual stream keep its size from block to block at the start?",
    panel="activation",
    reads=("initial.activation", "header.layers"),
    passes=(None, 3.0),
    leaves=(
        Leaf(
            "one block inflates the residual stream",
            above=10.0,
            causes=("bad_init", "exploding_residual", "no_normalization"),
            weight=STRONG,
            fix="Look at the initialisation of the named block, then at its normalisation.",
        ),
    ),
    source=_SOURCE,
    as_written="growth <= 1.5 per layer; output > 10 x input",
    why="only between points on the residual stream: a LayerNorm lifts a small stream 31 x and is healthy; "
    "at the start healthy models read 1.07",
)
def largest_growth_at_start(view: View) -> Readings:
    """Largest ratio of a block's output to its input on the residual stream, mean |x| of one batch."""
    growths = _growths(_initial_residual(view.facts))
    return single(view, *max(growths)) if growths else NOTHING


@check(
    "Q5.2b",
    question="Does any block leave the residual stream at its size at the start?",
    panel="activation",
    reads=("initial.activation", "header.layers"),
    leaves=(
        Leaf(
            "every block multiplies the stream",
            above=2.0,
            causes=("exploding_residual", "bad_init"),
            weight=STRONG,
            fix="The residual connection adds x once: look for a factor on it.",
        ),
    ),
    source=_SOURCE,
)
def smallest_growth_at_start(view: View) -> Readings:
    """Smallest ratio of a block's output to its input on the residual stream, with two blocks or more."""
    growths = _growths(_initial_residual(view.facts))
    return single(view, *min(growths)) if len(growths) > 1 else NOTHING


@check(
    "Q5.2c",
    question="Are the activations of neighbouring blocks of one size during training?",
    panel="activation",
    reads=("activation",),
    leaves=(_louder("a block is far louder than its input", 25.0),),
    source=_SOURCE,
    as_written="output > 10 x input; all layers within 3 x",
    why="healthy runs reach 13 x in training and a learning rate ten times too large 69 x",
)
def largest_growth(view: View) -> Readings:
    """Largest ratio of a block's output to its input on the residual stream, that is no embedding."""
    return _loudest(view, of_embedding=False)


@check(
    "Q5.2d",
    question="Does the last normalisation normalise?",
    panel="activation",
    reads=("initial.activation_rms", "header.layers"),
    passes=(0.5, 2.0),
    applies=(DECLARED_FROM_SCRATCH,),
    leaves=(
        Leaf(
            "output of the normalisation has another size",
            below=0.5,
            causes=("no_normalization",),
            weight=PROOF,
            fix="A LayerNorm or RMSNorm with gain 1 gives a root mean square of 1: it is missing or broken.",
        ),
    ),
    source="Ba et al. 2016, https://arxiv.org/abs/1607.06450: what a normalisation is",
)
def normalized_rms(view: View) -> Readings:
    """Root mean square of the output of the normalisation farthest from 1, in a run from scratch."""
    layers, values = view.facts.header["layers"], view.facts.initial["activation_rms"]
    if not isinstance(values, list):
        return NOTHING
    pairs = [
        (value, f"{name} has a root mean square of {value:.3g}")
        for name, value in zip(layers, values, strict=False)
        if is_number(value) and value > 0 and ("ln" in str(name) or "norm" in str(name))
    ]
    return single(view, *max(pairs, key=lambda pair: abs(math.log(pair[0])))) if pairs else NOTHING


@check(
    "Q5.2e",
    question="Is the first block's output in proportion to the embedding during training?",
    panel="activation",
    reads=("activation",),
    leaves=(_louder("the first block is far louder than the embedding", 50.0),),
    why="the size of an embedding is a choice: text in bytes reads 38 x at the reference rate",
)
def growth_over_embedding(view: View) -> Readings:
    """Ratio of the output of a block on the residual stream to the embedding that is its input."""
    return _loudest(view, of_embedding=True)


def _loudest(view: View, *, of_embedding: bool) -> Readings:
    """The largest ratio among the blocks whose input is an embedding, or among the others.

    A block whose input is exactly 0 has none.
    """
    points = _residual(view.facts, view.items("activation"))
    pairs = [pair for pair in pairwise(points) if ("embed" in pair[0][0]) is of_embedding]
    if not pairs:
        return NOTHING
    inputs, outputs = (np.stack([pair[side][1] for pair in pairs]) for side in (0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(inputs > 0, outputs / inputs, np.where(inputs == 0, -np.inf, np.nan))
    known = ~np.isneginf(ratios.max(axis=0))
    ratios, inputs, outputs, steps = ratios[:, known], inputs[:, known], outputs[:, known], view.steps[known]

    def evidence(i: int) -> str:
        block = int(np.argmax(ratios[:, i]))
        (before, _), (after, _) = pairs[block]
        return f"{after} {outputs[block, i]:.3g} after {before} {inputs[block, i]:.3g} at step {steps[i]}"

    return Readings(steps, ratios.max(axis=0), evidence)
