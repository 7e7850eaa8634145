"""A step on a GPU never makes the host wait. Checked without one, on torch's meta device: its tensors have
shapes and no values, so whatever would have to look at a value raises."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from flight_recorder.engine.distributed.distributed import World
from flight_recorder.engine.model.optimizer import decay_groups
from flight_recorder.engine.probes.delivery import Delivery
from flight_recorder.engine.probes.measured import packed
from flight_recorder.engine.run.build import Loop, build_loop, prepare_device
from flight_recorder.engine.step import take_step
from tests.engine.runs import small

pytestmark = pytest.mark.torch


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    """A loop that has begun, on a device that has no values."""
    monkeypatch.setattr(
        "flight_recorder.engine.run.build.prepare_device", lambda config, world: torch.device("meta")
    )
    monkeypatch.setattr(  # the fused one is for real devices only
        "flight_recorder.engine.run.build.build_optimizer",
        lambda model, training: torch.optim.AdamW(decay_groups(model, 0.1)),
    )
    loop = build_loop(small(training={"accumulation": 2, "dtype": "float32"}))
    loop.step = 2  # at the first step of a process the optimizer is asked for its past: one wait a run
    loop.instruments.load_state_dict({"v_expected": 0.0})
    return loop


def test_no_step_waits_for_the_device(loop: Loop) -> None:
    for _ in range(20):  # over every cadence: each step, each tenth, counted or not
        taken = take_step(loop)
        numbers = packed(taken.measured)
        assert numbers.device.type == "meta"
    for look in (numbers.sum().item, numbers.tolist, partial(bool, numbers.sum()), numbers.cpu):
        with pytest.raises((RuntimeError, NotImplementedError)):
            look()


def test_the_numbers_of_ten_steps_cross_in_one_copy() -> None:
    loop = build_loop(small(training={"T": 40}))
    delivery = Delivery(torch.device("cpu"), interval_steps=10)
    records = []
    for _ in range(30):
        taken = take_step(loop)
        delivery.put(taken.record, taken.measured)
        records += delivery.ready()
    assert delivery.num_copies == 3
    assert [record["step"] for record in records] == list(range(30))
    assert all(record["loss"] > 0 for record in records)


def test_each_process_takes_the_device_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    config = small(run={"device": "cuda"})
    assert prepare_device(config, World(5, 8, local_rank=1)) == torch.device("cuda", 1)
    assert prepare_device(config) == torch.device("cuda", 0)
