"""A training step with and without the inspector, and a plain loop around a plain GPT of the same shape.

All in one process, in turns of a hundred steps, in CPU time: whatever else the machine does hits all alike.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional

from flight_recorder.engine.config import Config
from flight_recorder.engine.run.build import Loop, build_loop
from flight_recorder.engine.runlog.codec import encode
from flight_recorder.engine.step import take_step
from scripts.benchmarks.table import Figure

TURNS, STEPS = 9, 100
CONFIG = {"seed": 0, "training": {"T": 10 * TURNS * STEPS}, "data": {"train_sentences": 4000}}


class Block(nn.Module):
    """Pre-LN transformer block as in the public reference, with the fused attention of torch."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        parts = self.qkv(self.norm_1(x)).split(width, dim=2)
        q, k, v = (p.view(batch, length, self.num_heads, -1).transpose(1, 2) for p in parts)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.norm_2(x))


class Reference(nn.Module):
    """The same shape as ours, tied head included, written as plainly as it can be."""

    def __init__(self, vocab: int, context: int, width: int, num_heads: int, num_layers: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocab, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, num_heads) for _ in range(num_layers)))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1]))
        return self.norm(self.blocks(x)) @ self.tokens.weight.T


@dataclass
class Turns:
    """CPU seconds a step, one number a turn."""

    step: Callable[[], None]
    per_step: list[float] = field(default_factory=list)

    def take(self) -> None:
        started = time.process_time()
        for _ in range(STEPS):
            self.step()
        self.per_step.append((time.process_time() - started) / STEPS)


def measure() -> list[Figure]:
    """Medians over the turns; ratios are medians of the ratios within one turn."""
    torch.set_num_threads(1)
    bare, inspected = build_loop(_config(), inspect=False), build_loop(_config())
    turns = [
        Turns(_reference_step(bare)),
        Turns(lambda: _whole_step(bare)),
        Turns(lambda: _whole_step(inspected)),
    ]
    for _ in range(TURNS):
        for turn in turns:
            turn.take()
    reference, ours, measured = (turn.per_step for turn in turns)
    overhead = _ratio(measured, ours) - 1
    speed = 1 / _ratio(ours, reference)
    return [
        Figure(
            "inspector at its default cadence, all panels, record included",
            f"{median(measured) * 1000:.2f} ms a step, {100 * overhead:+.1f} %",
            f"step without it {median(ours) * 1000:.2f} ms",
            "within 5 %",
            overhead < 0.05,
        ),
        Figure(
            "engine throughput",
            f"{1 / median(ours):.0f} steps/s, {speed:.2f} x",
            f"plain loop around a plain GPT of this shape {1 / median(reference):.0f} steps/s",
            "not below it",
            speed >= 1.0,
        ),
    ]


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return median(a / b for a, b in zip(ours[1:], theirs[1:], strict=True))


def _config() -> Config:
    return Config.model_validate(CONFIG)


def _whole_step(loop: Loop) -> None:
    """The step, its numbers fetched, and its record written to where nothing is kept."""
    taken = take_step(loop)
    record = dict(taken.record)
    for measured in taken.measured:
        record |= measured.fields(measured.values.tolist())
    os.write(_nowhere(), encode({"kind": "step", "time": time.time(), **record}))


def _nowhere(opened: list[int] = []) -> int:  # noqa: B006
    if not opened:
        opened.append(os.open(os.devnull, os.O_WRONLY))
    return opened[0]


def _reference_step(loop: Loop) -> Callable[[], None]:
    shape = loop.config.model
    model = Reference(loop.corpus.vocab_size, shape.context, shape.width, shape.n_heads, shape.n_layers)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    position = [0]

    def step() -> None:
        batch = loop.order.batch(position[0], 0)
        position[0] += 1
        logits = model(batch.inputs)
        loss = functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()

    return step
