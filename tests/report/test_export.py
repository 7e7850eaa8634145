"""A run leaves in other formats with every number it had."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flight_recorder.engine.runlog.reader import read_log
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.report.export import export_run
from flight_recorder.tui.series.recording import Recording
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


def _exported(records: list[dict[str, Any]], to: str, path: Path) -> tuple[Recording, list[str]]:
    """The run as it comes back, and what was said of it."""
    told: list[str] = []
    recording = Recording()
    written = export_run(records, "unused", to, path, told.append)
    for batch in read_all(written):
        recording.extend(batch.records)
    return recording, told


def test_json_lines_keep_every_digit_of_a_foreign_log(tmp_path: Path) -> None:
    numbers = {"loss": 2.123456789, "custom": 123456.789, "count": 16777217.0}
    recording, _ = _exported([{"kind": "step", "step": 0, **numbers}], "jsonl", tmp_path / "out.jsonl")
    assert {name: recording.steps[name].values.tolist() for name in numbers} == {
        name: [value] for name, value in numbers.items()
    }


@pytest.mark.parametrize("to, path", [("csv", "out.csv"), ("tensorboard", "out")])
def test_fields_of_an_evaluation_come_back_as_what_they_were(to: str, path: str, tmp_path: Path) -> None:
    if to == "tensorboard":
        pytest.importorskip("tensorboard", reason="needs the tensorboard extra")
    measured: dict[str, Any] = {"val_loss": 2.5, "train_loss": 2.25, "class_loss": [1.5, 3.0]}
    records: list[dict[str, Any]] = [
        {"kind": "header", "format": "1.0", "classes": ["a", "b"]},
        {"kind": "step", "step": 1, "loss": 2.0},
        {"kind": "evaluation", "step": 1, **measured},
        {"kind": "step", "step": 2, "loss": 1.0},
    ]
    recording, _ = _exported(records, to, tmp_path / path)
    table = recording.evaluations
    assert {name: table[name].values.tolist() for name in table.names if name != "time"} == {
        "val_loss": [2.5],
        "train_loss": [2.25],
        "class_loss/a": [1.5],
        "class_loss/b": [3.0],
    }


def test_numbers_beyond_32_bits_are_left_out_and_named(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the tensorboard extra")
    values = [(1e39, 0.5), (1e308, 1e-320), (2.0, 0.0), (math.inf, 1.0)]
    records = [{"kind": "step", "step": at, "loss": loss, "lr": lr} for at, (loss, lr) in enumerate(values)]
    recording, told = _exported(records, "tensorboard", tmp_path / "out")
    assert recording.steps["loss"].values.tolist() == [2.0, math.inf]
    assert recording.steps["lr"].values.tolist() == [0.5, 0.0, 1.0]
    (sentence,) = told
    assert "left out 3 numbers" in sentence and "loss (2), lr (1)" in sentence


def test_what_every_format_can_hold_is_exported_without_a_word(tmp_path: Path) -> None:
    records = [{"kind": "step", "step": 0, "loss": 2.0, "time": 1.7e9}]
    assert _exported(records, "csv", tmp_path / "out.csv")[1] == []
    pytest.importorskip("tensorboard", reason="needs the tensorboard extra")
    assert _exported(records, "tensorboard", tmp_path / "out")[1] == []


@pytest.mark.parametrize("to", ["csv", "jsonl", "tensorboard"])
def test_a_disk_that_is_full_leaves_nothing_behind(to: str, tmp_path: Path) -> None:
    if to == "tensorboard":
        pytest.importorskip("tensorboard", reason="needs the tensorboard extra")
    log = tmp_path / "log.jsonl"
    log.write_text("".join(f'{{"kind":"step","step":{at},"loss":2.5}}\n' for at in range(2000)))
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"ulimit -f 8; {sys.executable} -m tui export {log} --to {to} --out {tmp_path / 'out'}",
        ],
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        timeout=100,
    )
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1 and b"File too large" in done.stderr
    assert not done.stdout
    assert [file.name for file in tmp_path.iterdir()] == [log.name]


def test_an_unknown_format_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(CannotRead, match="csv, jsonl, tensorboard"):
        export_run([], "unused", "parquet", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
