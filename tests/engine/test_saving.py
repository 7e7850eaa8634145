"""What happens to a run's files when things go wrong."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import torch

from engine.checkpoint import CheckpointError, load_checkpoint
from engine.run_folder import RunFolder, RunFolderError, locate
from engine.runlog.atomic_file import write_atomically
from engine.runlog.schema import LOG_NAME
from engine.runlog.writer import LogWriter
from tests.engine.runs import records, run, small

pytestmark = pytest.mark.torch


def _full_disk(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_that_cannot_be_finished_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.pt"
    write_atomically(path, b"old")
    monkeypatch.setattr(os, "fsync", _full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_once_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engine.saving.write_atomically", lambda path, content: _full_disk(0))
    outcome = run(tmp_path)
    assert (outcome.ending.reason, outcome.step) == ("finished", 12)
    assert not outcome.best_is_saved
    assert capsys.readouterr().out.count("No space left on device") == 1
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_who_would_rather_stop_can_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.saving.write_atomically", lambda path, content: _full_disk(0))
    outcome = run(tmp_path, small(run={"on_write_error": "stop"}))
    assert (outcome.ending.reason, outcome.step) == ("error", 5)
    assert records(tmp_path)[-1]["reason"] == "error"


def test_a_disk_that_refuses_the_first_record_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: LogWriter, record: object) -> bool:
        self.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return False

    monkeypatch.setattr(LogWriter, "write", refuse)
    with pytest.raises(RunFolderError, match=r"cannot write to the log .*No space left"):
        run(tmp_path, small(run={"on_write_error": "stop"}))


def test_no_link_in_a_run_folder_leads_a_write_out_of_it(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "run"
    outside.mkdir()
    (folder / "checkpoints").mkdir(parents=True)
    names = ["config.yaml", "manifest.json", "train.py", "checkpoints/last.pt", "checkpoints/best.pt"]
    for name in names:
        (folder / name).symlink_to(outside / Path(name).name)
    (outside / "last.pt").write_text("precious")
    assert run(folder).ending.reason == "finished"
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("last.pt", "precious")]
    assert not any((folder / name).is_symlink() for name in names)


def test_a_log_that_is_a_link_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / LOG_NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunFolderError):
        run(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("content", [b"", b"nonsense" * 100], ids=["empty", "garbage"])
def test_a_damaged_checkpoint_is_said_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"cannot read the checkpoint .*last\.pt"):
        load_checkpoint(path)


def test_half_a_checkpoint_is_said_in_one_sentence(tmp_path: Path) -> None:
    run(tmp_path, inspect=False)
    path = tmp_path / "checkpoints/last.pt"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CheckpointError, match="cannot read the checkpoint"):
        load_checkpoint(path)


def test_the_manifest_says_what_is_needed_to_get_the_same_numbers(tmp_path: Path) -> None:
    config = small()
    run(tmp_path, config)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["seed"] == 3
    assert manifest["config"] == config.model_dump(mode="json")
    assert manifest["versions"]["torch"] == torch.__version__
    assert (manifest["threads"], manifest["flush_denormal"]) == (1, True)
    assert len(manifest["data_sha256"]) == 64
    assert manifest["started"] <= manifest["ended"]
    assert manifest["outcome"] == "finished"


def test_a_resume_with_another_config_names_the_key(tmp_path: Path) -> None:
    run(tmp_path, stop_after=6)
    folder = RunFolder(tmp_path, tmp_path / "source.yaml")
    with pytest.raises(RunFolderError, match=r"another training\.lr_max, seed;"):
        folder.check(small(seed=4, training={"lr_max": 0.1}), resume=True)
    folder.check(small(training={"T": 20}, run={"threads": 2}), resume=True)


def test_there_is_nothing_to_resume_in_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="holds no run to resume"):
        RunFolder(tmp_path, tmp_path / "source.yaml").check(small(), resume=True)


def test_a_run_that_died_before_its_first_checkpoint_resumes_from_the_best(tmp_path: Path) -> None:
    run(tmp_path, small(training={"ckpt_every": 0}), stop_after=6)
    (tmp_path / "checkpoints/last.pt").unlink()
    outcome = run(tmp_path, small(training={"ckpt_every": 0}), resume=True)
    assert records(tmp_path, "resume")[0]["step"] == 5
    assert outcome.step == 12
    assert outcome.best_is_saved


def test_a_config_in_the_run_folder_is_not_overwritten(tmp_path: Path) -> None:
    own = tmp_path / "config.yaml"
    own.write_text("seed: 3  # my own words\n")
    RunFolder(tmp_path, own).prepare(small())
    assert own.read_text() == "seed: 3  # my own words\n"
    assert (tmp_path / "config.resolved.yaml").exists()


@pytest.mark.parametrize(
    ("config_path", "run_dir", "out", "expected"),
    [
        ("configs/healthy.yaml", None, None, "experiments/healthy"),
        ("configs/healthy.yaml", "mine", None, "mine"),
        ("configs/healthy.yaml", "mine", "there", "there"),
        ("/labs/19-overfit/config.yaml", None, None, "/labs/19-overfit"),
    ],
)
def test_the_run_folder_is_where_it_was_promised(
    config_path: str, run_dir: str | None, out: str | None, expected: str
) -> None:
    found = locate(small(run={"dir": run_dir}), Path(config_path), Path(out) if out else None)
    assert found == Path(expected)
