"""A transformer of a few hundred parameters with every kind of measured point, and one step of training."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

V, T, C, H = 11, 6, 8, 2


class Attention(nn.Module):
    def __init__(self, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        self.qkv = nn.Linear(C, 3 * C)
        self.weights = nn.Identity()
        self.projection = nn.Linear(C, C)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (H, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        scores = q @ k.mT / (C / H) ** 0.5
        if self.causal:
            scores = scores.masked_fill(torch.ones(x.shape[1], x.shape[1]).triu(1).bool(), -torch.inf)
        return self.projection((self.weights(scores.softmax(-1)) @ v).transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(C, 4 * C), nn.Linear(4 * C, C)
        self.hidden = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.hidden(F.gelu(self.up(x))))


class Block(nn.Module):
    def __init__(self, causal: bool, dropout: float) -> None:
        super().__init__()
        self.attention, self.ffn = Attention(causal), FeedForward()
        self.attention_ln, self.ffn_ln = nn.LayerNorm(C), nn.LayerNorm(C)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_ln(x)))
        return x + self.dropout(self.ffn(self.ffn_ln(x)))


class TinyGPT(nn.Module):
    """Finds its own points: nothing is declared."""

    def __init__(self, *, causal: bool = True, dropout: float = 0.0, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.embedding = nn.Embedding(V, C)
        self.position = nn.Embedding(T, C)
        self.blocks = nn.ModuleList(Block(causal, dropout) for _ in range(2))
        self.final_norm = nn.LayerNorm(C)
        self.head = nn.Linear(C, V)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.position(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.final_norm(x))


def batch(step: int = 0, size: int = 5) -> tuple[Tensor, Tensor]:
    """Tokens and targets of one step, the same at every call."""
    tokens = torch.randint(V, (size, T + 1), generator=torch.Generator().manual_seed(step))
    return tokens[:, :-1], tokens[:, 1:]


def loss_of(model: nn.Module, step: int = 0, size: int = 5) -> Tensor:
    tokens, targets = batch(step, size)
    return F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())
