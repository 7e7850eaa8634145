"""What happens to a run's files when things go wrong."""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from flight_recorder.engine.run.checkpoint import CheckpointError, load_checkpoint, serialized
from flight_recorder.engine.run.run_folder import RunFolder, RunFolderError, locate
from flight_recorder.engine.runlog.atomic_file import write_atomically
from flight_recorder.engine.runlog.schema import LOG_NAME
from flight_recorder.engine.runlog.writer import LogWriter
from tests.engine.runs import records, run, small
from tests.runlog.logs import another_process_writes

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
    monkeypatch.setattr(
        "flight_recorder.engine.run.saving.write_atomically", lambda path, content: _full_disk(0)
    )
    outcome = run(tmp_path)
    assert (outcome.ending.reason, outcome.step) == ("finished", 12)
    assert not outcome.best_is_saved
    assert capsys.readouterr().out.count("No space left on device") == 1
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_who_would_rather_stop_can_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "flight_recorder.engine.run.saving.write_atomically", lambda path, content: _full_disk(0)
    )
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


def _flipped(content: bytes, bit: int) -> bytes:
    number, mask = bit // 8, 1 << bit % 8
    return content[:number] + bytes([content[number] ^ mask]) + content[number + 1 :]


def test_a_single_flipped_bit_anywhere_in_a_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    whole = _state_bytes()
    bits = random.Random(0).sample(range(8 * len(whole)), 60)
    bits += range(8 * len(whole) - 8 * 100, 8 * len(whole), 7)  # the end of the archive and the digest
    for bit in bits:
        path.write_bytes(_flipped(whole, bit))
        with pytest.raises(CheckpointError, match="it is damaged"):
            load_checkpoint(path)
    path.write_bytes(whole)
    assert load_checkpoint(path)["step"] == 7


def _state_bytes(**changed: object) -> bytes:
    state = {
        "step": 7, "model": {"w": torch.randn(200)}, "optimizer": {}, "rng": [], "progress": {},
        "instruments": {},
    }  # fmt: skip
    return serialized(state | changed)


def test_a_checkpoint_of_before_the_digest_is_loaded_and_torch_reads_one_with_it(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    path.write_bytes(_state_bytes())
    state = torch.load(path, weights_only=True)
    torch.save(state, path)
    assert not path.read_bytes()[-80:].count(b"sha256:")
    assert load_checkpoint(path)["step"] == 7
    whole = path.read_bytes()
    place = whole.index(state["model"]["w"].numpy().tobytes())
    path.write_bytes(_flipped(whole, 8 * place + 3))
    with pytest.raises(CheckpointError, match="it is damaged"):
        load_checkpoint(path)


def test_a_damaged_checkpoint_offers_the_newest_other_one(tmp_path: Path) -> None:
    for age, name in enumerate(("step-000500.pt", "best.pt")):
        (tmp_path / name).write_bytes(_state_bytes())
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / "last.pt").write_bytes(_state_bytes()[:-9])
    with pytest.raises(
        CheckpointError, match=r"to go on from step-000500\.pt, cp \S+step-000500\.pt \S+last"
    ):
        load_checkpoint(tmp_path / "last.pt")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: [1, 2],
        lambda state: {**state, "format": 2},
        lambda state: {name: part for name, part in state.items() if name != "optimizer"},
        lambda state: {**state, "step": "7"},
        lambda state: {**state, "model": {"w": torch.zeros(3)}},
        lambda state: {**state, "model": {name: t.flatten()[:-1] for name, t in state["model"].items()}},
        lambda state: {**state, "model": {**state["model"], "more": torch.zeros(3)}},
        lambda state: {**state, "optimizer": {"state": {}, "param_groups": []}},
        lambda state: {**state, "optimizer": {"state": 3}},
        lambda state: {**state, "rng": [{"cpu": torch.zeros(3)}]},
        lambda state: {**state, "rng": [[]]},
        lambda state: {**state, "progress": {}},
    ],
)
def test_a_whole_checkpoint_of_another_shape_is_said_in_one_sentence(
    tmp_path: Path, spoil: Callable[[Any], Any]
) -> None:
    run(tmp_path, stop_after=6)
    path, log = tmp_path / "checkpoints/last.pt", (tmp_path / LOG_NAME).read_bytes()
    torch.save(spoil(torch.load(path, weights_only=True)), path)
    with pytest.raises(CheckpointError, match=r"last\.pt is n.*to go on from ") as refusal:
        run(tmp_path, resume=True)
    assert "\n" not in str(refusal.value)
    assert (tmp_path / LOG_NAME).read_bytes() == log


def test_a_run_that_died_before_its_first_checkpoint_starts_again_and_keeps_its_old_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, small(training={"ckpt_every": 0, "eval_every": 0}), stop_after=3)
    (tmp_path / "checkpoints/last.pt").unlink()
    first = (tmp_path / LOG_NAME).read_bytes()
    folder = RunFolder(tmp_path, tmp_path / "source.yaml")
    with pytest.raises(RunFolderError, match="continue it with --resume"):
        folder.check(small(), resume=False)
    with pytest.raises(RunFolderError, match="had another seed"):
        folder.check(small(seed=4, training={"ckpt_every": 0, "eval_every": 0}), resume=True)
    capsys.readouterr()
    folder.check(small(training={"ckpt_every": 0, "eval_every": 0}), resume=True)
    outcome = run(tmp_path, small(training={"ckpt_every": 0, "eval_every": 0}), resume=True)
    assert outcome.step == 12
    assert [record["step"] for record in records(tmp_path, "step")] == list(range(12))
    assert (tmp_path / f"{LOG_NAME}.aside-1").read_bytes() == first
    assert f"kept as {LOG_NAME}.aside-1" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"[1]", b'{"config": {"speed": 1}}', b"[" * 100_000])
def test_a_manifest_that_is_none_is_no_traceback(tmp_path: Path, content: bytes) -> None:
    run(tmp_path, stop_after=6)
    (tmp_path / "manifest.json").write_bytes(content)
    folder = RunFolder(tmp_path, tmp_path / "source.yaml")
    if b"config" in content:
        with pytest.raises(RunFolderError, match="holds no config that this version knows"):
            folder.check(small(), resume=True)
    else:
        folder.check(small(), resume=True)


def test_a_second_engine_on_the_same_folder_is_refused_while_the_first_one_trains(tmp_path: Path) -> None:
    run(tmp_path, stop_after=6)
    with another_process_writes(tmp_path / LOG_NAME) as number:
        for resume in (True, False):
            with pytest.raises(RunFolderError, match=f"process {number} is writing .*--out"):
                RunFolder(tmp_path, tmp_path / "source.yaml").check(small(), resume=resume)
        log = (tmp_path / LOG_NAME).read_bytes()
        with pytest.raises(RunFolderError, match=f"process {number} is writing"):
            run(tmp_path, resume=True)
        assert (tmp_path / LOG_NAME).read_bytes() == log
    assert run(tmp_path, resume=True).step == 12  # killed with -9: the lock went with it


def test_records_that_were_lost_are_counted_in_the_exit_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write, calls = os.write, itertools.count()

    def full_for_a_while(descriptor: int, data: bytes) -> int:
        if b'"kind":"step"' in data and 3 <= next(calls) < 6:
            _full_disk(descriptor)
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", full_for_a_while)
    assert run(tmp_path).ending.reason == "finished"
    assert records(tmp_path)[-1]["num_lost"] == 3
    assert [record["step"] for record in records(tmp_path, "step")] == [0, 1, 2, *range(6, 12)]
    assert capsys.readouterr().out.count("cannot write to the log") == 1
