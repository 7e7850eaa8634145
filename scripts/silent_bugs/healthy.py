"""Sixty healthy loops: each kind of network, trained plainly and in the ways that people train."""

from __future__ import annotations

import shutil
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from scripts.silent_bugs.architectures import ARCHITECTURES
from scripts.silent_bugs.bugs.updates import LoraLinear
from scripts.silent_bugs.case import Case
from scripts.silent_bugs.networks import parameters_of
from scripts.silent_bugs.training import Batch, Training


class Accumulated(Training):
    """Four micro-batches make a step."""

    batch_size, micro_batches = 8, 4


class Bf16(Training):
    """The forward pass runs in bfloat16."""

    facts: ClassVar[dict[str, Any]] = {"dtype": "bfloat16"}

    def loss_of(self, batch: Batch) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return super().loss_of(batch)


class Traced(Training):
    """The model is traced and differentiated by torch.compile, whose graphs run as they are."""

    limit_s = 240.0
    backend: ClassVar[str] = "aot_eager"

    def make_model(self) -> nn.Module:
        return torch.compile(super().make_model(), backend=self.backend)  # type: ignore[return-value]


class Compiled(Traced):
    """The same, and the graphs are compiled to C++."""

    backend = "inductor"


class Replicated(Training):
    """Two ranks, each with rows of its own."""

    ranks, batch_size = 2, 8

    def make_model(self) -> nn.Module:
        return DistributedDataParallel(super().make_model())


class WithDropout(Training):
    """A fifth of the units is dropped."""

    dropout = 0.2


class WithLora(Training):
    """All is frozen but low-rank updates of the feed-forward layers, and the head."""

    def make_model(self) -> nn.Module:
        model: Any = super().make_model()
        model.requires_grad_(False)
        for block in model.blocks:
            block.mlp[0] = LoraLinear(block.mlp[0])
        model.head.requires_grad_(True)
        return model

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters_of(self.model), lr=self.lr)


_KINDS: dict[str, type[Training] | None] = {
    "plain": None,
    "accumulation": Accumulated,
    "bf16": Bf16,
    "compile": Traced,
    "ddp": Replicated,
    "dropout": WithDropout,
    "lora": WithLora,
}
NUM_STEPS = 80

LORA = ("gpt", "bert", "vit")
"""Networks that are fine-tuned rather than regularised."""

TO_C = ("gpt", "mlp")
"""Networks that are compiled to the end: it takes minutes, and the Inspector sees no difference."""


def healthy_cases() -> list[Case]:
    """Every network in every way."""
    return [
        _case(network, variant)
        for network in ARCHITECTURES
        for variant in (
            "plain",
            "accumulation",
            "bf16",
            "compile",
            "ddp",
            "lora" if network in LORA else "dropout",
        )
    ]


def _case(network: str, variant: str) -> Case:
    kind = _KINDS[variant]
    if variant == "compile" and network in TO_C:
        kind = Compiled
    base = ARCHITECTURES[network]
    bases = (base,) if kind is None else (kind, base)
    program = type(f"{network}_{variant}", bases, {"num_steps": NUM_STEPS, "eval_every": NUM_STEPS // 4})
    missing = kind is Compiled and not any(map(shutil.which, ("g++", "clang++")))
    return Case(
        id=f"H-{network}-{variant}",
        mechanism=f"{(base.__doc__ or '').strip()} {(kind.__doc__ or '').strip() if kind else ''}".strip(),
        program=program,
        left_out="no C++ compiler on this machine" if missing else "",
    )
