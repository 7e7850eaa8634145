"""Dropout where it should not be, or not where it should."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from scripts.silent_bugs.networks import GPT
from scripts.silent_bugs.training import Training


class Dropout(Training):
    """Dropout in training, none in evaluation."""

    def make_model(self) -> nn.Module:
        return GPT(dropout=0.2)


class FunctionalDropout(nn.Module):
    """Forgets to ask whether the model is training."""

    p = 0.2

    def forward(self, x: Tensor) -> Tensor:
        """[...] to the same."""
        return F.dropout(x, self.p)


class DropoutInEval(Training):
    """The attention's dropout is a function that is not told the mode: evaluation is noisy."""

    def make_model(self) -> nn.Module:
        model: Any = GPT()
        for block in model.blocks:
            block.dropout = FunctionalDropout()
        return model


class ForgotEval(Dropout):
    """The evaluation is made in training mode."""

    def evaluate(self) -> None:
        model, kept = self.model, self.model.eval
        model.eval = model.train
        super().evaluate()
        model.eval = kept


class ForgotTrain(Dropout):
    """After the first evaluation the model stays in evaluation mode: dropout is off for the rest."""

    def evaluate(self) -> None:
        super().evaluate()
        self.model.eval()


class TrainsInEval(Dropout):
    """`eval()` was called while loading, and `train()` never."""

    eval_every = 0

    def run(self, watch: bool, most: int | None = None) -> None:
        self.model.eval()
        super().run(watch, most)


class NormNet(nn.Module):
    """Token embeddings through a layer with batch statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.net = GPT()
        self.bn = nn.BatchNorm1d(self.net.head.in_features)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits."""
        hidden = self.net.hidden(tokens)
        return self.net.head(self.bn(hidden.flatten(0, 1)).view_as(hidden))


class Normed(Training):
    """BatchNorm in the mode that is meant."""

    def make_model(self) -> nn.Module:
        return NormNet()


class SpectralAtFirstForward(Training):
    """spectral_norm computes its weight at the first training pass: an evaluation before sees raw weights."""

    def make_model(self) -> nn.Module:
        model: Any = GPT()
        model.blocks[0].mlp[0] = nn.utils.spectral_norm(model.blocks[0].mlp[0])  # the old one, as reported
        return model

    def make(self) -> None:
        super().make()
        self.evaluates_first = True

    def run(self, watch: bool, most: int | None = None) -> None:
        self.model.eval()
        super().run(watch, most)

    def train_step(self) -> None:
        if self.step == 0 and self.evaluates_first:
            self.evaluate()
        super().train_step()


class SpectralWarm(SpectralAtFirstForward):
    """One training pass is made before anything is measured."""

    def run(self, watch: bool, most: int | None = None) -> None:
        self.model.train()
        self.model(self.rows[:16, :-1])
        Training.run(self, watch, most)
