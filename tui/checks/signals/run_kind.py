"""What kind of run it is: said by the log or its user, else by the names of what it records.

The kind decides which rules are meant for a run. It is a fact about everything recorded so far: where it
changes, the run is judged by it again from its first record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

KINDS = ("language_model", "classifier", "regression", "policy", "adversarial", "unknown")
"""What `--kind` takes; a fine-tune is told by the header's `origin`, apart from the kind."""

_ADVERSARIAL = frozenset({"discriminator", "generator", "disc", "gen", "gan"})
_POLICY = frozenset({"reward", "rewards", "rew", "return", "returns", "policy", "actor", "critic", "epsilon"})
_PAIRS = frozenset({("d", "loss"), ("g", "loss"), ("loss", "d"), ("loss", "g")})
_CLASSES = frozenset({"acc", "accuracy", "top1", "top5", "f1", "auc", "precision", "recall"})
_REGRESSION = frozenset({"mse", "mae", "rmse", "r2"})


@dataclass(frozen=True, slots=True)
class RunKind:
    """A kind of run and how it is known, as a sentence."""

    name: str
    evidence: str


def run_kind(header: Mapping[str, Any], columns: Iterable[str]) -> RunKind:
    """The kind of a run with this header that has recorded numbers of these names."""
    told = header.get("kind_of_run")
    if isinstance(told, str) and told in KINDS:
        return RunKind(told, "it was told")
    names = sorted(columns)
    for kind, words in (("adversarial", _ADVERSARIAL), ("policy", _POLICY)):
        if name := next((name for name in names if _speaks_of(name, words, kind == "adversarial")), None):
            return RunKind(kind, f"the log has {name}")
    if header.get("vocab_size") is not None:
        return RunKind("language_model", "the log gives the size of a vocabulary")
    if name := next((name for name in names if name in ("tokens", "tokens_per_s")), None):
        return RunKind("language_model", f"the log has {name}")
    if name := next((name for name in names if "perplexity" in name or "ppl" in _words(name)), None):
        return RunKind("language_model", f"the log has {name}")
    for kind, words in (("classifier", _CLASSES), ("regression", _REGRESSION)):
        if name := next((name for name in names if not words.isdisjoint(_words(name))), None):
            return RunKind(kind, f"the log has {name}")
    return RunKind("unknown", "nothing in the log tells")


def _words(name: str) -> list[str]:
    return re.split(r"[^a-z0-9]+", name.lower())


def _speaks_of(name: str, words: frozenset[str], pairs: bool) -> bool:
    found = re.split(r"[^a-z]+", name.lower())
    return not words.isdisjoint(found) or (pairs and not _PAIRS.isdisjoint(pairwise(found)))
