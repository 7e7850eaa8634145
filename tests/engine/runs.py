"""Small runs for the tests: a run in a second, its log as records."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from flight_recorder.engine.config import Config
from flight_recorder.engine.run.run_folder import RunFolder
from flight_recorder.engine.runlog.codec import decode
from flight_recorder.engine.runlog.schema import LOG_NAME
from flight_recorder.engine.train import Outcome, train

ROOT = Path(__file__).parents[2]
Record = dict[str, Any]

SMALL: Record = {
    "seed": 3,
    "training": {
        "batch_size": 8,
        "T": 12,
        "warmup": 3,
        "eval_every": 5,
        "ckpt_every": 6,
        "eval_tokens": 512,
    },
    "model": {"width": 16, "n_heads": 2, "context": 16},
    "data": {"train_sentences": 200, "val_sentences": 20},
    "run": {"device": "cpu"},
}


def small(**sections: Any) -> Config:
    """The small config with some keys changed: small(training={"T": 20}, fault="bad_init")."""
    values = {
        name: {**value, **sections.pop(name, {})} if isinstance(value, dict) else sections.pop(name, value)
        for name, value in SMALL.items()
    }
    return Config.model_validate({**values, **sections})


def run(path: Path, config: Config | None = None, **options: Any) -> Outcome:
    """Train into a folder, in this process."""
    return train(config or small(), RunFolder(path, path / "source.yaml"), **options)


def records(path: Path, kind: str | None = None) -> list[Record]:
    """Records of the log in a run folder, one kind or all."""
    lines = (path / LOG_NAME).read_bytes().splitlines()
    return [record for record in map(decode, lines) if kind in (None, record["kind"])]


def step_numbers(path: Path) -> list[tuple[Any, ...]]:
    """What must be equal to the last bit in two equal runs."""
    names = ("step", "loss", "lr", "grad_norm", "class_loss", "batch_hash")
    return [tuple(str(record[name]) for name in names) for record in records(path, "step")]


def engine(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "engine", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
