"""What counting can do: an interpolated trigram model, the bar that a network has to clear.

p(w | u, v) = a3 * count(u, v, w) / count(u, v) + a2 * count(v, w) / count(v) + a1 * count(w) / N + a0 / V.
The weights a are fitted by expectation maximisation on a part of the training split that the counts leave
out; the validation split is only ever scored.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flight_recorder.engine.data.corpus import Corpus, Ids

ORDER = 3
HELD_OUT_SHARE = 0.1
MAX_TOKENS = 2_000_000
"""Counting stops after this many tokens of a split, so that a long text does not keep its run waiting."""
EM_ROUNDS = 30

Floats = NDArray[np.float64]


def baseline_loss(corpus: Corpus) -> float:
    """Mean nats per token of the trigram model on the validation split."""
    train = corpus.train.tokens[:MAX_TOKENS].astype(np.int64)
    validation = corpus.validation.tokens[:MAX_TOKENS].astype(np.int64)
    cut = max(1, round(len(train) * (1 - HELD_OUT_SHARE)))
    weights = _fitted_weights(_probabilities(train[:cut], train[cut:], corpus.vocab_size))
    mixed = _probabilities(train, validation, corpus.vocab_size) @ weights
    return float(-np.log(mixed).mean())


def _probabilities(train: Ids, test: Ids, vocab_size: int) -> Floats:
    """Probability of each test token by uniform, unigram, bigram and trigram: shape (N, ORDER + 1)."""
    columns = [np.full(len(test), 1 / vocab_size)]
    for order in range(1, ORDER + 1):
        context = _counts(train, test, order - 1, vocab_size, shift=1)
        whole = _counts(train, test, order, vocab_size, shift=0)
        columns.append(whole / np.maximum(context, 1))
    return np.stack(columns, axis=1)


def _counts(train: Ids, test: Ids, order: int, vocab_size: int, shift: int) -> Floats:
    """How often training has the `order` tokens that end `shift` before each test position."""
    if order == 0:
        return np.full(len(test), float(len(train)))
    known, counts = np.unique(_windows(train, order, vocab_size), return_counts=True)
    wanted = _windows(np.concatenate([np.zeros(order - 1 + shift, np.int64), test]), order, vocab_size)
    wanted = wanted[: len(test)]
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, counts[at], 0).astype(np.float64)


def _windows(tokens: Ids, order: int, vocab_size: int) -> Ids:
    """Each run of `order` tokens as one number; element i ends at position i + order - 1."""
    length = max(0, len(tokens) - order + 1)
    code = np.zeros(length, np.int64)
    for i in range(order):
        code = code * vocab_size + tokens[i : i + length]
    return code


def _fitted_weights(probabilities: Floats) -> Floats:
    """Interpolation weights that make the held-out tokens likeliest; they sum to 1."""
    weights = np.full(ORDER + 1, 1 / (ORDER + 1))
    for _ in range(EM_ROUNDS if len(probabilities) else 0):
        share = probabilities * weights
        share /= share.sum(axis=1, keepdims=True)
        weights = share.mean(axis=0)
    return weights
