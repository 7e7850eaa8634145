"""The healthy loop, in parts that a bug can replace: what is broken is what a class overrides."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from scripts.silent_bugs.data import EOS, NUM_ROWS, PAD, V, corpus, epochs
from scripts.silent_bugs.networks import GPT, next_token_loss

Batch = tuple[Tensor, Tensor]
"""Inputs and labels."""


class NoInspector:
    """What stands in the loop where nobody looks."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


class Training:
    """A tiny GPT that learns a Markov chain: AdamW, warm-up and cosine, clipping, an evaluation now and then.

    `run` is the loop with the Inspector in three lines; everything else is a part of it, to be replaced.
    """

    num_steps: ClassVar[int] = 120
    batch_size: ClassVar[int] = 16
    micro_batches: ClassVar[int] = 1
    lr: ClassVar[float] = 3e-3
    warmup: ClassVar[int] = 20
    clip: ClassVar[float] = 1.0
    eval_every: ClassVar[int] = 40
    dropout: ClassVar[float] = 0.0
    vocab: ClassVar[int] = V
    """0 where nothing is predicted from a vocabulary."""
    ranks: ClassVar[int] = 1
    limit_s: ClassVar[float] = 90.0
    cut_s: ClassVar[float | None] = None
    """Seconds after which a program that hangs on purpose is killed."""
    facts: ClassVar[dict[str, Any]] = {}
    """What the user tells the Inspector beside the README's arguments."""

    def __init__(self, folder: Path, rank: int = 0) -> None:
        self.folder, self.rank = folder, rank
        self.losses: list[float] = []
        self.seconds: list[float] = []
        self.step = 0
        torch.manual_seed(0)
        self.make()

    # What is trained, on what

    def make(self) -> None:
        """Model, optimizer and data."""
        self.model: Any = self.make_model()
        self.optimizer: torch.optim.Optimizer = self.make_optimizer()
        self.rows = self.make_rows()
        self.order = self.make_order()

    def make_model(self) -> nn.Module:
        """The model, and whatever wraps it."""
        return GPT(dropout=self.dropout)

    def make_optimizer(self) -> torch.optim.Optimizer:
        """As most write it."""
        return torch.optim.AdamW(self.model.parameters(), lr=self.lr)

    def make_rows(self) -> Tensor:
        """The training set, [rows, time]."""
        return corpus()

    def make_order(self) -> Sequence[Tensor]:
        """Numbers of the rows of each micro-batch."""
        return epochs(NUM_ROWS, self.batch_size, self.num_steps * self.micro_batches, seed=self.rank)

    # A step

    def rate(self, step: int) -> float:
        """Warm-up and cosine to a tenth."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.num_steps - self.warmup)
        return self.lr * (0.55 + 0.45 * math.cos(math.pi * progress))

    def batch(self, number: int) -> Batch:
        """Inputs and labels of a micro-batch, by its number since the start."""
        return self.labelled(self.rows[self.order[number]])

    def labelled(self, rows: Tensor) -> Batch:
        """Inputs and labels of rows: each position is asked for the token behind it."""
        return rows[:, :-1], rows[:, 1:]

    def loss_of(self, batch: Batch) -> Tensor:
        """The loss of a micro-batch."""
        return next_token_loss(self.model(batch[0]), batch[1])

    def backward(self, loss: Tensor) -> None:
        """Gradients of a micro-batch are added up."""
        (loss / self.micro_batches).backward()

    def gradient_norm(self) -> float | Tensor | None:
        """The norm before clipping; gradients are clipped."""
        return torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)

    def update(self) -> None:
        """The optimizer steps."""
        self.optimizer.step()
        self.optimizer.zero_grad()

    def train_step(self) -> None:
        """All micro-batches of a step, and its update."""
        losses = []
        self.set_rate()
        for part in range(self.micro_batches):
            batch = self.batch(self.step * self.micro_batches + part)
            loss = self.loss_of(batch)
            losses.append(loss.detach())
            self.backward(loss)
        norm = self.gradient_norm()
        self.update()
        mean = self.reported(torch.stack(losses).mean())
        self.tell(mean, norm, batch)
        self.losses.append(float(mean))

    def reported(self, loss: Tensor) -> Tensor:
        """The loss that the loop logs."""
        return loss

    def set_rate(self) -> None:
        """Every group at the schedule's rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(self.step)

    def tell(self, loss: Tensor, norm: float | Tensor | None, batch: Batch) -> None:
        """The second line of the README."""
        self.inspector.step(loss=loss, grad_norm=norm, batch=batch[0])

    # Around the steps

    def after_step(self) -> None:
        """What loops do now and then: nothing here."""

    def evaluate(self) -> None:
        """Validation loss over rows that are never trained on."""
        self.inspector.evaluation(val_loss=self.validation_loss())

    def validation_loss(self) -> float:
        """In evaluation mode, and back."""
        self.model.eval()
        with torch.no_grad():
            loss = self.loss_of(self.validation_batch())
        self.model.train()
        return float(loss)

    def validation_batch(self) -> Batch:
        """Labelled as in training."""
        return self.labelled(self.validation_rows())

    def validation_rows(self) -> Tensor:
        """Rows of the validation set, [rows, time]."""
        return corpus(seed=100, num_rows=64)

    def told(self) -> dict[str, Any]:
        """Arguments of the Inspector."""
        given: dict[str, Any] = {"planned_steps": self.num_steps, "grad_clip": self.clip}
        if self.micro_batches > 1:
            given["accumulation"] = self.micro_batches
        if self.vocab:
            given |= {"vocab_size": self.vocab, "pad_id": PAD, "eos_id": EOS}
        return given | self.facts

    def watched(self) -> nn.Module:
        """The model that the Inspector is given."""
        return self.model

    def run(self, watch: bool, most: int | None = None) -> None:
        """All of it, or its first steps."""
        self.inspector: Any = self.attach() if watch else NoInspector()
        self.loop(0, most or self.num_steps)
        self.inspector.close()

    def loop(self, first: int, end: int) -> None:
        """Steps from `first` on, with what lies between them."""
        for step in range(first, end):
            started = time.process_time()
            self.step = step
            self.train_step()
            self.seconds.append(time.process_time() - started)
            self.after_step()
            if self.eval_every and (step + 1) % self.eval_every == 0:
                self.evaluate()

    def attach(self) -> Any:
        """The first line of the README, with those of the optional arguments that this Inspector has."""
        from flight_recorder import Inspector

        return Inspector(self.watched(), self.optimizer, log=self.folder, **known(self.told()))


def known(told: dict[str, Any]) -> dict[str, Any]:
    """Without what the Inspector has no name for."""
    from flight_recorder import Inspector
    from flight_recorder.engine.runlog.schema import HEADER

    names = {*HEADER, *inspect.signature(Inspector).parameters}
    return {name: value for name, value in told.items() if name in names}
