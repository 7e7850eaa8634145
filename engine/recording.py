"""What a run says about itself before its first step, and what stands in for instruments that are off."""

from __future__ import annotations

import uuid
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from engine.batches import BatchOrder
from engine.config import Config
from engine.corpus import Corpus
from engine.distributed import World
from engine.model import GPT
from engine.runlog.schema import FORMAT_VERSION
from engine.schedule import declared_schedule

Fields = dict[str, Any]


class NoInstruments:
    """Measures nothing, with the methods of `engine.inspector.Instruments`: the loop needs no branches."""

    def before_step(self, step: int) -> None:
        """No hook is armed."""

    def after_backward(self, step: int, *, grad_norm: Tensor, clip_factor: float | Tensor) -> None:
        """Nothing is looked at."""

    def after_update(self, step: int, *, optimizer: Optimizer) -> None:
        """Nothing is looked at."""

    def collect(self, step: int) -> Fields:
        """No field."""
        return {}

    def initial(self, *, tokens: Tensor, declared_std: dict[str, float]) -> Fields:
        """No field."""
        return {}

    def header(self) -> Fields:
        """No field."""
        return {}

    def state_dict(self) -> Fields:
        """Nothing to keep."""
        return {}

    def load_state_dict(self, state: Fields) -> None:
        """Nothing to restore."""

    def close(self) -> None:
        """No hook to remove."""


def header(
    config: Config,
    *,
    name: str,
    model: GPT,
    corpus: Corpus,
    order: BatchOrder,
    baseline: float,
    device: torch.device,
    world: World,
) -> Fields:
    """Every constant that a bound needs, so that a log can be judged without its config file."""
    training = config.training
    return {
        "kind": "header",
        "format": FORMAT_VERSION,
        "run_id": uuid.uuid4().hex,
        "name": name,
        "origin": "scratch",
        "seed": config.seed,
        "config": config.model_dump(mode="json"),
        "vocab_size": corpus.vocab_size,
        "num_parameters": model.num_parameters,
        "planned_steps": training.T,
        "schedule": declared_schedule(training).describe(),
        "grad_clip": training.grad_clip,
        "baseline_loss": baseline,
        "layers": model.layers,
        "residual_layers": model.residual_layers,
        "matrices": list(model.matrices),
        "classes": list(corpus.classes),
        "num_units": model.num_units,
        "num_heads": model.num_heads,
        "dtype": training.dtype,
        "device": describe_device(device),
        "world_size": world.size,
        "optimizer": {
            "name": "AdamW",
            "betas": list(training.betas),
            "eps": training.eps,
            "weight_decay": training.weight_decay,
        },
        "accumulation": training.accumulation,
        "tokens_per_step": order.blocks_per_step * config.model.context,
        "steps_per_epoch": order.steps_per_epoch,
        "eval_every": training.eval_every,
        "ckpt_every": training.ckpt_every,
        "dropout": config.model.dropout,
        "causal": config.model.causal,
        "fault": config.fault,
    }


def describe_device(device: torch.device) -> str:
    """`cpu`, `mps`, or `cuda` with the name of the card."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return device.type
