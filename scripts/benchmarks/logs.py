"""Logs to measure with: runs of any length by formula, 20 scalars a step, kept between benchmarks."""

from __future__ import annotations

import math
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from flight_recorder.engine.runlog.codec import Record, encode

EVAL_EVERY = 1000
BASE_TIME = 1_700_000_000.0
LAYERS = ["embed_out", "block_0_out", "block_1_out", "final_ln_out"]
MATRICES = ["block_0.qkv", "block_0.proj", "block_1.qkv", "block_1.proj"]
CLASSES = ["regular", "irregular"]
PATTERN_STEPS = 1000
"""Noise repeats after this many steps, so that a million of them are made in seconds."""


def folder() -> Path:
    """Where the logs are kept; TUI_BENCH_LOGS names another place."""
    path = Path(os.environ.get("TUI_BENCH_LOGS") or Path(tempfile.gettempdir()) / f"tui-bench-{os.getuid()}")
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def log_of(num_steps: int) -> Path:
    """The finished log of a healthy run of so many steps; made once."""
    path = folder() / f"{num_steps}" / "inspector.log.jsonl"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_suffix(".part")
        with temporary.open("wb") as file:
            for lines in blocks(num_steps):
                file.write(lines)
        temporary.replace(path)
    return path


def blocks(num_steps: int) -> Iterator[bytes]:
    """The lines of such a log in pieces of up to `PATTERN_STEPS` steps."""
    yield encode(header(num_steps))
    noise = _noise()
    for start in range(0, num_steps, PATTERN_STEPS):
        steps = range(start, min(start + PATTERN_STEPS, num_steps))
        yield b"".join(step_line(step, num_steps, noise) for step in steps)
        yield encode(_evaluation(steps[-1] + 1, num_steps))
    yield encode(
        {"kind": "exit", "time": BASE_TIME + num_steps * 0.1, "step": num_steps, "reason": "finished"}
    )


def header(num_steps: int) -> Record:
    """Facts of the run, among them everything that the bounds of the tree are made of."""
    warmup = max(1, num_steps // 20)
    return {
        "kind": "header",
        "time": BASE_TIME,
        "format": "1.0",
        "run_id": f"bench-{num_steps}",
        "name": f"bench-{num_steps}",
        "origin": "scratch",
        "vocab_size": 512,
        "planned_steps": num_steps,
        "grad_clip": 1.0,
        "layers": LAYERS,
        "residual_layers": LAYERS[:3],
        "matrices": MATRICES,
        "classes": CLASSES,
        "num_units": 512,
        "num_heads": 8,
        "baseline_loss": 2.0,
        "eval_every": EVAL_EVERY,
        "schedule": {
            "family": "cosine",
            "warmup": warmup,
            "lr_max": 3e-3,
            "lr_min": 3e-4,
            "total_steps": num_steps,
        },
    }


def step_line(step: int, num_steps: int, noise: list[tuple[float, str]]) -> bytes:
    """A step record with 20 numbers besides step and time: about 370 bytes, written without a dictionary."""
    return (
        f'{{"kind":"step","time":{BASE_TIME + step * 0.1:.1f},"step":{step},"lr":{_lr(step, num_steps):.10g},'
        f'"batch":{step},"loss":{_loss(step) + 0.02 * noise[step % PATTERN_STEPS][0]:.10f}'
        f"{noise[step % PATTERN_STEPS][1]}}}\n"
    ).encode()


def _loss(step: int) -> float:
    """A power law, from ln 512 down to 1.2: what an honest run's loss looks like at any length."""
    return 1.2 + 5.038 * (1 + step / 30) ** -0.4


def _noise() -> list[tuple[float, str]]:
    rng = random.Random(0)
    return [(rng.gauss(0.0, 1.0), _noisy(rng)) for _ in range(PATTERN_STEPS)]


def _noisy(rng: random.Random) -> str:
    def some(base: float, count: int) -> str:
        return ",".join(f"{base * rng.uniform(0.95, 1.05):.5g}" for _ in range(count))

    return (
        f',"step_s":{some(0.1, 1)},"data_s":{some(2e-4, 1)},'
        f'"grad_norm":{some(0.6, 1)},"class_loss":[{some(1.5, 2)}],"activation":[{some(0.5, 4)}],'
        f'"spectral_norm":[{some(1.1, 4)}],"dead_units":0,"dead_heads":0,'
        f'"weight_norm":{some(19.0, 1)},"update_ratio":1.0'
    )


def _lr(step: int, num_steps: int) -> float:
    warmup = max(1, num_steps // 20)
    if step < warmup:
        return 3e-3 * (step + 1) / warmup
    share = (step - warmup) / max(1, num_steps - warmup)
    return 3e-4 + 0.5 * 2.7e-3 * (1 + math.cos(math.pi * share))


def _evaluation(step: int, num_steps: int) -> Record:
    loss = _loss(step)
    return {
        "kind": "evaluation",
        "time": BASE_TIME + step * 0.1,
        "step": step,
        "val_loss": loss + 0.05,
        "train_loss": loss,
        "class_loss": [loss + 0.1, loss],
    }
