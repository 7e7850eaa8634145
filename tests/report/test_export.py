"""A run leaves in other formats with every number it had."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import pytest

from flight_recorder.engine.runlog.reader import read_log
from flight_recorder.tui.report.export import export_run
from flight_recorder.tui.sources.errors import CannotRead


@pytest.fixture
def records() -> list[dict[str, Any]]:
    return [
        {"kind": "header", "format": "1.0", "layers": ["embed_out", "block_0_out"]},
        {"kind": "step", "step": 0, "loss": 6.25, "activation": [0.5, 1.5]},
        {"kind": "step", "step": 1, "loss": math.nan},
        {"kind": "evaluation", "step": 1, "val_loss": 6.0},
        {"kind": "exit", "step": 2, "reason": "finished"},
    ]


def test_a_csv_tells_nan_from_not_measured(records: list[dict[str, Any]], tmp_path: Path) -> None:
    path = export_run(records, str(tmp_path / "run"), "csv", None)
    assert path == tmp_path / "run.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert rows == [
        {
            "step": "0",
            "loss": "6.25",
            "activation/embed_out": "0.5",
            "activation/block_0_out": "1.5",
            "evaluation/val_loss": "",
        },
        {
            "step": "1",
            "loss": "nan",
            "activation/embed_out": "",
            "activation/block_0_out": "",
            "evaluation/val_loss": "6.0",
        },
    ]


def test_json_lines_are_a_log_of_ours(records: list[dict[str, Any]], tmp_path: Path) -> None:
    path = export_run(records, "unused", "jsonl", tmp_path / "out.jsonl")
    again, reader = read_log(path)
    assert not reader.damaged
    assert math.isnan(again[2].pop("loss")) and math.isnan(records[2].pop("loss"))
    assert again == records


def test_event_files_hold_each_scalar_at_its_step(records: list[dict[str, Any]], tmp_path: Path) -> None:
    loader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_file_loader", reason="needs the tensorboard extra"
    )
    folder = export_run(records, "unused", "tensorboard", tmp_path / "events")
    events = list(loader.LegacyEventFileLoader(str(next(folder.iterdir()))).Load())
    found = {(event.step, value.tag): value.simple_value for event in events for value in event.summary.value}
    assert found[0, "loss"] == 6.25
    assert found[1, "evaluation/val_loss"] == 6.0


def test_an_unknown_format_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(CannotRead, match="csv, jsonl, tensorboard"):
        export_run([], "unused", "parquet", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
