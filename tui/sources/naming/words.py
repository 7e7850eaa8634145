"""What a name that no list knows says by its words: "metrics/trainLoss" is the training loss.

A name means a loss only if every word of it is accounted for: "aux_loss" and "val/box_loss" are other losses.
"""

from __future__ import annotations

import re
from functools import lru_cache

_CROSS_ENTROPY = re.compile(r"(?:language)?cross[ _-]?entropy", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")

_PARTED = re.compile(r"(?:held_out|[A-Za-z]+)[-_. ]*")

_TRAINING = frozenset({"train", "training", "trn"})
_HELD_OUT = frozenset(
    {"val", "valid", "validation", "validate", "validating", "eval", "evaluation", "evaluating", "dev"}
    | {"test", "testing", "heldout", "holdout"}
)
_LOSS = frozenset({"loss", "losses"})
_KINDS_OF_LOSS = frozenset({"lm", "clm", "mlm", "nll", "ce", "xent", "crossentropy", "logloss", "mlogloss"})
_PERPLEXITY = frozenset({"ppl", "perplexity"})
_STEP = frozenset({"step", "steps", "iter", "iters", "iteration", "iterations", "update", "updates"})
_OF_A_STEP = frozenset({"global", "current", "curr", "num", "n", "opt", "optim", "optimizer", "trainer"})
_FILLING = frozenset(
    {
        "metric",
        "metrics",
        "scalar",
        "scalars",
        "step",
        "batch",
        "log",
        "logs",
        "avg",
        "average",
        "mean",
        "reduced",
        "elbo",  # alone it is what is maximised
    }
)
_COARSE = frozenset({"epoch", "total", "smooth", "smoothed", "ema", "running", "test", "dataloader", "idx"})

LIKELY, COARSE = 2, 3
"""Ranks of what words say: less than a listed name; less again for a mean over an epoch, a sum of losses."""


@lru_cache(4096)
def meaning_of(name: str) -> tuple[str, int] | None:
    """Our field and the rank with which this name means it; None where a word is left over.

    Fields besides our own: "perplexity" and "val_perplexity".
    """
    if ":" in name or "=" in name:
        return None  # a name with its value: a line of prose, not a column
    words = _words(name)
    if not words:
        return None
    rest = set(words) - _TRAINING - _HELD_OUT - _FILLING - _COARSE
    rank = COARSE if _COARSE & set(words) else LIKELY
    if rest and rest <= _LOSS | _KINDS_OF_LOSS:
        return ("val_loss" if is_held_out(name) else "loss"), rank
    if rest and rest <= _PERPLEXITY and (is_held_out(name) or _TRAINING & set(words)):
        return ("val_perplexity" if is_held_out(name) else "perplexity"), rank
    if words[-1] in _STEP | {"it"} and set(words[:-1]) <= _OF_A_STEP | _TRAINING | {"progress"}:
        return "step", rank
    return None


def is_held_out(name: str) -> bool:
    """Whether a word of the name says that it was measured on data that is not trained on."""
    return bool(_HELD_OUT & set(_words(name)))


def is_of_training(name: str) -> bool:
    """Whether a word of the name says that it was measured on the data that is trained on."""
    return bool(_TRAINING & set(_words(name)))


def is_of_test(name: str) -> bool:
    """Whether a word of the name says that it is of the test split, which is looked at least often."""
    return bool({"test", "testing"} & set(_words(name)))


def without_split(name: str) -> str:
    """The name without the words that say of which split it is, and without what parted them."""
    return _PARTED.sub(lambda found: "" if _is_a_split(found[0]) else found[0], name).strip("-_. ")


def _is_a_split(word: str) -> bool:
    return len(_words(word)) == 1 and (is_held_out(word) or is_of_training(word))


def _words(name: str) -> list[str]:
    name = _CROSS_ENTROPY.sub("crossentropy", name.replace("held_out", "heldout"))
    return [word.lower() for word in _WORD.findall(name)]
