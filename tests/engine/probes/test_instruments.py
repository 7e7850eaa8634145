from __future__ import annotations

import copy
import math
import pickle
from collections import Counter
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from flight_recorder.engine.probes import measured
from flight_recorder.engine.probes.cadence import NEVER, Cadence
from flight_recorder.engine.probes.delivery import Delivery
from flight_recorder.engine.probes.instruments import Instruments
from flight_recorder.engine.runlog.schema import HEADER, INITIAL, STEP
from tests.engine.probes.models import TinyGPT, batch, loss_of

pytestmark = pytest.mark.torch

SLOW = {
    "spectral_norm",
    "adam_step",
    "m_norm",
    "v_sum",
    "v_expected",
    "update_ratio",
    "weight_norm",
    "num_frozen",
}
EVERY = Cadence(spectral_norm=1, optimizer=1, frozen=1)


def train(
    steps: int,
    *,
    cadence: Cadence | None,
    model: nn.Module | None = None,
    micro_batches: int = 1,
) -> tuple[list[float], list[dict[str, Any]], nn.Module]:
    """Losses and fields of a run with dropout; `cadence` None leaves the instruments out altogether."""
    model = model or TinyGPT(dropout=0.2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    tools = Instruments(model, optimizer=optimizer, cadence=cadence) if cadence else None
    torch.manual_seed(1)
    losses, fields = [], []
    for step in range(steps):
        if tools:
            tools.before_step(step)
        parts = [loss_of(model, 10 * step + micro) / micro_batches for micro in range(micro_batches)]
        sum(parts[1:], parts[0]).backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if tools:
            tools.after_backward(step, grad_norm=norm, clip_factor=min(1.0, 1.0 / float(norm)))
        optimizer.step()
        if tools:
            tools.after_update(step)
            fields.append(tools.collect(step))
        optimizer.zero_grad()
        losses.append(sum(part.item() for part in parts))
    return losses, fields, model


def test_measuring_changes_no_bit_of_training() -> None:
    bare, _, model = train(50, cadence=None)
    watched, fields, same = train(50, cadence=EVERY)
    assert bare == watched
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), same.parameters(), strict=True))
    assert len(fields) == 50 and all("spectral_norm" in each for each in fields)


def test_every_field_is_in_the_schema() -> None:
    _, fields, model = train(2, cadence=EVERY)
    tools = Instruments(model, optimizer=torch.optim.AdamW(model.parameters()))
    assert set().union(*fields) <= set(STEP)
    assert set(tools.initial(tokens=batch()[0])) <= set(INITIAL)
    assert set(tools.header()) <= set(HEADER)


def test_slow_statistics_come_every_ten_steps_and_faults_of_the_optimizer_from_the_first_update() -> None:
    _, fields, _ = train(21, cadence=Cadence())
    at = {name: [step for step, each in enumerate(fields) if name in each] for name in SLOW}
    assert at["spectral_norm"] == [0, 10, 20]
    assert at["update_ratio"] == at["num_frozen"] == [0, 1, 2, 3, 10, 20]
    assert all("activation" in each and "dead_units" in each for each in fields)


def test_lists_are_in_the_order_of_the_header() -> None:
    model = TinyGPT()
    _, fields, _ = train(1, cadence=Cadence(), model=model)
    tools = Instruments(model)
    header = tools.header()
    with torch.no_grad():
        norms = [torch.linalg.matrix_norm(matrix, 2).item() for matrix in tools.points.matrices.values()]
    assert fields[0]["spectral_norm"] == pytest.approx(norms, rel=0.1)  # one update later
    assert len(fields[0]["activation"]) == len(header["layers"]) == 4


def test_switched_off_nothing_is_measured_and_the_model_stays_bare() -> None:
    _, fields, _ = train(3, cadence=NEVER)
    assert fields[2] == {}


def test_passes_without_gradients_are_not_part_of_a_step() -> None:
    model = TinyGPT()
    tools = Instruments(model)
    tools.before_step(0)
    loss_of(model, 0).backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(100.0)
        loss_of(model, 1)
    tools.after_backward(0)
    with_evaluation = tools.collect(0)["activation"]
    _, fields, _ = train(1, cadence=Cadence(), model=TinyGPT())
    assert with_evaluation == fields[0]["activation"]


def test_all_micro_batches_of_a_step_are_measured() -> None:
    model = TinyGPT()
    tools = Instruments(model)
    tools.before_step(0)
    for micro in range(2):
        loss_of(model, micro).backward()
    tools.after_backward(0)
    both = tools.collect(0)["activation"]
    single = []
    for micro in range(2):
        tools.before_step(0)
        loss_of(model, micro).backward()
        tools.after_backward(0)
        single.append(tools.collect(0)["activation"])
    assert both == pytest.approx([(a + b) / 2 for a, b in zip(*single, strict=True)])


def test_a_copied_or_pickled_model_does_not_take_the_instruments_along() -> None:
    model = TinyGPT()
    tools = Instruments(model)
    tools.before_step(0)
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        loss_of(copied)
    loss_of(model)
    tools.after_backward(0)
    own = tools.collect(0)["activation"]
    tools.before_step(0)
    loss_of(model)
    tools.after_backward(0)
    assert own == tools.collect(0)["activation"]


def test_closed_instruments_leave_no_hook() -> None:
    model = TinyGPT()
    tools = Instruments(model)
    assert any(module._forward_hooks for module in model.modules())
    tools.close()
    assert not any(module._forward_hooks for module in model.modules())


def test_a_gradient_that_is_not_finite_is_named() -> None:
    model = TinyGPT()
    tools = Instruments(model)
    tools.before_step(0)
    loss_of(model).backward()
    gradient = model.get_parameter("blocks.1.ffn.down.weight").grad
    assert gradient is not None
    gradient[0, 0] = math.nan
    tools.after_backward(0, grad_norm=math.nan)
    assert tools.collect(0)["nonfinite_site"] == "gradient of blocks.1.ffn.down.weight"


def test_parameters_that_no_update_reaches_are_named_at_the_first_step() -> None:
    model = TinyGPT()
    moving = list(model.head.parameters())
    optimizer = torch.optim.AdamW(moving, lr=1e-2)
    tools = Instruments(model, optimizer=optimizer)
    tools.before_step(0)
    loss_of(model).backward()
    tools.after_backward(0, grad_norm=1.0)
    optimizer.step()
    tools.after_update(0)
    fields = tools.collect(0)
    assert fields["num_frozen"] == sum(p.numel() for p in model.parameters()) - sum(p.numel() for p in moving)
    assert "head.weight" not in fields["frozen_names"] and "embedding.weight" in fields["frozen_names"]


def test_initial_facts_leave_modes_and_random_numbers_alone() -> None:
    model = TinyGPT(dropout=0.2)
    model.blocks[0].eval()
    tools = Instruments(model, optimizer=torch.optim.AdamW(model.parameters()))
    torch.manual_seed(3)
    fields = tools.initial(tokens=batch()[0], declared_std={"head.weight": 0.02})
    drawn = torch.rand(3)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(3))
    assert [module.training for module in model.blocks] == [False, True]
    assert fields["causality"] == 0.0
    assert len(fields["activation"]) == len(fields["activation_rms"]) == 4
    assert [row["declared_std"] for row in fields["weights"] if "declared_std" in row] == [0.02]


def measured_before(works_in_place: nn.Module) -> list[float | None]:
    """activation of a linear layer, in three steps, that something behind it overwrites."""
    model = nn.Sequential(nn.Linear(4, 4), works_in_place)
    tools = Instruments(model, points=["0"])
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(4))  # type: ignore[operator]
        model[0].bias.zero_()  # type: ignore[operator]
    found = []
    for step in range(3):
        tools.before_step(step)
        model(-torch.ones(2, 4))
        tools.after_backward(step)
        found.append(tools.collect(step).get("activation", [None])[0])
    return found


def test_a_module_in_place_does_not_change_what_was_measured_before_it() -> None:
    assert measured_before(nn.ReLU(inplace=True)) == [1.0, 1.0, 1.0]


def test_a_function_in_place_costs_one_measurement_and_falsifies_none() -> None:
    class Hidden(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.relu_()

    assert measured_before(Hidden()) == [None, 1.0, 1.0]


class Operations(TorchDispatchMode):
    """Counts operations, and what would make the host wait for a device."""

    WAITING = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "_linalg_eigh", "linalg_eigh")

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))

    @property
    def num_waits(self) -> int:
        return sum(self.counts[name] for name in self.WAITING)


def test_away_from_the_host_nothing_waits_and_ten_steps_cross_in_one_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measured, "on_host", lambda tensor: False)
    model = TinyGPT()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    delivery = Delivery(torch.device("cpu"), interval_steps=10)
    tools = Instruments(model, optimizer=optimizer, cadence=EVERY)
    records, losses = [], []
    for step in range(20):
        tools.before_step(step)
        with Operations() as operations:
            loss = loss_of(model, step)
        losses.append(loss.item())
        loss.backward()
        norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
        with operations:
            tools.after_backward(step, grad_norm=norm)
        optimizer.step()
        with operations:
            tools.after_update(step)
            delivery.put({"step": step, "loss": loss.detach()}, tools.read(step))
            arrived = delivery.ready()
        assert operations.num_waits == 0, operations.counts
        assert len(arrived) == (10 if step % 10 == 9 else 0)
        records += arrived
        optimizer.zero_grad()
    assert delivery.num_copies == 2
    assert [record["step"] for record in records] == list(range(20))
    assert [record["loss"] for record in records] == losses
    assert {"activation", "dead_units", "dead_heads"} | SLOW <= set(records[7])


def test_both_ways_of_measuring_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    _, on_host, _ = train(3, cadence=EVERY)
    monkeypatch.setattr(measured, "on_host", lambda tensor: False)
    _, away, _ = train(3, cadence=EVERY)
    for one, other in zip(on_host, away, strict=True):
        assert set(one) == set(other)
        assert one["spectral_norm"] == pytest.approx(other["spectral_norm"], rel=1e-3)
        assert one["dead_units"] == other["dead_units"]
