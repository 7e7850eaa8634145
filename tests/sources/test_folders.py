"""What is said of a folder in which nothing can be read, and which of its files is taken."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flight_recorder.tui.commands import app
from flight_recorder.tui.follow.splits import PathFollower
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate import recorded
from flight_recorder.tui.sources.locate.recorded import locate
from flight_recorder.tui.sources.locate.runs import runs_of_all
from flight_recorder.tui.sources.naming.options import GivenNames, SourceOptions
from tests.sources.reading import RECORDED

YOLO = "epoch,train/box_loss,train/cls_loss,val/box_loss\n1,2.0,3.0,2.1\n2,1.5,2.5,1.8\n"


@pytest.fixture
def _no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tensorboard.compat.proto.event_pb2", "wandb.proto.wandb_internal_pb2"):
        monkeypatch.setitem(sys.modules, name, None)


def _run(*words: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.output


def _copy(name: str, to: Path) -> Path:
    to.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(RECORDED / name, to))


@pytest.mark.usefixtures("_no_extras")
@pytest.mark.parametrize("command", ["check", "show", "report", "export --to csv"])
@pytest.mark.parametrize(
    "sample, name, extra",
    [
        ("summary_writer.events", "tb/events.out.tfevents.1.host", "tensorboard"),
        ("offline.wandb", "wandb/offline-run-1/run-1.wandb", "wandb"),
    ],
)
def test_a_folder_that_needs_an_extra_says_which(
    command: str, sample: str, name: str, extra: str, tmp_path: Path
) -> None:
    _copy(sample, tmp_path / name)
    code, output = _run(*command.split(), tmp_path / name.split("/")[0])
    assert code == 2
    assert f"pip install 'training-flight-recorder[{extra}]'" in output


@pytest.mark.usefixtures("_no_extras")
def test_a_monitor_of_such_a_folder_is_told_too(tmp_path: Path) -> None:
    _copy("summary_writer.events", tmp_path / "tb" / "events.out.tfevents.1.host")
    with pytest.raises(CannotRead, match=r"\[tensorboard\]"):
        PathFollower(tmp_path / "tb").poll()


@pytest.mark.usefixtures("_no_extras")
def test_what_can_be_read_comes_before_what_needs_an_extra(tmp_path: Path) -> None:
    table = _copy("metrics.csv", tmp_path / "metrics.csv")
    os.utime(table, (1e9, 1e9))
    _copy("summary_writer.events", tmp_path / "events.out.tfevents.1.host")
    assert locate(tmp_path) == table


def test_a_table_without_a_loss_by_name_is_found_and_read_by_what_is_nearest(tmp_path: Path) -> None:
    table = tmp_path / "yolo" / "results.csv"
    table.parent.mkdir()
    table.write_text(YOLO)
    code, output = _run("check", table.parent, "--fail-on", "black")
    assert code == 0
    assert str(table) in output
    code, output = _run("check", table.parent, "--map", "loss=train/box_loss", "--fail-on", "black")
    assert code == 0
    assert str(table) in output


def test_looking_at_other_files_meets_no_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("step,my_loss\n1,2.0\n")
    names = GivenNames({"loss": "my_loss"})
    assert locate(tmp_path, SourceOptions(names))
    assert names.unmet()


def test_a_log_is_found_among_many_newer_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "MAX_CANDIDATES", 5)
    for number in range(20):
        (tmp_path / f"{number}.txt").write_text("a sentence\n")
    log = tmp_path / "m.jsonl"
    log.write_text('{"step": 1, "loss": 2.0}\n')
    os.utime(log, (1e9, 1e9))
    assert locate(tmp_path) == log
    assert runs_of_all([str(tmp_path)]) == [str(log)]
    log.unlink()
    with pytest.raises(CannotRead, match="among the 5 files of 20"):
        locate(tmp_path)


def test_all_logs_of_a_trainer_s_folder_are_one_run(tmp_path: Path) -> None:
    state = _copy("5.x.trainer_state.json", tmp_path / "trainer_state.json")
    os.utime(state, (4e9, 4e9))
    (tmp_path / "trainer_log.jsonl").write_text(json.dumps({"step": 1, "loss": 2.0}) + "\n")
    _copy("5.x.trainer_state.json", tmp_path / "checkpoint-24" / "trainer_state.json")
    assert runs_of_all([str(tmp_path)]) == [str(state)]


def test_a_log_of_a_later_version_hides_no_other(tmp_path: Path) -> None:
    good = tmp_path / "b.jsonl"
    good.write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.9}\n')
    (tmp_path / "a.jsonl").write_text('{"kind": "header", "format": "99.0"}\n')
    assert locate(tmp_path) == good
    code, output = _run("check", tmp_path)
    assert code == 2
    assert [line[:8] for line in output.splitlines()] == ["✓ GREEN ", "? UNREAD"]
    assert "99.0" in output
