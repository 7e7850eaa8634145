"""The gradient is right, and the weights do not follow it."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from scripts.silent_bugs.networks import GPT, WIDTH, parameters_of
from scripts.silent_bugs.training import Batch, Training


class Stuck(torch.optim.AdamW):
    """AdamW whose step is called and does nothing, where `works` says so of its call."""

    calls = 0

    def works(self, call: int) -> bool:
        """For ever nothing, once the guard was lost."""
        return call < 75

    def step(self, closure: Any = None) -> Any:
        self.calls += 1
        step: Any = torch.optim.AdamW.step
        plain = step.__wrapped__ if getattr(step, "hooked", False) else step  # its hooks run around this one
        return plain(self, closure) if self.works(self.calls - 1) else None


class StuckOptimizer(Training):
    """AdamW that stands still from step 75 on."""

    def make_optimizer(self) -> torch.optim.Optimizer:
        return Stuck(self.model.parameters(), lr=self.lr)


class EverySecond(Stuck):
    """Every second step does nothing."""

    def works(self, call: int) -> bool:
        return call % 2 == 0


class EverySecondLost(Training):
    """Every second update is missing."""

    def make_optimizer(self) -> torch.optim.Optimizer:
        return EverySecond(self.model.parameters(), lr=self.lr)


class PureBf16(Training):
    """Parameters in bfloat16 at a rate at which updates are below half an ulp."""

    lr = 1e-5
    warmup = 1

    def make_model(self) -> nn.Module:
        model: Any = GPT().to(torch.bfloat16)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(parameter.sign() * parameter.abs().clamp_min(0.02))
        return model


class PureBf16FirstHalf(PureBf16):
    """At a higher rate: only the norms' scales around 1 cannot take so small an update."""

    lr = 1e-3
    warmup = 20


class SameInFloat32(PureBf16):
    """The same weights in float32 take every update."""

    def make_model(self) -> nn.Module:
        return super().make_model().float()


class DecayRoundedAway(PureBf16):
    """Decay is multiplied into bfloat16 weights by a factor that rounds to 1."""

    lr = 1e-4
    warmup = 1


class AverageWrittenBack(Training):
    """The moving average was never updated, and every checkpoint writes it into the live weights."""

    every = 50

    def make(self) -> None:
        super().make()
        self.average = copy.deepcopy(self.model.state_dict())

    def after_step(self) -> None:
        if (self.step + 1) % self.every == 0:
            self.keep_average()
            torch.save(self.average, self.folder / "average.pt")
            self.inspector.checkpoint(self.folder / "average.pt")

    def keep_average(self) -> None:
        """It goes the wrong way round."""
        self.model.load_state_dict(self.average)


class AverageKept(AverageWrittenBack):
    """The average follows the weights."""

    def keep_average(self) -> None:
        self.average = copy.deepcopy(self.model.state_dict())


class AverageLeftIn(Training):
    """An evaluation swaps the averaged weights in and forgets to swap the live ones back."""

    def make(self) -> None:
        super().make()
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}

    def after_step(self) -> None:
        for name, value in self.model.state_dict().items():
            self.average[name].lerp_(value, 0.1)

    def evaluate(self) -> None:
        live = copy.deepcopy(self.model.state_dict())
        self.model.load_state_dict(self.average)
        super().evaluate()
        self.restore(live)

    def restore(self, live: dict[str, Tensor]) -> None:
        """Forgotten."""


class AverageSwappedBack(AverageLeftIn):
    """The live weights come back."""

    def restore(self, live: dict[str, Tensor]) -> None:
        self.model.load_state_dict(live)


class StateLost(Training):
    """In the middle of the run the optimizer's moments are gone, the counter too."""

    at = 60

    def after_step(self) -> None:
        if self.step + 1 == self.at:
            self.optimizer.state.clear()


class SecondGroupAtZero(Training):
    """The rate of the second parameter group is set by nobody."""

    second = 0.0

    def make_optimizer(self) -> torch.optim.Optimizer:
        head: list[nn.Parameter] = list(self.model.head.parameters())
        rest = [p for p in self.model.parameters() if all(p is not other for other in head)]
        groups: list[dict[str, Any]] = [{"params": rest}, {"params": head, "lr": self.second}]
        return torch.optim.AdamW(groups, lr=self.lr)

    def set_rate(self) -> None:
        super().set_rate()
        self.optimizer.param_groups[1]["lr"] *= self.second


class SecondGroupHalf(SecondGroupAtZero):
    """The second group has half the rate."""

    second = 0.5


class HeadNotInOptimizer(Training):
    """A new head is put on after the optimizer was made."""

    def make_optimizer(self) -> torch.optim.Optimizer:
        optimizer = super().make_optimizer()
        self.model.head = nn.Linear(WIDTH, self.model.head.out_features, bias=False)
        nn.init.normal_(self.model.head.weight, std=0.02)
        return optimizer

    def update(self) -> None:
        super().update()
        self.model.zero_grad()


class OptimizerOfOthers(Training):
    """The model was wrapped after the optimizer was made, which made new tensors of all parameters."""

    def make_optimizer(self) -> torch.optim.Optimizer:
        optimizer = super().make_optimizer()
        self.model = copy.deepcopy(self.model)
        return optimizer

    def update(self) -> None:
        super().update()
        self.model.zero_grad()


class OnlyNorms(Training):
    """A test of names freezes everything but the norms."""

    def make_model(self) -> nn.Module:
        model: Any = GPT()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("ln_" in name)
        return model


class FrozenStage(Training):
    """The first block is declared frozen, and is."""

    facts: ClassVar[dict[str, Any]] = {"frozen": ["blocks.0.*"]}

    def make_model(self) -> nn.Module:
        model: Any = GPT()
        model.blocks[0].requires_grad_(False)
        return model

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters_of(self.model), lr=self.lr)


class NeverFrozen(Training):
    """The first block is declared frozen, which would take effect in `train()`, which is called too late."""

    facts: ClassVar[dict[str, Any]] = {"frozen": ["blocks.0.*"]}
    eval_every = 0


class Lora(Training):
    """The first linear layer of each block learns through two small matrices, all else is frozen."""

    def make_model(self) -> nn.Module:
        model: Any = GPT()
        model.requires_grad_(False)
        for block in model.blocks:
            block.mlp[0] = LoraLinear(block.mlp[0])
        model.head.requires_grad_(True)
        return model

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters_of(self.model), lr=self.lr)


class LoraLinear(nn.Module):
    """A frozen linear layer and its low-rank update."""

    def __init__(self, base: nn.Module, rank: int = 8) -> None:
        super().__init__()
        self.base = base
        weight: Tensor = base.weight  # type: ignore[assignment]
        self.lora_a = nn.Parameter(torch.randn(rank, weight.shape[1]) * 0.05)
        self.lora_b = nn.Parameter(torch.zeros(weight.shape[0], rank))

    def forward(self, x: Tensor) -> Tensor:
        """As the base, and the update."""
        return self.base(x) + x @ self.lora_a.T @ self.lora_b.T


class LoraWithoutGradient(Lora):
    """Blocks are checkpointed in the reentrant way over inputs that need no gradient: adapters get none."""

    def loss_of(self, batch: Batch) -> Tensor:
        x = self.model.embed(batch[0]) + self.model.position.weight[: batch[0].shape[1]]
        for block in self.model.blocks:
            if self.model.training:
                with torch.no_grad():  # what a reentrant checkpoint does where no input needs a gradient
                    x = block(x)
            else:
                x = block(x)
        logits = self.model.head(self.model.ln_f(x))
        return nn.functional.cross_entropy(logits.flatten(0, 1), batch[1].flatten())


class HeadFrozenToo(Lora):
    """The head was to be trained with the adapters and is frozen; of the adapters one of two is active."""

    facts: ClassVar[dict[str, Any]] = {"trainable": ["head.*", "*.lora_*"]}

    def make_model(self) -> nn.Module:
        model: Any = super().make_model()
        model.head.requires_grad_(False)
        model.blocks[0].mlp[0].requires_grad_(False)
        return model
