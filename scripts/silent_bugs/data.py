"""Data with something to learn, made in a moment: tokens of a Markov chain, and images of classes."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

PAD, EOS, FIRST_WORD = 0, 1, 2
V = 64
"""Tokens: padding, end of sequence, and words."""

LENGTH = 32
NUM_ROWS = 1280


@cache
def corpus(seed: int = 0, num_rows: int = NUM_ROWS, length: int = LENGTH + 1) -> Tensor:
    """Rows of words, [num_rows, length]; each word is followed by one of four."""
    draw = torch.Generator().manual_seed(seed)
    words = V - FIRST_WORD
    successors = torch.randint(words, (words, 4), generator=torch.Generator().manual_seed(7))
    odds = torch.tensor([0.5, 0.25, 0.15, 0.1])
    rows = [torch.randint(words, (num_rows,), generator=draw)]
    for _ in range(length - 1):
        choice = torch.multinomial(odds, num_rows, replacement=True, generator=draw)
        rows.append(successors[rows[-1], choice])
    return torch.stack(rows, 1) + FIRST_WORD


@cache
def sentences(seed: int = 0, num_rows: int = NUM_ROWS, length: int = LENGTH + 1) -> Tensor:
    """Rows of differing length, each closed by EOS and filled up by PAD, [num_rows, length]."""
    rows = corpus(seed, num_rows, length).clone()
    draw = torch.Generator().manual_seed(seed + 1)
    ends = torch.randint(length // 4, length - 1, (num_rows, 1), generator=draw)
    position = torch.arange(length)
    rows[position > ends] = PAD
    rows[position == ends] = EOS
    return rows


@cache
def images(
    seed: int = 0, num_rows: int = NUM_ROWS, side: int = 16, classes: int = 10
) -> tuple[Tensor, Tensor]:
    """Noisy pictures of ten patterns, [num_rows, 1, side, side], and their classes, [num_rows]."""
    draw = torch.Generator().manual_seed(seed)
    patterns = torch.randn(classes, 1, side, side, generator=torch.Generator().manual_seed(7))
    labels = torch.randint(classes, (num_rows,), generator=draw)
    return patterns[labels] + 1.5 * torch.randn(num_rows, 1, side, side, generator=draw), labels


def epochs(
    num_rows: int, batch_size: int, num_batches: int, seed: int, shuffled_once: bool = False
) -> list[Tensor]:
    """Row numbers of each batch: every epoch in an order of its own, or all in that of the first."""
    draw = torch.Generator().manual_seed(seed)
    batches: list[Tensor] = []
    order = torch.randperm(num_rows, generator=draw)
    while len(batches) < num_batches:
        batches += [part for part in order.split(batch_size) if len(part) == batch_size]
        order = order if shuffled_once else torch.randperm(num_rows, generator=draw)
    return batches[:num_batches]
