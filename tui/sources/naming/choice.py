"""Which series of a log is its loss, and which its validation loss: those that a reader would take.

Every series has a score: what its name says, how it behaves, where it stands. An unknown word in a name
lowers it and never excludes: where there is nothing better, "box_loss" is the loss. Of equals the first has
it. What was taken, how surely, and what came second is told to the user.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from flight_recorder.tui.sources.naming.directions import DIRECTIONS, DOWN, UP, direction_of
from flight_recorder.tui.sources.naming.words import (
    FILLING,
    KINDS_OF_LOSS,
    PERPLEXITY,
    SPLITS,
    is_held_out,
    is_of_test,
    is_of_training,
    stem_of,
    words_of,
)

SURE, READABLE = 0.65, 0.35
"""Confidence from which a choice is taken without a word, and from which it is taken at all."""

_LOSS_WORDS = frozenset(
    [
        "loss",
        "losses",
        "ce",
        "nll",
        "elbo",
        "bce",
        "cost",
        "objective",
        "criterion",
        "xent",
        "crossentropy",
        "logloss",
    ]
)
_LOSS_WORDS |= {"mlogloss", "lossval", "trl", "tel"}
_STAND_INS: Mapping[str, float] = {
    "mse": 6.0, "bpb": 6.0, "rmse": 6.0, "ppl": 6.0, "perplexity": 6.0, "paloma": 6.0, "huber": 6.5,
    "mape": 5.0, "mae": 4.5,
    "error": 4.0, "err": 4.0, "wer": 4.0, "reward": 3.5, "rewards": 3.5, "return": 3.5, "returns": 3.5,
    "rew": 3.5,
    "ret": 3.5, "score": 2.5, "value": 1.6, "acc": 1.0, "accuracy": 1.0, "auc": 1.0, "f": 1.0,
}  # fmt: skip
"""Heads of names that are taken where nothing is called a loss, the best first."""

POLICY_WORDS = frozenset({"reward", "rewards", "return", "returns", "rew", "score", "value"})
_SCORES = POLICY_WORDS | {"acc", "accuracy", "auc", "f"}
_FREE = FILLING | {"epoch", "batch", "iter", "train", "training", "trn", "total", "overall", "sum", "per"}
_MINOR = frozenset(
    [
        "kl",
        "kld",
        "entropy",
        "policy",
        "actor",
        "d",
        "aux",
        "reg",
        "vq",
        "regularization",
        "l",
        "discriminator",
        "pg",
        "surrogate",
    ]
)
_NO_MEASUREMENT = frozenset(
    [
        "best",
        "min",
        "max",
        "lowest",
        "smoothed",
        "smooth",
        "ema",
        "target",
        "scale",
        "weight",
        "std",
        "var",
        "ratio",
        "delta",
        "coef",
    ]
)
_OTHER = frozenset(["lr", "learning", "norm", "rate", "wd", "momentum", "grad", "gnorm"])
_MACHINE = frozenset(
    [
        "time",
        "mem",
        "memory",
        "speed",
        "sec",
        "seconds",
        "eta",
        "elapsed",
        "throughput",
        "gpu",
        "cpu",
        "ms",
        "fps",
        "samples",
        "tokens",
        "tok",
    ]
)
_WHOLE_AS_FLOAT = 1e5
"""A larger number has no digits behind its point in single precision, whole or not."""
_UNITS = frozenset({"%", "s", "ms", "sec", "GB", "MB", "GiB", "it/s", "s/it", "m", "h"})
_WHOLES = frozenset({"total", "overall", "sum"})

_OTHER_SPLITS = frozenset(
    [
        "val",
        "valid",
        "validation",
        "validate",
        "eval",
        "evaluation",
        "dev",
        "test",
        "testing",
        "heldout",
        "holdout",
    ]
)


@dataclass(slots=True)
class Series:
    """All numbers of one name so far, with what their rows looked like."""

    name: str
    unit: str = ""
    values: list[float] = field(default_factory=list)
    beside: set[str] = field(default_factory=set)
    kinds: set[tuple[str, ...]] = field(default_factory=set)
    num_first: int = 0
    counts: list[float] = field(default_factory=list)
    is_printed: bool = False
    is_part: bool = False

    @property
    def has_place(self) -> bool:
        """Whether its rows have a counter that rises: falls are laps or further runs, and few."""
        steps = [b - a for a, b in pairwise(self.counts) if b != a]
        falls = sum(step < 0 for step in steps)
        if len(self.counts) < 4:
            return bool(self.counts)
        return len(steps) > 0 and falls <= max(1, (len(steps) - falls) / 3)


@dataclass(frozen=True, slots=True)
class Choice:
    """Names of the loss and of the validation loss, empty for none; how sure that is, what else there was."""

    loss: str = ""
    val_loss: str = ""
    confidence: float = 0.0
    runner_up: str = ""
    is_stand_in: bool = False
    is_close: bool = False
    beside: frozenset[str] = frozenset()
    is_part: bool = False

    def note(self) -> str:
        """What to tell the user of a choice that is not certain; empty for one that is."""
        taken = self.loss or self.val_loss
        if not taken or (self.confidence >= SURE and not (self.is_close and self.runner_up)):
            return ""
        what = "stands in for the loss, which is not printed" if self.is_stand_in else "is taken as the loss"
        other = f"; the next likely is {self.runner_up}" if self.runner_up else ""
        return f"{taken} {what}{other}: say which is meant with --map loss=NAME"


def choose(series: Iterable[Series], given: Mapping[str, str]) -> Choice:
    """The loss and the validation loss among these series; what the user gave is theirs already."""
    measured = [one for one in series if one.values]
    known = [one for one in measured if one.name not in given.values()]
    has_given = any(given.get(field) == one.name for one in measured for field in ("loss", "val_loss"))
    training = sorted(
        (
            (_score(one, known), one)
            for one in known
            if not is_held_out(one.name) and _names_something(one.name)
        ),
        key=lambda pair: -pair[0],
    )
    loss = next((one for score, one in training if score > 0), None) if "loss" not in given else None
    val = _twin(loss, known) if "val_loss" not in given else None
    if loss and val and 20 * len(loss.values) < len(val.values):
        loss = None  # a summary beside a log of evaluations
    if loss is None and val is None:
        return Choice(confidence=1.0) if has_given else _any_series(known)
    taken = loss or val
    assert taken is not None
    others = [
        (score, one)
        for score, one in training
        if score > 5 and one is not taken and _is_loss(one.name) == _is_loss(taken.name)
    ]
    return Choice(
        loss=loss.name if loss else "",
        val_loss=val.name if val else "",
        confidence=1.0 if has_given else _confidence(taken, val if loss else None),
        runner_up=others[0][1].name if others else "",
        is_close=bool(others) and _is_close(training[0], others[0]),
        is_stand_in=not _is_loss(taken.name),
        beside=frozenset(taken.beside),
        is_part=taken.is_part,
    )


def _is_close(best: tuple[float, Series], other: tuple[float, Series]) -> bool:
    """Whether another part of the loss could be meant as well: neither is named plainly."""
    return (
        other[0] > best[0] - 2
        and len(stem_of(best[1].name)) > 1
        and stem_of(best[1].name) != stem_of(other[1].name)
    )


def _any_series(known: Sequence[Series]) -> Choice:
    """Of a log that names nothing that is known, the first number that is printed again and again."""
    likely = [
        one
        for one in known
        if one.has_place and len(one.values) >= 10 and _of_behaviour(one) > 0 and not _is_of_machine(one)
    ]
    if not likely:
        return Choice()
    return Choice(likely[0].name, "", 0.4, likely[1].name if likely[1:] else "", is_stand_in=True)


def _is_of_machine(one: Series) -> bool:
    words = set(words_of(one.name))
    return bool(words & (_MACHINE | _OTHER)) or one.unit in _UNITS or len(words) > 4


def named_loss(name: str) -> bool:
    """Whether a name is that of some loss, of a part or of the whole."""
    return _is_loss(name)


def _is_loss(name: str) -> bool:
    return not _LOSS_WORDS.isdisjoint(_head_words(name)) or _is_bare(name)


def _head_words(name: str) -> tuple[str, ...]:
    """The words of a name; "lm loss PPL" is a perplexity and no loss, a mere "total" is one of losses."""
    words = words_of(name)
    if words[-1:] == ("total",) and not set(words[:-1]) - _OTHER_SPLITS - {"train", "training"}:
        return (*words, "loss")
    known = [word for word in words if word in _LOSS_WORDS or word in _STAND_INS]
    if known and known[-1] in _STAND_INS and known[-1] != "value":
        return tuple(word for word in words if word not in _LOSS_WORDS)
    return words


def _names_something(name: str) -> bool:
    words = _head_words(name)
    return not _LOSS_WORDS.isdisjoint(words) or any(_stands_in(word) for word in words) or _is_bare(name)


def _stands_in(word: str) -> float:
    """How well a quantity of this name stands in for a loss; 0 for not at all."""
    return _STAND_INS.get(word) or {DOWN: 4.0, UP: 1.0, 0: 0.0}[DIRECTIONS.get(word, 0)]


def _is_bare(name: str) -> bool:
    """Whether a name is a split's and nothing else: "learn: 0.4 test: 0.5"."""
    words = words_of(name)
    return bool(words) and SPLITS.issuperset(words)


def _score(one: Series, known: Sequence[Series]) -> float:
    return (
        _of_name(one, known)
        + _of_behaviour(one, max(len(other.values) for other in known))
        + 0.3 * (one.num_first * 2 > len(one.values))
    )


def _of_name(one: Series, known: Sequence[Series]) -> float:
    words = _head_words(one.name)
    if _is_loss(one.name):
        score = 10.0 + ("loss" in words or "losses" in words or "trl" in words) + 0.6 * (words == ("loss",))
        named = _LOSS_WORDS | KINDS_OF_LOSS
    else:
        heads = [word for word in words if _stands_in(word)]
        if _is_bare(one.name) and any(_is_bare(name) and is_held_out(name) for name in one.beside):
            return 9.0
        if not heads:
            return -20.0
        score, named = max(map(_stands_in, heads)), frozenset(_STAND_INS) | DIRECTIONS.keys()
    free = _FREE | {"value"} if words[-1:] == ("value",) else _FREE
    left_over = [word for word in words if word not in named | free | _OTHER_SPLITS]
    score -= min(4.0, 1.5 * len(left_over))
    score -= 1.0 * (not _MINOR.isdisjoint(left_over))
    score -= 6.0 * (not _NO_MEASUREMENT.isdisjoint(words))
    score -= 4.0 * (not _OTHER.isdisjoint(words))
    score -= 8.0 * (not _MACHINE.isdisjoint(words))
    score -= 4.0 * (one.unit in _UNITS)
    if not _WHOLES.isdisjoint(words) and any(
        other is not one and other.name in one.beside and not is_held_out(other.name)
        for other in known
        if _is_loss(other.name)
    ):
        score += 2.0
    if "epoch" in words or "running" in words:
        score -= 0.5
    return score + 0.5 * is_of_training(one.name)


def _of_behaviour(one: Series, most: int = 10) -> float:
    """`most` is the number of values of the longest series."""
    values = one.values
    score = min(2.0, 0.6 * math.log10(len(values)))
    finite = [value for value in values if math.isfinite(value)]
    if len(values) < 3:
        score -= 5.0 if most >= 10 else 0.5
    elif finite and min(finite) == max(finite):
        score -= 2.0
    if len(finite) >= 4:
        steps = [later - before for before, later in pairwise(finite)]
        if steps[0] > 0 and all(abs(step - steps[0]) <= 1e-9 * abs(steps[0]) for step in steps):
            score -= 20.0  # it counts
        if all(value == int(value) for value in finite) and max(finite) < _WHOLE_AS_FLOAT:
            score -= 2.0
        middle = len(finite) // 2
        score += 0.5 * (sum(finite[:middle]) / middle > sum(finite[middle:]) / (len(finite) - middle))
    return score


def _twin(loss: Series | None, known: Sequence[Series]) -> Series | None:
    """The held-out series that is measured like the loss; without a loss the best of the held-out ones."""
    best, found = 0.0, None
    for one in known:
        if not is_held_out(one.name) or not _names_something(one.name):
            continue
        is_ppl = not PERPLEXITY.isdisjoint(words_of(one.name))
        if loss is not None and _is_loss(one.name) != _is_loss(loss.name) and not is_ppl:
            continue
        if not is_ppl and not _is_loss(one.name) and direction_of(one.name) != DOWN:
            continue
        score = (
            _of_name(one, known) + min(1.0, 0.3 * math.log10(len(one.values))) - 0.7 * is_of_test(one.name)
        )
        score += 0.5 * ("epoch" in words_of(one.name)) - 0.5 * ("step" in words_of(one.name))
        score -= 2.0 * is_of_training(one.name)  # the training loss as it was measured at an evaluation
        if loss is not None:
            score += _likeness(one, loss)
        if score > best:
            best, found = score, one
    return found


def _likeness(one: Series, loss: Series) -> float:
    stem, other = stem_of(one.name), stem_of(loss.name)
    score = 3.0 if stem == other else 0.5 * (not set(stem).isdisjoint(other))
    mine, theirs = _median(one.values), _median(loss.values)
    if mine > 0 and theirs > 0:
        score += 1.0 - min(4.0, abs(math.log10(mine / theirs)))
    return score


def _median(values: Sequence[float]) -> float:
    finite = sorted(value for value in values if math.isfinite(value))
    return finite[len(finite) // 2] if finite else math.nan


def _confidence(taken: Series, twin: Series | None) -> float:
    words = _head_words(taken.name)
    base = (
        0.6
        if _is_loss(taken.name) or not PERPLEXITY.isdisjoint(words)
        else 0.3
        if not POLICY_WORDS.isdisjoint(words)
        else 0.45
    )
    has_place = taken.has_place
    sure = base + 0.25 * has_place + 0.1 * (len(taken.values) >= 10) + 0.15 * (twin is not None)
    if taken.is_printed and not has_place:
        sure = max(min(sure, READABLE), sure - 0.15)  # numbers that nothing counts
    if len(taken.values) < 4 and taken.is_printed:
        sure -= 0.45 if len(taken.values) < 3 else 0.19
    elif len(taken.kinds) > 0.7 * len(taken.values) and len(taken.values) > 3:
        sure -= 0.3  # hardly two lines have one shape: prose, a program's listing
    if taken.is_printed and len(set(taken.values)) == 1 and len(taken.values) > 3 and not has_place:
        sure -= 0.3
    if not taken.is_printed and not has_place and twin is None:
        of_parts = READABLE if len(taken.values) >= 10 else 0.3
        sure = min(sure, of_parts if len(stem_of(taken.name)) > 1 else 0.6)
    is_score = not _SCORES.isdisjoint(words) or direction_of(taken.name) == UP
    return min(sure, 0.5) if is_score and not _is_loss(taken.name) else sure
