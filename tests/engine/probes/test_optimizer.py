from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from flight_recorder.engine.probes.measured import Fields, packed, unpacked
from flight_recorder.engine.probes.optimizer import OptimizerProbe
from tests.engine.probes.models import TinyGPT, loss_of

pytestmark = pytest.mark.torch


def train(optimizer: torch.optim.Optimizer, model: nn.Module, steps: int, *, rebuild: bool = False) -> Fields:
    probe = OptimizerProbe(optimizer)
    fields: Fields = {}
    for step in range(steps):
        loss_of(model, step).backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        probe.see_gradient(norm * min(1.0, 0.5 / (float(norm) + 1e-6)))
        if rebuild:
            of_any_kind: Any = type(optimizer)
            optimizer = of_any_kind(model.parameters(), lr=1e-3)
            probe.optimizer = optimizer
        probe.before_update()
        optimizer.step()
        probe.after_update()
        optimizer.zero_grad()
        with torch.no_grad():
            measured = probe.read()
        fields = unpacked(measured, packed(measured).tolist()) if measured else {}
    return fields


def adamw(model: nn.Module, **constants: Any) -> torch.optim.AdamW:
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    given: Any = {"lr": 1e-3, "betas": (0.9, 0.95)} | constants
    return torch.optim.AdamW(groups, **given)


@pytest.mark.parametrize("fused", [True, False])
def test_a_healthy_optimizer_does_what_adamw_prescribes_and_remembers_every_gradient(fused: bool) -> None:
    model = TinyGPT()
    fields = train(adamw(model, fused=fused), model, 7)
    assert fields["adam_step"] == 7
    assert fields["update_ratio"] == pytest.approx(1.0, abs=1e-3)
    assert fields["v_sum"] == pytest.approx(fields["v_expected"], rel=1e-4)


def test_moments_are_those_of_the_optimizer() -> None:
    model = TinyGPT()
    optimizer = adamw(model)
    fields = train(optimizer, model, 3)
    m = torch.cat([state["exp_avg"].flatten() for state in optimizer.state.values()])
    v = torch.cat([state["exp_avg_sq"].flatten() for state in optimizer.state.values()])
    assert fields["m_norm"] == pytest.approx(m.norm().item(), rel=1e-5)
    assert fields["v_sum"] == pytest.approx(v.sum().item(), rel=1e-5)


def test_an_optimizer_rebuilt_at_each_step_forgets() -> None:
    model = TinyGPT()
    fields = train(torch.optim.AdamW(model.parameters(), lr=1e-3), model, 20, rebuild=True)
    assert fields["adam_step"] == 1
    assert fields["v_sum"] < 0.2 * fields["v_expected"]


def test_without_bias_correction_the_first_update_is_too_small() -> None:
    class Uncorrected(torch.optim.AdamW):
        def step(self, closure: Any = None) -> Any:
            super().step()
            # What was added, scaled to what the missing correction would have let through at step 1.
            with torch.no_grad():
                for p, before in zip(model.parameters(), starts, strict=True):
                    p.copy_(before + (p - before) * (1 - 0.9) / (1 - 0.95) ** 0.5)

    model = TinyGPT()
    starts = [p.detach().clone() for p in model.parameters()]
    fields = train(Uncorrected(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.0), model, 1)
    assert fields["update_ratio"] == pytest.approx(0.447, abs=0.01)


def test_a_learning_rate_of_zero_leaves_no_ratio() -> None:
    model = TinyGPT()
    assert "update_ratio" not in train(adamw(model, lr=0.0), model, 1)


def test_an_optimizer_without_moments_is_not_measured() -> None:
    model = TinyGPT()
    assert train(torch.optim.SGD(model.parameters(), lr=0.1), model, 2) == {}


def test_decay_that_enters_the_gradient_leaves_no_expectation() -> None:
    model = TinyGPT()
    fields = train(torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=0.1), model, 2)
    assert "v_expected" not in fields
    assert fields["update_ratio"] == pytest.approx(1.0, abs=1e-3)


def test_a_restored_optimizer_starts_the_expectation_where_it_is() -> None:
    model = TinyGPT()
    optimizer = adamw(model)
    train(optimizer, model, 5)
    fields = train(optimizer, model, 2)
    assert fields["adam_step"] == 7
    assert fields["v_sum"] == pytest.approx(fields["v_expected"], rel=1e-4)


def test_the_expectation_survives_a_checkpoint_so_that_lost_moments_show() -> None:
    model = TinyGPT()
    first = OptimizerProbe(adamw(model))
    first.see_gradient(2.0)
    first.after_update()
    second = OptimizerProbe(adamw(model))
    second.load_state_dict(first.state_dict())
    assert second.state_dict() == {"v_expected": pytest.approx(0.05 * 4.0)}
