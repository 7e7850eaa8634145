"""Logs made by formula, with the shapes that matter: a long overfit run, and whatever a test asks for."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from flight_recorder.engine.runlog.codec import Record, encode
from flight_recorder.tui.follow.batch import Batch, Pulse
from flight_recorder.tui.run import Run

LAYERS = ["embed_out", "block_0_out", "block_1_out", "final_ln_out"]
MATRICES = [f"block_{block}.{name}" for block in (0, 1) for name in ("qkv", "attn_out", "up", "down")]
CONFIG: dict[str, Any] = {
    "seed": 1337,
    "training": {"batch_size": 32, "T": 8000, "warmup": 100, "lr_max": 3e-3, "lr_min": 3e-4,
                 "weight_decay": 0.1, "grad_clip": 1.0, "betas": [0.9, 0.95], "eps": 1e-8,
                 "eval_every": 50, "ckpt_every": 500},
    "model": {"layers": 2, "heads": 4, "width": 64, "dropout": 0.0},
}  # fmt: skip


def header(**changes: Any) -> Record:
    """The first record of a run like the overfit lab's."""
    return {
        "kind": "header", "format": "1.0", "run_id": "a1b2c3", "name": "19-overfit", "origin": "scratch",
        "seed": 1337, "config": CONFIG, "vocab_size": 512, "num_parameters": 101888, "planned_steps": 8000,
        "schedule": {"family": "cosine", "warmup": 100, "lr_max": 3e-3, "lr_min": 3e-4, "total_steps": 8000},
        "grad_clip": 1.0, "baseline_loss": 2.58, "layers": LAYERS, "residual_layers": LAYERS[:3],
        "matrices": MATRICES, "classes": ["regular", "irregular"], "num_units": 512, "num_heads": 8,
        "dtype": "float32", "device": "cpu", "world_size": 1, "eval_every": 50, "ckpt_every": 500,
        "tokens_per_step": 300, "steps_per_epoch": 125, "time": 1_700_000_000.0, "dropout": 0.0,
        "optimizer": {"name": "AdamW", "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1},
    } | changes  # fmt: skip


def learning_rate(step: int, total: int = 8000) -> float:
    """Warm-up over 100 steps, then cosine from 3e-3 to 3e-4."""
    if step < 100:
        return 3e-3 * (step + 1) / 100
    share = min(1.0, (step - 100) / (total - 100))
    return 3e-4 + 0.5 * (3e-3 - 3e-4) * (1 + math.cos(math.pi * share))


def val_loss(step: int, best_at: int = 600) -> float:
    """Falls to 1.89 at `best_at`, then rises with the logarithm of the step."""
    if step <= best_at:
        return 1.89 + 4.36 * math.exp(-6 * step / best_at) * (1 - (step / best_at) ** 4)
    return 1.89 + 0.78 * math.log(step / best_at)


def train_loss(step: int) -> float:
    """Falls all the way."""
    return 0.45 + 5.8 * math.exp(-step / 140) * 0.8 + 1.35 * math.exp(-step / 1900)


def overfit_records(num_steps: int = 8000, seed: int = 0, **changes: Any) -> Iterable[Record]:
    """A run that overfits from step 600 on, with all seven panels measured at the default cadence."""
    random = np.random.default_rng(seed)
    yield header(**changes)
    best = math.inf
    for step in range(num_steps):
        time = 1_700_000_000.0 + 0.018 * step
        if step % 50 == 0:
            yield from _evaluation(step, time)
            if val_loss(step) < best:
                best = val_loss(step)
                yield _checkpoint(step, "best", best, time)
        if step and step % 500 == 0:
            yield _checkpoint(step, "periodic", val_loss(step), time)
        yield _step(step, time, random)
    yield from _evaluation(num_steps, 1_700_000_000.0 + 0.018 * num_steps)
    yield {
        "kind": "exit",
        "step": num_steps,
        "reason": "finished",
        "time": 1_700_000_000.0 + 0.018 * num_steps,
    }


def _step(step: int, time: float, random: np.random.Generator) -> Record:
    loss = train_loss(step) * math.exp(0.06 * random.standard_normal())
    norm = (0.6 + 2.2 * math.exp(-step / 60) + step / 8000) * math.exp(0.25 * random.standard_normal())
    record: Record = {"kind": "step", "step": step, "time": time, "loss": loss, "lr": learning_rate(step),
                      "grad_norm": norm, "step_s": 0.0175}  # fmt: skip
    if step % 10 == 0:
        grown = math.log1p(step / 300)
        record["activation"] = [
            0.016 + 0.2 * grown,
            0.02 + 0.55 * grown,
            0.03 + 0.8 * grown,
            0.8 + 0.25 * grown,
        ]
        record["spectral_norm"] = [0.3 + (0.3 + 0.1 * item) * grown for item in range(len(MATRICES))]
        record["dead_units"], record["dead_heads"] = 0, 0
    return record


def _evaluation(step: int, time: float) -> Iterable[Record]:
    val = val_loss(step)
    yield {"kind": "evaluation", "step": step, "time": time, "val_loss": val, "train_loss": train_loss(step),
           "class_loss": [val * 0.96, val * 1.05], "class_verb_loss": [val * 0.5, val * 0.7]}  # fmt: skip


def _checkpoint(step: int, role: str, val: float, time: float) -> Record:
    return {"kind": "checkpoint", "step": step, "role": role, "val_loss": val, "time": time,
            "path": f"checkpoints/{'best' if role == 'best' else step}.pt"}  # fmt: skip


def write_log(path: Path, records: Iterable[Record]) -> Path:
    """The log file of these records."""
    path.write_bytes(b"".join(encode(record) for record in records))
    return path


def run_of(records: Iterable[Record], path: str = "inspector.log.jsonl", format: str = "runlog") -> Run:
    """A run that has taken in these records."""
    run = Run(path)
    run.extend(Batch(tuple(records), (), 0, 0, Pulse.FINISHED, format))
    return run
