"""On logs of broken runs: what is said live is what is said of the whole, and no check knows the fault."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from flight_recorder import tui
from flight_recorder.engine.runlog.schema import LOG_NAME
from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.series.recording import Recording
from scripts.fault_suite import live
from scripts.fault_suite.live import differences, said
from scripts.fault_suite.reading import every_record
from tests.faults.quick import folder, quick_faults

pytestmark = pytest.mark.torch

EVERY_THIRD = [fault.name for fault in quick_faults()][::3]


@pytest.mark.parametrize("name", EVERY_THIRD)
def test_a_broken_run_is_judged_alike_live_and_as_a_whole(name: str) -> None:
    assert differences(folder(name), name) == 0


def test_a_difference_would_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "said", lambda judge: id(judge))
    assert differences(folder(EVERY_THIRD[0]), "any") == 2


@pytest.mark.parametrize("name", EVERY_THIRD)
def test_a_log_that_does_not_say_its_fault_is_judged_alike(name: str) -> None:
    records = every_record(folder(name) / LOG_NAME)
    silent = [_without_fault(record) for record in records]
    assert records[0]["fault"] and "fault" not in silent[0]
    assert said(_judged(records)) == said(_judged(silent))


def _without_fault(record: dict[str, Any]) -> dict[str, Any]:
    if record["kind"] != "header":
        return record
    config = {key: value for key, value in record["config"].items() if key != "fault"}
    return {key: value for key, value in record.items() if key != "fault"} | {"config": config, "name": "x"}


def _judged(records: list[dict[str, Any]]) -> Judge:
    recording = Recording()
    recording.extend(records)
    return Judge(recording)


def test_no_part_of_the_monitor_reads_the_fault_of_a_header() -> None:
    paths = list(Path(str(tui.__file__)).parent.rglob("*.py"))
    assert len(paths) > 50
    for path in paths:
        words = [
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        assert "fault" not in words, path
