"""Load and memory of the device, in the log at the slow cadence, from what the system counts anyway."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from flight_recorder.engine.run.device_load import DeviceLoad
from tests.engine.runs import records, run

pytestmark = pytest.mark.torch


def test_a_log_says_load_and_memory_at_the_slow_cadence_alone(tmp_path: Path) -> None:
    run(tmp_path)
    steps = records(tmp_path, "step")
    assert [record["step"] for record in steps if "memory_peak_bytes" in record] == [0, 1, 10]
    for record in (steps[1], steps[10]):
        assert 0 < record["device_load"] <= 1
        memory = record["memory_bytes" if "memory_bytes" in record else "memory_peak_bytes"]
        assert memory > 10 * 2**20
        assert record["memory_peak_bytes"] >= record.get("memory_bytes", 0)


def test_the_load_of_a_process_is_its_part_of_the_time_since_the_last_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wall, used = iter((10.0, 12.0, 22.0)), iter((3.0, 4.0, 4.0))
    monkeypatch.setattr(time, "perf_counter", lambda: next(wall))
    monkeypatch.setattr(time, "process_time", lambda: next(used))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    load = DeviceLoad(torch.device("cpu"))
    assert [load.fields()["device_load"] for _ in range(2)] == [0.5, 0.0]


def _not_supported(device: torch.device) -> int:
    raise RuntimeError("Not Supported")


@pytest.mark.parametrize(
    ("package", "utilization", "load"),
    [
        ("pynvml", lambda device: 37, {"device_load": 0.37}),
        (None, lambda device: 37, {}),
        ("pynvml", _not_supported, {}),
    ],
)
def test_a_card_that_does_not_tell_its_load_still_tells_its_memory(
    monkeypatch: pytest.MonkeyPatch, package: str | None, utilization: object, load: dict[str, float]
) -> None:
    monkeypatch.setattr("flight_recorder.engine.run.device_load.find_spec", lambda name: package)
    monkeypatch.setattr(torch.cuda, "utilization", utilization)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 5)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 8)
    assert DeviceLoad(torch.device("cuda:0")).fields() == load | {"memory_bytes": 5, "memory_peak_bytes": 8}
