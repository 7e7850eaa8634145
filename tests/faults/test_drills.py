"""Each fault really breaks training, and the tree names what was broken by the step that was promised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flight_recorder.engine.faults.registry import FAULTS
from flight_recorder.engine.runlog.schema import LOG_NAME
from scripts.fault_suite.reading import every_record
from tests.faults.quick import case, folder, judged, named_faults, quick_faults, twin

pytestmark = pytest.mark.torch

VOLATILE = (
    *(
        "time",
        "step_s",
        "data_s",
        "eval_s",
        "tokens_per_s",
        "memory_bytes",
        "memory_peak_bytes",
        "device_load",
        "rank_step_s",
        "rank_data_s",
    ),
    *("run_id", "name", "fault", "config"),
)
"""What differs between two equal runs."""


def _content(log: Path) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in record.items() if key not in VOLATILE} for record in every_record(log)
    ]


@pytest.mark.parametrize("name", [fault.name for fault in quick_faults()])
def test_a_fault_changes_the_records_of_its_run_and_never_the_header(name: str) -> None:
    broken, healthy = _content(folder(name) / LOG_NAME), _content(twin(name) / LOG_NAME)
    assert repr(broken) != repr(healthy)
    measured = ("num_parameters", "baseline_loss", "steps_per_epoch")
    declared = [{k: v for k, v in rows[0].items() if k not in measured} for rows in (broken, healthy)]
    assert declared[0] == declared[1]


@pytest.mark.parametrize("name", [fault.name for fault in quick_faults()])
def test_nothing_differs_before_the_onset_that_is_declared(name: str) -> None:
    onset = FAULTS[name].onset_step
    steps = [
        [row for row in _content(path / LOG_NAME) if row["kind"] == "step" and row["step"] < onset]
        for path in (folder(name), twin(name))
    ]
    own = ("loss_scale", "skipped_updates")
    broken, healthy = ([{k: v for k, v in row.items() if k not in own} for row in rows] for rows in steps)
    assert repr(broken) == repr(healthy)


@pytest.mark.parametrize("name", [fault.name for fault in quick_faults()])
def test_a_fault_is_found_by_its_deadline(name: str) -> None:
    found = case(name)
    assert found.found, (found.step, found.judged.causes)


@pytest.mark.parametrize("name", named_faults())
def test_the_cause_that_is_named_first_is_the_true_one(name: str) -> None:
    found = case(name)
    assert found.right_first, found.judged.causes


def test_the_healthy_twins_raise_no_alarm() -> None:
    alarms = {fault.name: judged(twin(fault.name)).alarms for fault in quick_faults()}
    assert {name: calls for name, calls in alarms.items() if calls} == {}
