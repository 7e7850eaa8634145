from __future__ import annotations

import math

import pytest
import torch

from flight_recorder.engine.probes.delivery import Delivery
from flight_recorder.engine.probes.measured import Measured, scalar

pytestmark = pytest.mark.torch

CPU = torch.device("cpu")


def test_in_host_memory_a_record_is_ready_at_once() -> None:
    delivery = Delivery(CPU)
    delivery.put({"step": 0}, [scalar("loss", torch.tensor(2.5))])
    assert delivery.ready() == [{"step": 0, "loss": 2.5}]


def test_records_keep_their_order_and_their_numbers() -> None:
    delivery = Delivery(CPU, interval_steps=3)
    for step in range(5):
        layers = Measured(torch.tensor([step, step + 0.5]), lambda numbers: {"activation": numbers})
        delivery.put({"step": step, "loss": torch.tensor(float(step))}, [layers] if step % 2 else [])
    assert [record["step"] for record in delivery.ready()] == [0, 1, 2]
    rest = delivery.ready(wait=True)
    assert rest == [
        {"step": 3, "loss": 3.0, "activation": [3.0, 3.5]},
        {"step": 4, "loss": 4.0},
    ]
    assert delivery.num_copies == 2


def test_a_record_without_measurements_keeps_its_place() -> None:
    delivery = Delivery(CPU, interval_steps=2)
    delivery.put({"step": 0, "loss": 1.0})
    delivery.put({"step": 1, "loss": torch.tensor(2.0)})
    assert delivery.ready() == [{"step": 0, "loss": 1.0}, {"step": 1, "loss": 2.0}]


def test_large_counts_and_float32_losses_arrive_exactly() -> None:
    delivery = Delivery(CPU)
    loss = torch.tensor(0.1, dtype=torch.float32)
    delivery.put({"loss": loss}, [scalar("num_frozen", torch.tensor(2**40 + 1), integer=True)])
    assert delivery.ready() == [{"loss": float(loss), "num_frozen": 2**40 + 1}]


def test_numbers_that_are_not_finite_arrive_as_such() -> None:
    delivery = Delivery(CPU)
    delivery.put({"loss": torch.tensor(math.nan)}, [scalar("grad_norm", torch.tensor(math.inf))])
    (record,) = delivery.ready()
    assert math.isnan(record["loss"]) and record["grad_norm"] == math.inf


def test_a_site_found_on_the_way_wins_over_the_one_the_host_guessed() -> None:
    delivery = Delivery(CPU)
    found = Measured(torch.tensor([1.0]), lambda numbers: {"nonfinite_site": "block_0_out"})
    delivery.put({"nonfinite_site": "gradients"}, [found])
    assert delivery.ready() == [{"nonfinite_site": "block_0_out"}]
