"""Which runs a folder of experiments holds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.sources.reading import LOGS, RECORDED
from tui.sources.errors import CannotRead
from tui.sources.runs import runs_of


def _put(path: Path, sample: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(sample, path)


def _events(folder: Path) -> None:
    _put(folder / "events.out.tfevents.1.host", RECORDED / "summary_writer.events")


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    _put(tmp_path / "own" / "inspector.log.jsonl", LOGS / "runlog.jsonl")
    _put(tmp_path / "own" / "metrics.csv", RECORDED / "metrics.csv")
    _put(tmp_path / "hf" / "train.out", RECORDED / "huggingface.5.x.out")
    _put(
        tmp_path / "hf" / "out" / "checkpoint-24" / "trainer_state.json", RECORDED / "5.x.trainer_state.json"
    )
    _put(tmp_path / "state" / "checkpoint-24" / "trainer_state.json", RECORDED / "5.x.trainer_state.json")
    _put(tmp_path / "model" / "lightning_logs" / "version_0" / "metrics.csv", RECORDED / "metrics.csv")
    _put(tmp_path / "model" / "lightning_logs" / "version_1" / "metrics.csv", RECORDED / "metrics.csv")
    _events(tmp_path / "board" / "train")
    _events(tmp_path / "board" / "val")
    _put(tmp_path / "lonely.out", LOGS / "nanogpt.out")
    (tmp_path / "latest-run").symlink_to(tmp_path / "hf")
    (tmp_path / "notes.txt").write_text("nothing to see\n")
    return tmp_path


def _found(path: Path, under: Path) -> set[str]:
    return {str(Path(run).relative_to(under)) for run in runs_of(str(path))}


def test_each_run_of_a_folder_is_found_once(experiments: Path) -> None:
    assert _found(experiments, experiments) == {
        "own/inspector.log.jsonl",
        "hf/train.out",
        "state",
        "model/lightning_logs/version_0/metrics.csv",
        "model/lightning_logs/version_1/metrics.csv",
        "board",
        "lonely.out",
    }


def test_the_run_that_was_written_to_last_comes_first(experiments: Path) -> None:
    os.utime(experiments / "lonely.out", (4e9, 4e9))
    assert Path(runs_of(str(experiments))[0]).name == "lonely.out"


@pytest.mark.parametrize("name", ["own", "hf", "state", "board", "lonely.out", "not there yet"])
def test_what_is_one_run_stays_as_it_was_named(name: str, experiments: Path) -> None:
    assert runs_of(str(experiments / name)) == [str(experiments / name)]


def test_a_pattern_means_every_run_that_fits(experiments: Path) -> None:
    assert _found(experiments / "*" / "train.out", experiments) == {"hf/train.out"}
    assert len(_found(experiments / "[hm]*", experiments)) == 3
    with pytest.raises(CannotRead, match="Nothing is called"):
        runs_of(str(experiments / "*.nothing"))
