"""A small GPT, pre-LN, attention spelled out so that its weights can be looked at.

Shapes: B batch, T time, C width of the residual stream, H heads, D = C / H width of a head, F hidden units,
V vocabulary. A tensor's name ends in its shape: x_BTC.

Identity modules mark the points where something can be measured; they cost nothing and their names are
their addresses: embed_out, block_0_out, ..., final_ln_out on the way of the residual stream, and in each
block attention.weights (B, H, T, T) and ffn.hidden (B, T, F).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flight_recorder.engine.config import Model as ModelConfig

INIT_STD = 0.02
"""Standard deviation of every matrix of GPT-2 but the residual projections."""


class Attention(nn.Module):
    """Multi-head self-attention; position t sees positions 0 to t."""

    future_TT: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.num_heads = config.n_heads
        self.causal = config.causal
        self.is_fused = config.attention == "fused"
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.weights = nn.Identity()
        self.dropout = nn.Dropout(config.dropout)
        self.projection = nn.Linear(config.width, config.width)
        future = torch.full((config.context, config.context), -math.inf).triu(1)
        self.register_buffer("future_TT", None if self.is_fused else future, persistent=False)

    def forward(self, x_BTC: Tensor) -> Tensor:
        """What each position takes from the positions it sees, (B, T, C)."""
        B, T, C = x_BTC.shape
        q_BHTD, k_BHTD, v_BHTD = self.qkv(x_BTC).view(B, T, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        mix = self._fused_mix if self.is_fused else self._mix
        y_BTC: Tensor = self.projection(mix(q_BHTD, k_BHTD, v_BHTD).transpose(1, 2).reshape(B, T, C))
        return y_BTC

    def _mix(self, q_BHTD: Tensor, k_BHTD: Tensor, v_BHTD: Tensor) -> Tensor:
        """Values weighted by attention, (B, H, T, D)."""
        T = q_BHTD.shape[2]
        scores_BHTT = (q_BHTD * q_BHTD.shape[-1] ** -0.5) @ k_BHTD.transpose(-2, -1)
        if self.causal:
            scores_BHTT = scores_BHTT + self.future_TT[:T, :T]
        weights_BHTT: Tensor = self.dropout(self.weights(scores_BHTT.softmax(dim=-1)))
        return weights_BHTT @ v_BHTD

    def _fused_mix(self, q_BHTD: Tensor, k_BHTD: Tensor, v_BHTD: Tensor) -> Tensor:
        """The same without ever holding the weights, which therefore cannot be measured."""
        return F.scaled_dot_product_attention(
            q_BHTD, k_BHTD, v_BHTD, is_causal=self.causal, dropout_p=self.dropout.p if self.training else 0.0
        )


class FeedForward(nn.Module):
    """Two linear layers with F hidden units between them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.width, config.ffn_multiple * config.width)
        self.activation = nn.GELU() if config.activation == "gelu" else nn.ReLU()
        self.hidden = nn.Identity()
        self.down = nn.Linear(config.ffn_multiple * config.width, config.width)

    def forward(self, x_BTC: Tensor) -> Tensor:
        """Each position by itself, (B, T, C)."""
        hidden_BTF = self.hidden(self.activation(self.up(x_BTC)))
        y_BTC: Tensor = self.down(hidden_BTF)
        return y_BTC


class Block(nn.Module):
    """Attention and feed-forward, each added to the residual stream after a normalisation of its input."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_ln = _normalization(config)
        self.attention = Attention(config)
        self.ffn_ln = _normalization(config)
        self.ffn = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x_BTC: Tensor) -> Tensor:
        """The residual stream after this block, (B, T, C)."""
        h_BTC: Tensor = x_BTC + self.dropout(self.attention(self.attention_ln(x_BTC)))
        y_BTC: Tensor = h_BTC + self.dropout(self.ffn(self.ffn_ln(h_BTC)))
        return y_BTC


class GPT(nn.Module):
    """Tokens to logits; the embedding matrix is also the output matrix."""

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        self.vocab_size = vocab_size
        self.token_embedding = nn.Embedding(vocab_size, config.width)
        self.position_embedding = nn.Embedding(config.context, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.embed_out = nn.Identity()
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        for i in range(config.n_layers):
            self.add_module(f"block_{i}_out", nn.Identity())
        self.final_ln = _normalization(config)
        self.final_ln_out = nn.Identity()
        self.head_bias: nn.Parameter | None = None
        init_weights(self)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Logits of the next token at every position, (B, T, V)."""
        positions_T = torch.arange(tokens_BT.shape[1], device=tokens_BT.device)
        x_BTC = self.dropout(self.token_embedding(tokens_BT) + self.position_embedding(positions_T))
        x_BTC = self.embed_out(x_BTC)
        for i, block in enumerate(self.blocks):
            x_BTC = self.get_submodule(f"block_{i}_out")(block(x_BTC))
        x_BTC = self.final_ln_out(self.final_ln(x_BTC))
        return F.linear(x_BTC, self.token_embedding.weight, self.head_bias)

    @property
    def residual_layers(self) -> list[str]:
        """Measured points on the residual stream itself, in order."""
        return ["embed_out", *(f"block_{i}_out" for i in range(self.config.n_layers))]

    @property
    def layers(self) -> list[str]:
        """All measured points between embedding and logits, in order."""
        return [*self.residual_layers, "final_ln_out"]

    @property
    def matrices(self) -> dict[str, nn.Parameter]:
        """Weight matrices whose spectral norm is worth watching, by the name of their panel line."""
        named: dict[str, nn.Parameter] = {}
        for i in range(self.config.n_layers):
            block = self.get_submodule(f"blocks.{i}")
            named[f"block_{i}_qkv"] = block.get_parameter("attention.qkv.weight")
            named[f"block_{i}_projection"] = block.get_parameter("attention.projection.weight")
            named[f"block_{i}_ffn_up"] = block.get_parameter("ffn.up.weight")
            named[f"block_{i}_ffn_down"] = block.get_parameter("ffn.down.weight")
        return named

    @property
    def num_parameters(self) -> int:
        """Trainable numbers; the embedding matrix counts once though it is used twice."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)

    @property
    def num_units(self) -> int:
        """Hidden units of all feed-forward layers together."""
        return self.config.n_layers * self.config.ffn_multiple * self.config.width

    @property
    def num_heads(self) -> int:
        """Attention heads of all blocks together."""
        return self.config.n_layers * self.config.n_heads


def init_weights(model: GPT) -> None:
    """Give every tensor its first values, in the order of their names.

    | tensor                                   | values                        |
    |------------------------------------------|-------------------------------|
    | token_embedding, position_embedding      | normal, std 0.02              |
    | attention.qkv, ffn.up                    | normal, std 0.02              |
    | attention.projection, ffn.down           | normal, std 0.02 / sqrt(2 L)  |
    | gain of a layer norm                     | 1                             |
    | every bias                               | 0                             |

    The two matrices that write into the residual stream are smaller because 2 L of them add up in it (GPT-2).
    """
    stds = declared_stds(model)
    for name, parameter in model.named_parameters():
        if name in stds:
            nn.init.normal_(parameter, std=stds[name])
        elif name.endswith("_ln.weight"):
            nn.init.ones_(parameter)
        else:
            nn.init.zeros_(parameter)


def declared_stds(model: GPT) -> dict[str, float]:
    """Standard deviation at step 0 of each tensor that starts random, by parameter name."""
    residual = INIT_STD / math.sqrt(2 * model.config.n_layers)
    return {
        name: residual if name.endswith(("projection.weight", "down.weight")) else INIT_STD
        for name, parameter in model.named_parameters()
        if parameter.dim() >= 2
    }


def token_losses(logits_BTV: Tensor, targets_BT: Tensor, ignored: int) -> Tensor:
    """Cross-entropy of each target in nats, 0 where it is ignored: (B, T), float32 always."""
    flat = F.cross_entropy(
        logits_BTV.float().flatten(0, 1), targets_BT.flatten(), ignore_index=ignored, reduction="none"
    )
    return flat.view_as(targets_BT)


def _normalization(config: ModelConfig) -> nn.Module:
    return nn.LayerNorm(config.width) if config.normalization == "layer" else nn.Identity()
