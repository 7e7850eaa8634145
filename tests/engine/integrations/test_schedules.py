from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from flight_recorder.engine.inspector.integrations.schedules import of_scheduler
from flight_recorder.engine.model.schedule import Schedule

pytestmark = pytest.mark.torch

STEPS = 40


def adam(lr: float = 1e-2) -> torch.optim.Optimizer:
    return torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def applied(scheduler: Any, steps_per_call: int) -> list[float]:
    rates = []
    for step in range(STEPS):
        rates.append(float(scheduler.optimizer.param_groups[0]["lr"]))
        scheduler.optimizer.step()
        if (step + 1) % steps_per_call == 0:
            scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("make", "steps_per_call"),
    [
        (lambda o: lr_scheduler.LinearLR(o, 1.0, 0.1, STEPS), 1),
        (lambda o: lr_scheduler.LinearLR(o, 1.0, 0.25, 10), 1),
        (lambda o: lr_scheduler.PolynomialLR(o, 30), 1),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, 1e-3), 1),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 2 * STEPS), 1),
        (lambda o: lr_scheduler.StepLR(o, 7, 0.5), 1),
        (lambda o: lr_scheduler.StepLR(o, 2, 0.5), 5),
        (lambda o: lr_scheduler.ConstantLR(o, 1.0), 1),
    ],
)
def test_what_is_declared_of_a_scheduler_is_what_it_does(make: Any, steps_per_call: int) -> None:
    scheduler = make(adam())
    declared = of_scheduler(scheduler, STEPS, steps_per_call=steps_per_call)
    assert declared is not None
    constants: dict[str, Any] = {"decay_every": 0, "decay_factor": 0.0, "cooldown_steps": 0} | declared
    closed = Schedule(**constants)
    assert applied(scheduler, steps_per_call) == pytest.approx([closed(step) for step in range(STEPS)])


@pytest.mark.parametrize(
    ("make", "steps_per_call"),
    [
        (lambda o: lr_scheduler.LinearLR(o, 0.1, 1.0, 10), 1),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS), 5),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS // 2), 1),
        (lambda o: lr_scheduler.ExponentialLR(o, 0.9), 1),
        (lambda o: lr_scheduler.OneCycleLR(o, 1e-2, STEPS), 1),
        (lambda o: lr_scheduler.LambdaLR(o, lambda step: 1.0), 1),
        (lambda o: lr_scheduler.ConstantLR(o, 0.5), 1),
        (lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 10), 1),
    ],
)
def test_what_has_no_form_is_not_declared(make: Any, steps_per_call: int) -> None:
    assert of_scheduler(make(adam()), STEPS, steps_per_call=steps_per_call) is None
