"""The header of the log: every constant that a bound needs, so that a log can be judged by itself."""

from __future__ import annotations

import uuid
from typing import Any

import torch

from flight_recorder.engine.model.schedule import declared_schedule
from flight_recorder.engine.run.build import Loop
from flight_recorder.engine.runlog.schema import FORMAT_VERSION


def header(loop: Loop, *, name: str, baseline: float, run_id: str | None = None) -> dict[str, Any]:
    """The header record of a run; its schedule applies from the loop's step on.

    A resumed run that was given more steps writes a second header with its own `run_id`.
    """
    return {
        "kind": "header",
        "format": FORMAT_VERSION,
        "run_id": run_id or uuid.uuid4().hex,
        "name": name,
        "origin": "scratch",
        "seed": loop.config.seed,
        "config": loop.config.model_dump(mode="json"),
        "baseline_loss": baseline,
        "fault": loop.config.fault,
        "device": describe_device(loop.device),
        "world_size": loop.world.size,
        **_data_facts(loop),
        **_model_facts(loop),
        **_training_facts(loop),
        **loop.instruments.header(),
    }


def _data_facts(loop: Loop) -> dict[str, Any]:
    return {
        "vocab_size": loop.corpus.vocab_size,
        "classes": list(loop.corpus.classes) or None,
        "tokens_per_step": loop.order.blocks_per_step * loop.config.model.context,
        "steps_per_epoch": loop.order.steps_per_epoch,
    }


def _model_facts(loop: Loop) -> dict[str, Any]:
    model = loop.model
    return {
        "num_parameters": model.num_parameters,
        "layers": model.layers,
        "residual_layers": model.residual_layers,
        "matrices": list(model.matrices),
        "num_units": model.num_units,
        "num_heads": model.num_heads,
        "dropout": loop.config.model.dropout,
        "causal": loop.config.model.causal,
    }


def _training_facts(loop: Loop) -> dict[str, Any]:
    training = loop.config.training
    return {
        "planned_steps": training.T,
        "schedule": declared_schedule(training).describe() | {"from_step": loop.step},
        "grad_clip": training.grad_clip,
        "dtype": training.dtype,
        "optimizer": {
            "name": "AdamW",
            "betas": list(training.betas),
            "eps": training.eps,
            "weight_decay": training.weight_decay,
        },
        "accumulation": training.accumulation,
        "eval_every": training.eval_every,
        "ckpt_every": training.ckpt_every,
    }


def describe_device(device: torch.device) -> str:
    """`cpu`, `mps`, or `cuda` with the name of the card."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return device.type
