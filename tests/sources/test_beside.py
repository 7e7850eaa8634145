"""A verdict depends on the run alone: what lies beside a log counts only where it is surely of that run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from flight_recorder.tui.follow.once import read_all
from tests.sources.reading import RECORDED

ARGUMENTS = {"lr_scheduler_type": "constant", "learning_rate": 1.0, "max_steps": 24, "max_grad_norm": 0.5}


def _header(log: Path) -> dict[str, Any]:
    records = [record for batch in read_all(log) for record in batch.records]
    return [record for record in records if record["kind"] == "header"][-1]


def _put(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def _checkpoint(folder: Path, losses: list[float]) -> None:
    """A checkpoint with these losses in its history, of a model with a vocabulary of 32,000."""
    _put(folder / "trainer_state.json", {"log_history": [{"loss": loss, "step": 1} for loss in losses]})
    _put(folder / "config.json", {"vocab_size": 32000})


@pytest.fixture(params=["huggingface.4.x.out", "huggingface.5.x.out"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """What a Trainer printed, alone in a folder; its losses begin 3.8992, 3.9097, 3.9068."""
    return Path(shutil.copy(RECORDED / request.param, tmp_path / "train.out"))


@pytest.mark.parametrize("where", ["checkpoint-150", "ck/checkpoint-150"])
def test_the_checkpoint_of_another_run_is_left_alone(log: Path, where: str) -> None:
    before = _header(log)
    _checkpoint(log.parent / where, [3.8992, 3.7, 3.6])
    assert _header(log) == before


@pytest.mark.parametrize("where", ["checkpoint-24", "out/checkpoint-24"])
def test_the_checkpoint_of_this_run_is_read_and_named(log: Path, where: str) -> None:
    state = json.loads((RECORDED / "5.x.trainer_state.json").read_text())
    _checkpoint(log.parent / where, [line["loss"] for line in state["log_history"] if "loss" in line])
    header = _header(log)
    assert header["vocab_size"] == 32000
    assert f"from {where}/config.json, where the log does not say it: vocab_size 32000" in header["notes"]


def test_a_newer_checkpoint_of_another_run_does_not_hide_this_run_s(log: Path) -> None:
    _checkpoint(log.parent / "a" / "checkpoint-2", [3.8992, 3.9097])
    _checkpoint(log.parent / "b" / "checkpoint-9", [2.0, 1.0])
    _put(log.parent / "b" / "checkpoint-9" / "config.json", {"vocab_size": 77})
    assert _header(log)["vocab_size"] == 32000


def test_the_log_of_a_resumed_run_goes_on_within_the_history(log: Path) -> None:
    _checkpoint(log.parent / "checkpoint-9", [5.0, 4.0, 3.8992, 3.9097])
    assert _header(log)["vocab_size"] == 32000


@pytest.mark.parametrize(
    "neighbour, is_taken",
    [("notes.txt", True), ("other.out", False), ("metrics.csv", False), ("checkpoint-9", False)],
)
def test_arguments_in_the_folder_count_where_the_log_is_the_only_run(
    log: Path, neighbour: str, is_taken: bool
) -> None:
    before = _header(log)
    _put(log.parent / "training_args.json", ARGUMENTS)
    (log.parent / neighbour).mkdir() if "-" in neighbour else (log.parent / neighbour).write_text("x\n")
    assert ("grad_clip" in _header(log)) is is_taken
    assert is_taken or _header(log) == before


def test_a_state_in_the_folder_says_whose_it_is(log: Path) -> None:
    _put(log.parent / "training_args.json", ARGUMENTS)
    _checkpoint(log.parent, [1.0, 2.0])
    assert "grad_clip" not in _header(log)
    _checkpoint(log.parent, [3.8992, 3.9097])
    assert _header(log)["grad_clip"] == 0.5


def test_a_history_has_its_own_folder_s_facts(tmp_path: Path) -> None:
    state = tmp_path / "checkpoint-24" / "trainer_state.json"
    _put(state.parent / "config.json", {"vocab_size": 64})
    shutil.copy(RECORDED / "5.x.trainer_state.json", state)
    assert _header(state)["vocab_size"] == 64
