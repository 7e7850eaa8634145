"""Which runs a folder of experiments holds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate.recorded import locate
from flight_recorder.tui.sources.locate.runs import runs_in, runs_of
from flight_recorder.tui.sources.tables.scanned import ScannedParser
from tests.sources.reading import LOGS, RECORDED


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


def test_a_file_that_breaks_its_reader_hides_no_log_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def records_in(parser: ScannedParser, text: str) -> Iterable[Record]:
        if text == "boom":
            raise OverflowError("too large")
        return right(parser, text)

    right = ScannedParser.records_in
    monkeypatch.setattr(ScannedParser, "records_in", records_in)
    (tmp_path / "bad.txt").write_text("boom\n")
    (tmp_path / "good.csv").write_text("step,loss\n1,2\n")

    assert runs_of(str(tmp_path)) == [str(tmp_path)]
    assert locate(tmp_path) == tmp_path / "good.csv"


def test_many_newer_files_of_another_ending_hide_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flight_recorder.tui.sources.locate.recorded.MAX_CANDIDATES", 3)
    (tmp_path / "train.log").write_text("step 1 loss 2\nstep 2 loss 2\nstep 3 loss 1\n")
    os.utime(tmp_path / "train.log", (1e9, 1e9))
    for number in range(9):
        (tmp_path / f"{number}.txt").write_text("a sample\n")

    assert locate(tmp_path) == tmp_path / "train.log"
    assert runs_in(tmp_path) == [tmp_path / "train.log"]
    (tmp_path / "train.log").unlink()
    with pytest.raises(CannotRead, match="among the 3 files of 9"):
        locate(tmp_path)
