"""What the Inspector costs in loops and models that are not ours, at its default cadence.

Each model is trained twice in one process, bare and with the three lines, in turns of a few steps, in CPU
time: whatever else the machine does hits both alike. The log is written to a real file. The median of the
turns leaves out the first steps, where everything is measured, and a measurement that is due once in five
hundred steps; so all steps together are counted as well, and the larger of the two is what is judged.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional

from flight_recorder.engine.inspector.inspector import Inspector
from scripts.benchmarks.table import Figure

REACH = 0.05
SCALE = float(os.environ.get("BENCH_SCALE", "1"))
"""Below 1 for a look at the script itself; figures are taken at 1."""

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Loop:
    """Somebody's model and data. `num_turns` turns of `num_steps` steps each are taken of it."""

    what: str
    make: Callable[[], nn.Module]
    batch: Callable[[], Batch]
    loss: Callable[[nn.Module, Batch], Tensor]
    num_turns: int
    num_steps: int


@dataclass
class Training:
    """One run of a loop: as it is, or with a log."""

    loop: Loop
    log: Path | None = None
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        self.model = self.loop.make()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        self.batches = [self.loop.batch() for _ in range(8)]
        self.num_steps = 0
        self.inspector: Inspector | None = None

    def take(self) -> None:
        """One turn. What the first one needs besides the steps, an open log, is in it."""
        started = time.process_time()
        if self.log is not None and self.inspector is None:
            self.inspector = Inspector(self.model, self.optimizer, log=self.log, grad_clip=1.0)
        for _ in range(self.loop.num_steps):
            self._step()
        self.seconds.append(time.process_time() - started)

    def _step(self) -> None:
        loss = self.loop.loss(self.model, self.batches[self.num_steps % len(self.batches)])
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.num_steps += 1
        if self.inspector is not None:
            self.inspector.step(loss=loss, grad_norm=norm)


def measure() -> list[Figure]:
    """One row a model."""
    torch.set_num_threads(1)
    rows = [_overhead(loop) for loop in (CONVOLUTIONS, PERCEPTRON, TOY)]
    if find_spec("transformers") is None:
        hint = "not measured: pip install 'training-flight-recorder[huggingface]'"
        return [*rows, Figure(_title(GPT2), hint, "", "within 5 %")]
    return [*rows, _overhead(GPT2)]


def _overhead(loop: Loop) -> Figure:
    with tempfile.TemporaryDirectory() as folder:
        bare, inspected = Training(loop), Training(loop, Path(folder))
        for _ in range(max(3, round(SCALE * loop.num_turns))):
            bare.take()
            inspected.take()
        if inspected.inspector is not None:
            inspected.inspector.close()
    by_turn = median(b / a for a, b in zip(bare.seconds, inspected.seconds, strict=True)) - 1
    in_all = sum(inspected.seconds) / sum(bare.seconds) - 1
    without = median(bare.seconds) / loop.num_steps
    return Figure(
        _title(loop),
        f"{100 * by_turn:+.1f} % in the median of {len(bare.seconds)} turns, {100 * in_all:+.1f} % of all "
        f"{bare.num_steps} steps, {1e6 * by_turn * without:.0f} us a step",
        f"step without it {1000 * without:.2f} ms",
        "within 5 %",
        max(by_turn, in_all) < REACH,
    )


def _title(loop: Loop) -> str:
    return f"Inspector at its default cadence, {loop.what}"


def _convolutions() -> nn.Module:
    """Three stages of a convolution with a BatchNorm."""
    parts: list[nn.Module] = []
    for channels, wide in ((3, 32), (32, 64), (64, 128)):
        parts += [nn.Conv2d(channels, wide, 3, padding=1), nn.BatchNorm2d(wide), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(128 * 4 * 4, 10))


def _perceptron(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
    )


def _gpt2() -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=512, n_positions=64, n_embd=128, n_layer=4, n_head=4, bos_token_id=0, eos_token_id=0
        )
    )


def _examples(shape: tuple[int, ...]) -> Batch:
    return torch.randn(shape), torch.randint(10, shape[:1])


def _tokens() -> Batch:
    tokens = torch.randint(512, (8, 64))
    return tokens, tokens


def _classified(model: nn.Module, batch: Batch) -> Tensor:
    return functional.cross_entropy(model(batch[0]), batch[1])


def _continued(model: nn.Module, batch: Batch) -> Tensor:
    loss: Tensor = model(input_ids=batch[0], labels=batch[1]).loss
    return loss


CONVOLUTIONS = Loop(
    "a CNN with BatchNorm, 32 images of 32 x 32",
    _convolutions, partial(_examples, (32, 3, 32, 32)), _classified, 25, 20,
)  # fmt: skip
PERCEPTRON = Loop(
    "an MLP of width 1024, batch 256", partial(_perceptron, 1024), partial(_examples, (256, 1024)),
    _classified, 25, 20,
)  # fmt: skip
TOY = Loop(
    "an MLP of width 64, batch 32: a step of a millisecond pays for its record",
    partial(_perceptron, 64), partial(_examples, (32, 64)), _classified, 25, 100,
)  # fmt: skip
GPT2 = Loop("GPT-2 of transformers, 4 layers, width 128, 8 x 64 tokens", _gpt2, _tokens, _continued, 25, 20)
