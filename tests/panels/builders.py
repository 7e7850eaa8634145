"""Small runs for the tests of panels: records as an engine would write them, judged by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flight_recorder.tui.checks.signals.run_kind import RunKind
from flight_recorder.tui.checks.verdict import Level, Threshold, Verdict
from flight_recorder.tui.series.recording import Recording

LAYERS = ["embed_out", "block_0_out", "block_1_out", "final_ln_out"]
MATRICES = [
    f"block_{block}.{name}" for block in (0, 1) for name in ("attn.qkv", "attn.out", "ffn.up", "ffn.down")
]


@dataclass
class Judged:
    """What the panels read of a judge."""

    verdicts: tuple[Verdict, ...] = ()
    bounds: tuple[Threshold, ...] = ()
    level: Level = Level.GREEN
    headline: Verdict | None = None
    failed: tuple[Verdict, ...] = ()
    overfit: dict[str, Any] | None = None
    kind: RunKind = field(default_factory=lambda: RunKind("unknown", ""))
    causes: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def thresholds(self, panel: str) -> tuple[Threshold, ...]:
        return tuple(bound for bound in self.bounds if bound.panel == panel)


@dataclass
class JudgedRun:
    """What the panels read of a run."""

    recording: Recording
    judge: Judged = field(default_factory=Judged)
    is_judged: bool = True
    is_partial: bool = False
    name: str = "a run"
    path: str = "runs/a/inspector.log.jsonl"
    format: str = "runlog"
    has_numbers: bool = True


def overfitting_records(num_steps: int = 3412, planned: int = 8000) -> list[dict[str, Any]]:
    """A run like the overfit lab's: val has its minimum at 600 and rises, train goes on falling."""
    noise = np.random.default_rng(0)
    records: list[dict[str, Any]] = [
        {
            "kind": "header", "format": "1.0", "name": "19-overfit", "vocab_size": 512,
            "planned_steps": planned,
            "grad_clip": 1.0, "baseline_loss": 2.58, "layers": LAYERS, "matrices": MATRICES,
            "classes": ["regular", "irregular"], "num_units": 512, "num_heads": 8, "tokens_per_step": 300,
            "steps_per_epoch": 125,
        }
    ]  # fmt: skip
    for step in range(num_steps):
        records.append(_step(step, planned, noise))
        if step % 50 == 0:
            records.append(_evaluation(step))
        if step and step % 500 == 0:
            records.append(
                {"kind": "checkpoint", "step": step, "path": f"ckpt_{step}.pt", "role": "periodic"}
            )
    return records


def _step(step: int, planned: int, noise: np.random.Generator) -> dict[str, Any]:
    warm = min(1.0, (step + 1) / 100)
    loss = 0.5 + 5.75 * math.exp(-step / 150) + 1.4 * math.exp(-step / 1500)
    record: dict[str, Any] = {
        "kind": "step",
        "step": step,
        "time": 1.7e9 + step * 0.018,
        "loss": loss * math.exp(0.03 * noise.standard_normal()),
        "lr": 3e-3 * warm * (0.55 + 0.45 * math.cos(math.pi * max(0, step - 100) / planned)),
        "grad_norm": (0.6 + 2 * math.exp(-step / 40) + step / 4000)
        * math.exp(0.15 * noise.standard_normal()),
    }
    if step % 10 == 0:
        growth = 1 - math.exp(-step / 900)
        record |= {
            "activation": [0.05 + 0.2 * growth, 0.3 + growth, 0.5 + 1.4 * growth, 0.8 + 1.2 * growth],
            "spectral_norm": [0.35 * (1 + place / 8) + (1.2 + 0.2 * place) * growth for place in range(8)],
            "dead_units": 0,
            "dead_heads": 0,
            "class_loss": [loss * 0.97, loss * 1.04],
        }
    return record


def _evaluation(step: int) -> dict[str, Any]:
    val = 1.85 + 4.4 * math.exp(-step / 120) + 0.2 * max(0.0, (step - 600) / 1000) ** 1.2
    return {
        "kind": "evaluation", "step": step, "val_loss": val, "train_loss": val - 0.1,
        "class_loss": [val * 0.96, val * 1.06], "class_verb_loss": [val * 0.8, val * 1.2],
    }  # fmt: skip


def recorded(records: list[dict[str, Any]]) -> Recording:
    recording = Recording()
    recording.extend(records)
    return recording
