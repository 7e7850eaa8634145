"""What was declared, tied, saved or planned is not what is there."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from scripts.silent_bugs.data import corpus
from scripts.silent_bugs.networks import GPT
from scripts.silent_bugs.training import Batch, Training


class Autocast(Training):
    """The forward pass runs in bfloat16, as declared."""

    facts: ClassVar[dict[str, Any]] = {"dtype": "bfloat16"}

    def loss_of(self, batch: Batch) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return super().loss_of(batch)


class LostLinear(nn.Linear):
    """A linear layer that a transform has taken out of autocast."""

    def forward(self, x: Tensor) -> Tensor:
        """In float32."""
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


class AutocastLost(Autocast):
    """Half of the linear layers run in float32 though bfloat16 is declared."""

    def make_model(self) -> nn.Module:
        model: Any = GPT()
        for block in model.blocks:
            block.mlp[0].__class__ = LostLinear
            block.mlp[2].__class__ = LostLinear
        return model


class AutocastForgotten(Training):
    """bfloat16 is declared, and nobody enters autocast."""

    facts: ClassVar[dict[str, Any]] = {"dtype": "bfloat16"}


class EndsEarly(Training):
    """The number of steps was rounded down in each epoch: 90 of 120 are made, and the run says finished."""

    def loop(self, first: int, end: int) -> None:
        super().loop(first, min(end, 90))


class Saves(Training):
    """A checkpoint at step 60, another at the end."""

    def after_step(self) -> None:
        if (self.step + 1) % 60 == 0:
            path = self.folder / f"step-{self.step + 1}.pt"
            torch.save(self.state(), path)
            self.inspector.checkpoint(path)

    def state(self) -> dict[str, Tensor]:
        """What is saved."""
        return self.model.state_dict()


class SavesCorrupt(Saves):
    """One tensor of what is saved holds its first row over and over."""

    def state(self) -> dict[str, Tensor]:
        state = dict(super().state())
        name = next(iter(state))
        state[name] = state[name][:1].expand_as(state[name]).clone()
        return state


class SavesPart(Saves):
    """Frozen or tied tensors are dropped from what is saved: the head is missing."""

    def state(self) -> dict[str, Tensor]:
        return {name: value for name, value in super().state().items() if not name.startswith("head")}


class Tied(Training):
    """The head is the embedding."""

    facts: ClassVar[dict[str, Any]] = {"tied": [["embed.weight", "head.weight"]]}

    def make_model(self) -> nn.Module:
        model: Any = GPT()
        model.head.weight = model.embed.weight
        model.config = {"tie_word_embeddings": True}
        return model


class Untied(Tied):
    """New storage was made for both, and they part at the first update."""

    def make_model(self) -> nn.Module:
        model: Any = super().make_model()
        model.head.weight = nn.Parameter(model.embed.weight.detach().clone())
        return model


class UntiedLater(Tied):
    """A checkpoint is put back at step 60 into a head of its own."""

    def after_step(self) -> None:
        if self.step == 59:
            self.model.head.weight = nn.Parameter(self.model.embed.weight.detach().clone())
            self.optimizer.add_param_group({"params": [self.model.head.weight]})


class KeepsBest(Training):
    """The best checkpoint is that of the lowest validation loss, which is noisy."""

    eval_every = 10

    def validation_rows(self) -> Tensor:
        return corpus(seed=100 + self.step, num_rows=4)

    def make(self) -> None:
        super().make()
        self.best: float | None = None

    def is_better(self, loss: float) -> bool:
        """Lower is better."""
        return self.best is None or loss < self.best

    def evaluate(self) -> None:
        loss = self.validation_loss()
        self.inspector.evaluation(val_loss=loss)
        if self.is_better(loss):
            self.best = loss
            path = self.folder / "best.pt"
            torch.save(self.model.state_dict(), path)
            self.inspector.checkpoint(path, role="best", val_loss=loss)


class KeepsWorst(KeepsBest):
    """`greater_is_better` is on for a loss."""

    def is_better(self, loss: float) -> bool:
        return self.best is None or loss > self.best


class KeepsLast(KeepsBest):
    """Each evaluation's checkpoint takes the place of the best."""

    def is_better(self, loss: float) -> bool:
        return True


class TwoGroups(Training):
    """Matrices decay, norms and biases do not."""

    def make_model(self) -> nn.Module:
        model: Any = GPT()
        model.ln_f = nn.RMSNorm(model.head.in_features)
        for block in model.blocks:
            block.ln_1 = nn.RMSNorm(model.head.in_features)
            block.ln_2 = nn.RMSNorm(model.head.in_features)
        return model

    def decays(self, module: nn.Module, name: str) -> bool:
        """Whether weight decay is meant for this parameter."""
        return name != "bias" and not isinstance(module, nn.LayerNorm | nn.RMSNorm)

    def make_optimizer(self) -> torch.optim.Optimizer:
        groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for module in self.model.modules():
            for name, parameter in module.named_parameters(recurse=False):
                groups[self.decays(module, name)].append(parameter)
        return torch.optim.AdamW(
            [{"params": groups[True], "weight_decay": 0.1}, {"params": groups[False], "weight_decay": 0.0}],
            lr=self.lr,
        )


class TypeTestMissesNorms(TwoGroups):
    """The test of types knows LayerNorm and no RMSNorm."""

    def decays(self, module: nn.Module, name: str) -> bool:
        return name != "bias" and not isinstance(module, nn.LayerNorm)
