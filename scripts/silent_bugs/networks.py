"""A tiny GPT that programs of the suite train, with what differs between them as arguments."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scripts.silent_bugs.data import LENGTH, V

WIDTH, HEADS, LAYERS = 32, 4, 2


class Attention(nn.Module):
    """Self-attention over [batch, time, width], causal unless told otherwise."""

    def __init__(self, width: int = WIDTH, heads: int = HEADS, causal: bool = True) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Mixed over time, [batch, time, width]."""
        batch, time, width = x.shape
        parts = self.qkv(x).view(batch, time, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=self.causal)
        return self.proj(mixed.transpose(1, 2).reshape(batch, time, width))


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int = WIDTH, causal: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, causal=causal)
        self.mlp: nn.Module = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """The residual stream behind the block, [batch, time, width]."""
        x = x + self.dropout(self.attn(self.ln_1(x)))
        return x + self.dropout(self.mlp(self.ln_2(x)))


class GPT(nn.Module):
    """Logits of the next token, [batch, time, vocab]."""

    def __init__(
        self, width: int = WIDTH, layers: int = LAYERS, causal: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.embed, self.position = nn.Embedding(V, width), nn.Embedding(2 * LENGTH, width)
        self.blocks = nn.ModuleList(Block(width, causal, dropout) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        self.head = nn.Linear(width, V, bias=False)
        self.apply(init_weights)

    def hidden(self, tokens: Tensor) -> Tensor:
        """What the head reads, [batch, time, width]."""
        x = self.embed(tokens) + self.position.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.ln_f(x)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits, [batch, time, vocab]."""
        return self.head(self.hidden(tokens))


def init_weights(module: nn.Module) -> None:
    """GPT-2's initialisation."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


def next_token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over the labels that are not -100; labels are shifted already."""
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]).float(), labels.reshape(-1))


def parameters_of(model: nn.Module) -> list[torch.nn.Parameter]:
    """Those that train."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]
