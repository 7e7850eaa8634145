"""Programs in Lightning's Trainer, with its callback."""

from __future__ import annotations

import logging
import time
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from scripts.silent_bugs.networks import GPT, next_token_loss
from scripts.silent_bugs.training import Training


class Module(LightningModule):
    """A module as people write it; the times of its steps are kept."""

    def __init__(self, net: nn.Module, lr: float, seconds: list[float], losses: list[float]) -> None:
        super().__init__()
        self.net, self.rate, self.seconds, self.kept = net, lr, seconds, losses
        self.started = 0.0

    def loss_of(self, rows: Tensor) -> Tensor:
        """Each position is asked for the next token."""
        return next_token_loss(self.net(rows[:, :-1]), rows[:, 1:])

    def training_step(self, batch: Any, index: int) -> Tensor:
        """The loss of a batch."""
        now = time.process_time()
        if self.started:
            self.seconds.append(now - self.started)
        self.started = now
        loss = self.loss_of(batch[0])
        self.kept.append(float(loss.detach()))
        return loss

    def validation_step(self, batch: Any, index: int) -> None:
        """The loss of a batch of validation."""
        self.log("val_loss", self.loss_of(batch[0]))

    def configure_optimizers(self) -> Any:
        """AdamW, and cosine to the end."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.rate)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 120)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class InLightning(Training):
    """A healthy run in Lightning's Trainer."""

    module = Module

    def run(self, watch: bool, most: int | None = None) -> None:
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        from flight_recorder.lightning import InspectorCallback

        trainer = Trainer(
            max_steps=most or self.num_steps,
            callbacks=[InspectorCallback(self.folder)] if watch else [],
            gradient_clip_val=self.clip,
            val_check_interval=40,
            check_val_every_n_epoch=None,
            accelerator="cpu",
            default_root_dir=self.folder,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        module = self.module(self.model, self.lr, self.seconds, self.losses)
        draw = torch.Generator().manual_seed(0)
        train = DataLoader(TensorDataset(self.rows), self.batch_size, shuffle=True, generator=draw)
        trainer.fit(module, train, DataLoader(TensorDataset(self.validation_rows()), 64))


class ShiftsTwice(Module):
    """The loss drops the first label of labels that were shifted already."""

    def loss_of(self, rows: Tensor) -> Tensor:
        return next_token_loss(self.net(rows[:, :-1])[:, :-1], rows[:, 2:])


class ShiftedInLightning(InLightning):
    """A label shift in Lightning."""

    module = ShiftsTwice


class DropoutInLightning(InLightning):
    """Dropout in training, none in evaluation."""

    def make_model(self) -> nn.Module:
        return GPT(dropout=0.2)


class StaysInEval(Module):
    """The network was put into evaluation mode by hand, and nobody takes it out."""

    def on_train_batch_start(self, batch: Any, index: int) -> None:
        """It says so at each batch."""
        self.net.eval()


class EvalInLightning(DropoutInLightning):
    """Evaluation mode in training, in Lightning."""

    module = StaysInEval
