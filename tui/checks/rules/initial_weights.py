"""Section 5, is the model sound: its weights as the run starts from them."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from flight_recorder.engine.runlog.schema import is_number
from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.rule import HINT, NOTHING, PROOF, STRONG, Leaf, Readings, check
from flight_recorder.tui.checks.rules.start import single
from flight_recorder.tui.checks.scope import DECLARED_FROM_SCRATCH
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View

_REINIT = "Initialise again: the standard deviation is not the one that the model declares."

Row = Mapping[str, Any]


def _weights(facts: Facts, *roles: str) -> list[Row]:
    rows = facts.initial.get("weights")
    listed = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return [row for row in listed if row.get("role") in roles and is_number(row.get("std"))]


def expected_stds(row: Row, small: float, usual: float) -> tuple[float, float] | None:
    """(smallest, largest) standard deviation that a tensor may start with; None where nobody can say.

    The declared one where the log has it. Else the range of the usual initialisations: GPT-2's 0.02, which is
    divided by up to 10 for residual projections, Xavier, Kaiming, and for embeddings a unit normal.
    """
    declared = row.get("declared_std")
    if isinstance(declared, int | float) and declared > 0:
        return float(declared), float(declared)
    shape = row.get("shape")
    if not isinstance(shape, Sequence) or len(shape) < 2 or row["std"] == 0:
        return None
    fan_out, fan_in = shape[0], math.prod(shape[1:])
    if not (0 < fan_in < sys.maxsize and 0 < fan_out < sys.maxsize):
        return None
    if row.get("role") == "embedding":
        return small, 1.0
    stds = [
        small,
        usual,
        math.sqrt(1 / (3 * fan_in)),
        math.sqrt(2 / (fan_in + fan_out)),
        math.sqrt(2 / fan_in),
    ]
    return min(stds), max(stds)


def _farthest(view: View, role: str, small: float, usual: float) -> Readings:
    """The ratio of std to expectation that is farthest from 1 among tensors of this role."""
    found: list[tuple[float, str]] = []
    for row in _weights(view.facts, role):
        expected = expected_stds(row, small, usual)
        if expected is None:
            continue
        low, high = expected
        ratio = row["std"] / high if row["std"] > high else min(1.0, row["std"] / low)
        found.append((ratio, f"{row['name']}: std {row['std']:.3g}, expected {high:.3g}"))
    if not found:
        return NOTHING
    ratio, words = max(found, key=lambda pair: abs(math.log(max(pair[0], 1e-12))))
    off = sum(not 0.5 <= ratio <= 2 for ratio, _ in found)
    return single(view, ratio, f"{words}; {off} of {len(found)} tensors are off")


@check(
    "Q5.1a",
    question="Do the linear weights start with the declared standard deviation?",
    panel="spectral_norm",
    reads=("initial.weights",),
    passes=(0.5, 2.0),
    leaves=(
        Leaf(
            "weights too large", above=3.0, level=Level.RED, causes=("bad_init",), weight=PROOF, fix=_REINIT
        ),
        Leaf("weights all but zero", below=0.1, causes=("zero_init",), weight=PROOF, fix=_REINIT),
    ),
    as_written="std in [0.02, 0.1]; 100 x expected",
    why="a healthy GPT reads 0.01 to 0.02 (residual projections are divided by sqrt(2L)) and Kaiming at 64 "
    "inputs 0.18: only the ratio to the std that was declared for the tensor means something",
)
def linear_std(view: View, *, small: float = 0.002, usual: float = 0.02) -> Readings:
    """Standard deviation over the expected one, of the linear weight farthest from its own."""
    return _farthest(view, "linear", small, usual)


@check(
    "Q5.1b",
    question="Do the embeddings start with the declared standard deviation?",
    panel="activation",
    reads=("initial.weights",),
    passes=(0.5, 2.0),
    leaves=(
        Leaf(
            "embeddings too large",
            above=3.0,
            level=Level.RED,
            causes=("embedding_scale",),
            weight=PROOF,
            fix=_REINIT,
        ),
        Leaf(
            "embeddings too small",
            below=0.1,
            causes=("embedding_scale", "zero_init"),
            weight=PROOF,
            fix=_REINIT,
        ),
    ),
    as_written="embedding std 0.02",
    why="the ratio to the declared std",
)
def embedding_std(view: View, *, small: float = 0.002, usual: float = 0.02) -> Readings:
    """Standard deviation over the expected one, of the embedding farthest from its own."""
    return _farthest(view, "embedding", small, usual)


@check(
    "Q5.1c",
    question="Do the linear weights start around zero?",
    panel="spectral_norm",
    reads=("initial.weights",),
    leaves=(
        Leaf(
            "weights off zero",
            above=0.5,
            causes=("bad_init",),
            weight=STRONG,
            fix="Initialise again around zero.",
        ),
    ),
    as_written="|mean| > 0.01",
    why="0.01 is half a standard deviation where that is 0.02 and nothing where it is 0.18",
)
def linear_mean(view: View) -> Readings:
    """Largest |mean| of a linear weight, in its standard deviations."""
    rows = [row for row in _weights(view.facts, "linear") if row["std"] > 0 and is_number(row.get("mean"))]
    if not rows:
        return NOTHING
    worst = max(rows, key=lambda row: abs(row["mean"]) / row["std"])
    ratio = abs(worst["mean"]) / worst["std"]
    return single(view, ratio, f"{worst['name']}: mean {worst['mean']:.3g}, std {worst['std']:.3g}")


@check(
    "Q5.1d",
    question="Are the gains of the normalisations still those of a fresh model?",
    panel="activation",
    reads=("initial.weights",),
    applies=(DECLARED_FROM_SCRATCH,),
    leaves=(
        Leaf(
            "gains have been trained",
            above=0.5,
            causes=("loaded_checkpoint",),
            weight=PROOF,
            fix="Start from fresh weights, or declare the run a fine-tune.",
        ),
    ),
)
def trained_gains(view: View, *, constant: float = 1e-4) -> Readings:
    """Share of normalisation gains whose entries differ from each other; fresh ones are constant."""
    rows = [row for row in _weights(view.facts, "norm") if math.prod(row.get("shape") or [1]) > 1]
    if not rows:
        return NOTHING
    share = sum(row["std"] > constant for row in rows) / len(rows)
    return single(view, share, f"{share:.0%} of {len(rows)} gains are not constant")


@check(
    "Q5.1e",
    question="Do the biases start at zero?",
    panel="loss",
    reads=("initial.weights",),
    leaves=(
        Leaf(
            "a bias is not zero",
            above=0.5,
            causes=("head_bias",),
            weight=PROOF,
            fix="Start biases at zero.",
            unless=("usual_default",),
        ),
    ),
    why="PyTorch draws the biases of a layer from +-1 / sqrt(inputs), which is no fault at any size",
)
def largest_bias(view: View) -> Readings:
    """Largest |entry| of a bias; of one that PyTorch's default cannot have given, if there is any."""
    biases = _weights(view.facts, "bias")
    rows = [row for row in biases if is_number(row.get("max")) and is_number(row.get("min"))]
    if not rows:
        return NOTHING
    defaults = _default_biases(view.facts)
    sizes = {str(row["name"]): max(abs(row["max"]), abs(row["min"])) for row in rows}
    unusual = {name: size for name, size in sizes.items() if size > defaults.get(name, 0.0)}
    worst = max(unusual or sizes, key=lambda name: sizes[name])
    found = single(view, sizes[worst], f"{worst} reaches {sizes[worst]:.3g}")
    return replace(found, excused={"usual_default": np.array([not unusual])})


def _default_biases(facts: Facts) -> dict[str, float]:
    """The largest entry that PyTorch's default gives the bias beside each weight, by the bias's name."""
    return {
        str(row["name"]).removesuffix("weight") + "bias": 1.001 / math.sqrt(math.prod(row["shape"][1:]))
        for row in _weights(facts, "linear")
        if isinstance(row.get("shape"), Sequence)
        and len(row["shape"]) > 1
        and math.prod(row["shape"][1:]) > 0
    }


def _declares_normalization(facts: Facts) -> bool:
    """Whether the resolved config asks for a normalisation."""
    config = facts.header.get("config")
    model = config.get("model") if isinstance(config, Mapping) else None
    return isinstance(model, Mapping) and model.get("normalization", "none") != "none"


@check(
    "Q5.1f",
    question="Does the model normalise?",
    panel="activation",
    reads=("initial.weights", "header.layers"),
    leaves=(
        Leaf(
            "the declared normalisation is missing",
            equals=0.0,
            causes=("no_normalization",),
            weight=PROOF,
            fix="Put the LayerNorm or RMSNorm back in front of attention and feed-forward.",
            unless=("none_declared",),
        ),
        Leaf(
            "no normalisation has a gain",
            equals=0.0,
            level=Level.GREEN,
            causes=("no_normalization",),
            weight=HINT,
            fix="If a normalisation was meant, it is missing.",
            unless=("one_declared",),
        ),
    ),
)
def num_gains(view: View) -> Readings:
    """Normalisation gains among the parameters."""
    count = float(len(_weights(view.facts, "norm")))
    found = single(view, count, f"{count:.0f} gains of normalisations among the parameters")
    declared = np.array([_declares_normalization(view.facts)])
    return replace(found, excused={"none_declared": ~declared, "one_declared": declared})
