"""The closed forms, held against the schedulers that people run."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from flight_recorder.engine.runlog.schedules import from_header, of_transformers
from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.schedules.declared import declared_schedule
from flight_recorder.tui.sources.huggingface import training_arguments

PEAK, WARMUP, TOTAL = 2e-3, 10, 100


def _rising(step: int) -> float:
    return step / WARMUP


def _cosine(step: int, lowest: float) -> float:
    progress = (step - WARMUP) / (TOTAL - WARMUP)
    return lowest + (1 - lowest) * 0.5 * (1 + math.cos(math.pi * progress))


def _polynomial(step: int) -> float:
    return (1e-7 + (PEAK - 1e-7) * (1 - (step - WARMUP) / (TOTAL - WARMUP))) / PEAK


TRANSFORMERS: dict[str, tuple[dict[str, Any], Any]] = {
    "constant": ({}, None),
    "constant_with_warmup": ({}, lambda step: 1.0),
    "linear": ({}, lambda step: (TOTAL - step) / (TOTAL - WARMUP)),
    "cosine": ({}, lambda step: _cosine(step, 0.0)),
    "cosine_with_min_lr": ({"min_lr_rate": 0.1}, lambda step: _cosine(step, 0.1)),
    "polynomial": ({}, _polynomial),
    "inverse_sqrt": ({}, lambda step: math.sqrt(WARMUP / step)),
}
"""Kinds of transformers with the formula of its documentation, as a share of the peak."""


def _expected(kind: str) -> list[float]:
    after = TRANSFORMERS[kind][1]
    if after is None:
        return [PEAK] * TOTAL
    return [PEAK * (_rising(step) if step < WARMUP else after(step)) for step in range(TOTAL)]


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_a_kind_of_transformers_gives_the_rates_of_its_documentation(kind: str) -> None:
    warmup = {"warmup_steps": WARMUP, "warmup": "t / W"}
    form = of_transformers(kind, PEAK, TRANSFORMERS[kind][0], warmup)
    assert form is not None
    curve = from_header({"lr_max": PEAK, "total_steps": TOTAL, **form})
    assert curve is not None
    assert curve.value(np.arange(TOTAL)).tolist() == pytest.approx(_expected(kind))


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_callback_and_arguments_file_declare_the_same_curve(kind: str) -> None:
    pytest.importorskip("torch")
    from flight_recorder.engine.inspector.integrations.schedules import of_arguments

    options = TRANSFORMERS[kind][0]
    asked = SimpleNamespace(
        learning_rate=PEAK,
        lr_scheduler_type=kind,
        lr_scheduler_kwargs=options,
        get_warmup_steps=lambda total: WARMUP,
    )
    optimizer: Any = SimpleNamespace(param_groups=[{"lr": PEAK}])
    written = {
        "lr_scheduler_type": kind,
        "learning_rate": PEAK,
        "warmup_steps": WARMUP,
        "max_steps": TOTAL,
        "lr_scheduler_kwargs": options,
    }
    both = [of_arguments(asked, optimizer, TOTAL), training_arguments.declared_schedule(written)]
    curves = [declared_schedule(Facts({"schedule": declared})) for declared in both]
    assert curves[0] is not None
    assert curves[1] is not None
    steps = np.arange(TOTAL)
    assert curves[0].value(steps).tolist() == curves[1].value(steps).tolist()
