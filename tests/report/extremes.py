"""Logs of numbers that no loop should write and some do: zero, constant, infinite, tiny, huge, negative."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from flight_recorder.engine.runlog.schema import EVALUATION, HEADER, INITIAL, STEP, Field
from flight_recorder.tui.series.fields import is_text
from tests.checks import builders
from tests.checks.configurations import COSINE, FRESH, GROUPS, cosine

EXTREMES = (0.0, 1.0, -1.0, math.nan, math.inf, -math.inf, 1e-320, 1e308, -1e308, 1e20)

_ITEMS = {"layers": 4, "matrices": 2, "classes": 2, "ranks": 2}
_LIKE = {"lr": "lr", "loss": "loss", "train_loss": "loss", "val_loss": "loss"}


def _is_number(field: Field) -> bool:
    return not is_text(field) and (field.shape == "scalar" or field.shape in _ITEMS)


STEP_NUMBERS = tuple(field for field in STEP.values() if _is_number(field) and field.name != "step")
EVALUATION_NUMBERS = tuple(
    field for field in EVALUATION.values() if _is_number(field) and field.name != "step"
)
HEADER_NUMBERS = tuple(field.name for field in HEADER.values() if _is_number(field))
INITIAL_NUMBERS = tuple(
    field.name for field in INITIAL.values() if _is_number(field) and field.name != "step"
)

NUMBERS = (
    *(f"step.{field.name}" for field in STEP_NUMBERS),
    *(f"evaluation.{field.name}" for field in EVALUATION_NUMBERS),
    *(f"header.{name}" for name in HEADER_NUMBERS),
    *(f"initial.{name}" for name in INITIAL_NUMBERS),
    *(f"schedule.{name}" for name in COSINE if name not in ("family", "warmup")),
    *("weights.mean", "weights.std", "weights.min", "weights.max", "weights.declared_std", "optimizer.eps"),
)
"""Every number that a log may say."""


def odd_run(
    length: int, odd: Mapping[str, float], rows: str = "all", every: int = 20, source: str | None = None
) -> list[dict[str, Any]]:
    """A run with everything measured, some numbers replaced: in "all" rows, the "first", "last" or "odd"."""

    def changed(name: str, row: int, count: int, usual: float) -> float:
        hit = {"all": True, "first": row == 0, "last": row == count - 1, "odd": row % 2 == 1}[rows]
        return odd[name] if hit and name in odd else usual

    def row(kind: str, fields: Sequence[Field], step: int, place: int, count: int) -> dict[str, Any]:
        record: dict[str, Any] = {"kind": kind, "step": step}
        for field in fields:
            value = changed(f"{kind}.{field.name}", place, count, _usual(field.name, step))
            record[field.name] = [value] * _ITEMS[field.shape] if field.shape in _ITEMS else value
        return record

    records = [row("step", STEP_NUMBERS, step, step, length) for step in range(length)]
    at = range(every, length + 1, every)
    records += [row("evaluation", EVALUATION_NUMBERS, step, n, len(at)) for n, step in enumerate(at)]
    records.sort(key=lambda record: (record["step"], record["kind"]))
    return [*_beginning(odd, source), *records]


def _beginning(odd: Mapping[str, float], source: str | None) -> list[dict[str, Any]]:
    def of(kind: str) -> dict[str, float]:
        return {name.partition(".")[2]: value for name, value in odd.items() if name.startswith(f"{kind}.")}

    header = builders.HEADER | {"schedule": COSINE | of("schedule"), "matrices": ["a", "b"]} | of("header")
    header["optimizer"] = builders.HEADER["optimizer"] | of("optimizer")
    if source:
        header["source"] = source
    initial: dict[str, Any] = {"weights": [row | of("weights") for row in FRESH], "parameter_groups": GROUPS}
    initial |= {"activation": [1.0, 1.1, 1.2, 0.8], "activation_rms": [1.0, 1.1, 1.2, 0.8]}
    items = of("initial")
    initial |= {
        name: [value] * 4 if name.startswith("activation") else value for name, value in items.items()
    }
    return [header, {"kind": "initial", "step": 0, **initial}]


def _usual(name: str, step: int) -> float:
    noise = math.sin(step * 12.9898) * 43758.5453 % 1.0
    match _LIKE.get(name, name):
        case "lr":
            return cosine(step)
        case "loss":
            return 1.0 + 5 * 0.99**step + 0.1 * noise
        case "time" | "adam_step" | "batch" | "tokens" | "batch_hash":
            return step + 1.0
        case _:
            return 1.0 + 0.2 * noise
