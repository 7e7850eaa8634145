"""What the words of a name say: a split, a loss and of which kind, a counter.

A name means a loss for certain only if every word of it is accounted for: "aux_loss" and "val/box_loss" are
losses of parts. Which of several is *the* loss of a log is told in `choice`.
"""

from __future__ import annotations

import re
from functools import lru_cache

_CROSS_ENTROPY = re.compile(r"(?:language)?cross[ _-]?entropy", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")

_PARTED = re.compile(r"(?:held_out|[A-Za-z]+)[-_. ]*")

_TRAINING = frozenset({"train", "training", "trn", "learn"})
_HELD_OUT = frozenset(
    {"val", "valid", "validation", "validate", "validating", "eval", "evaluation", "evaluating", "dev"}
    | {"test", "testing", "heldout", "holdout", "vld"}
)
SPLITS = _TRAINING | _HELD_OUT
_TEST = frozenset({"test", "testing"})
LOSS = frozenset({"loss", "losses"})
KINDS_OF_LOSS = frozenset(
    {"lm", "clm", "mlm", "nll", "ce", "bce", "xent", "crossentropy", "logloss", "mlogloss", "softmax"}
)
PERPLEXITY = frozenset({"ppl", "perplexity", "paloma"})
STEP = frozenset({"step", "steps", "iter", "iters", "iteration", "iterations", "update", "updates"})
_OF_A_STEP = frozenset({"global", "current", "curr", "num", "n", "opt", "optim", "optimizer", "trainer"})
_FILLING = "metric metrics scalar scalars step batch log logs avg average mean reduced local so far elbo"
FILLING = frozenset(_FILLING.split())
"""Words that change nothing; "elbo" alone is what is maximised."""
COARSE_WORDS = frozenset(
    ["epoch", "total", "smooth", "smoothed", "ema", "running", "test", "dataloader", "idx"]
)

_IN_OTHER_WORDS = {
    **dict.fromkeys(("训练", "訓練", "학습", "훈련", "обучение"), " train "),
    **dict.fromkeys(("验证", "驗證", "검증", "検証", "валидация"), " val "),
    **dict.fromkeys(("测试", "測試", "테스트", "テスト"), " test "),
    **dict.fromkeys(("损失", "損失", "손실", "потери", "pérdida"), " loss "),
    **dict.fromkeys(("准确率", "精度", "정확도", "точность"), " accuracy "),
    **dict.fromkeys(("轮次", "轮", "에폭", "эпоха", "époque", "época"), " epoch "),
    **dict.fromkeys(("步骤", "步", "шаг", "ステップ"), " step "),
    **dict.fromkeys(("学习率", "學習率"), " lr "),
}
_WORDS = {
    **dict.fromkeys(("verlust", "perte", "perdida", "fehler"), "loss"),
    **dict.fromkeys(("schritt", "paso", "etape"), "step"),
    **dict.fromkeys(("epoche", "epoca", "epoque"), "epoch"),
    **dict.fromkeys(("genauigkeit", "exactitud"), "accuracy"),
    "lernrate": "lr",
}
_OTHER_WORD = re.compile("|".join(_IN_OTHER_WORDS), re.IGNORECASE)

LIKELY, COARSE = 2, 3
"""Ranks of what words say: less than a listed name; less again for a mean over an epoch, a sum of losses."""


@lru_cache(4096)
def meaning_of(name: str) -> tuple[str, int] | None:
    """Our field and the rank with which this name means it; None where a word is left over.

    Fields besides our own: "perplexity" and "val_perplexity".
    """
    if ":" in name or "=" in name:
        return None  # a name with its value: a line of prose, not a column
    words = words_of(name)
    if not words:
        return None
    rest = set(words) - _TRAINING - _HELD_OUT - FILLING - COARSE_WORDS
    rank = COARSE if COARSE_WORDS & set(words) else LIKELY
    if rest and rest <= LOSS | KINDS_OF_LOSS:
        return ("val_loss" if is_held_out(name) else "loss"), rank
    if rest and rest <= PERPLEXITY and (is_held_out(name) or _TRAINING & set(words)):
        return ("val_perplexity" if is_held_out(name) else "perplexity"), rank
    if words[-1] in STEP | {"it"} and set(words[:-1]) <= _OF_A_STEP | _TRAINING | {"progress"}:
        return "step", rank
    return None


def is_held_out(name: str) -> bool:
    """Whether a word of the name says that it was measured on data that is not trained on."""
    return not _HELD_OUT.isdisjoint(words_of(name))


def is_of_training(name: str) -> bool:
    """Whether a word of the name says that it was measured on the data that is trained on."""
    return not _TRAINING.isdisjoint(words_of(name))


def is_of_test(name: str) -> bool:
    """Whether a word of the name says that it is of the test split, which is looked at least often."""
    return not _TEST.isdisjoint(words_of(name))


def split_of(text: str) -> str:
    """The held-out split that is the last one named in a text; empty for none and for the training split."""
    named = [word for word in words_of(text) if word in _HELD_OUT or word in _TRAINING]
    return named[-1] if named and named[-1] in _HELD_OUT else ""


def without_split(name: str) -> str:
    """The name without the words that say of which split it is, and without what parted them."""
    return _PARTED.sub(lambda found: "" if _is_a_split(found[0]) else found[0], name).strip("-_. ")


def stem_of(name: str) -> tuple[str, ...]:
    """The words of a name without its split and without words that fill it."""
    left_out = _TRAINING | _HELD_OUT | FILLING | {"epoch", "running"}
    return tuple(word for word in words_of(name) if word not in left_out)


def _is_a_split(word: str) -> bool:
    return len(words_of(word)) == 1 and (is_held_out(word) or is_of_training(word))


@lru_cache(8192)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, small, however they are parted: "valLoss", "val/loss", "검증 손실"."""
    if not name.isascii():
        name = _OTHER_WORD.sub(lambda found: _IN_OTHER_WORDS[found[0].lower()], name)
    name = _CROSS_ENTROPY.sub("crossentropy", name.replace("held_out", "heldout"))
    return tuple(_WORDS.get(word.lower(), word.lower()) for word in _WORD.findall(name))
