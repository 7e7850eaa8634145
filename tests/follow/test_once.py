"""Reading a log that is there, and the sentences for what cannot be read."""

from __future__ import annotations

import io
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from flight_recorder.tui.commands import app
from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.locate.recorded import locate, locate_all
from tests.follow.files import numbers, records, step, steps
from tests.sources.reading import RECORDED


def test_a_log_is_read_to_its_end_in_blocks(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(steps(range(20_000)))
    batches = list(read_all(log))
    assert len(batches) > 1
    assert numbers(batches) == list(range(20_000))
    assert batches[-1].next_offset == batches[-1].size_bytes == log.stat().st_size


def test_a_folder_is_read_as_its_newest_log_of_our_own(tmp_path: Path) -> None:
    for name, age in (("old", 100), ("new", 10)):
        run = tmp_path / name
        run.mkdir()
        log = run / "inspector.log.jsonl"
        log.write_bytes(step(age))
        os.utime(log, (1e9 - age, 1e9 - age))
    (tmp_path / "train.out").write_bytes((RECORDED / "huggingface.5.x.out").read_bytes())
    assert numbers(read_all(tmp_path)) == [10]
    assert len(locate_all([tmp_path])) == 3


def test_what_lies_beside_our_own_log_is_not_another_run(tmp_path: Path) -> None:
    (tmp_path / "inspector.log.jsonl").write_bytes(step(0))
    (tmp_path / "train.out").write_bytes((RECORDED / "huggingface.5.x.out").read_bytes())
    assert locate_all([tmp_path]) == [tmp_path / "inspector.log.jsonl"]


def test_a_folder_of_a_foreign_run_is_read_as_the_log_in_it(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a log\n")
    (tmp_path / "train.py").write_text("print('iter 1: loss 2.0')\n")
    (tmp_path / "whatever").write_bytes((RECORDED / "huggingface.5.x.out").read_bytes())
    assert locate(tmp_path) == tmp_path / "whatever"


def test_a_pattern_means_every_log_that_it_matches_and_each_once(tmp_path: Path) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_bytes(step(0))
    found = locate_all([tmp_path / "*.log", tmp_path / "a.log"])
    assert found == [tmp_path / "a.log", tmp_path / "b.log"]


def test_standard_input_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(steps(range(3)))))
    batches = list(read_all("-"))
    assert numbers(batches) == [0, 1, 2]
    assert batches[-1].pulse is Pulse.CRASHED


def test_the_end_completes_what_waited_for_more(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(b'{"step": 1, "loss": 2.0}\n{"step": 2, "lr": 0.1}\n{"step": 3, "loss": 1.0}')
    assert [record["step"] for record in records(read_all(log))[1:]] == [1, 2, 3]


def test_event_files_of_a_folder_are_read_one_after_the_other(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the tensorboard extra is not installed")
    data = (RECORDED / "summary_writer.events").read_bytes()
    for start in (1, 2):
        (tmp_path / f"events.out.tfevents.{start}.host").write_bytes(data)
    assert len([record for record in records(read_all(tmp_path)) if record["kind"] == "resume"]) == 1


@pytest.mark.parametrize(
    "make, sentence",
    [
        (lambda path: None, r"There is no file or folder .*\."),
        (lambda path: path.mkdir(), r"There is no training log in the folder .*name the file"),
        (lambda path: path.touch(), r"is empty"),
        (lambda path: path.write_bytes(b"\x7fELSE\0\0\0"), r"is a binary file"),
        (lambda path: path.write_text("Dear diary\n"), r"not a training log that I know: .*--map"),
        (
            lambda path: path.write_bytes(b'{"kind":"header","format":"9.0"}\n'),
            r"format 9\.0.* install a newer",
        ),
    ],
    ids=["missing", "folder without a log", "empty", "binary", "diary", "newer format"],
)
def test_what_cannot_be_read_is_one_sentence(make, sentence: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "x"
    make(path)
    with pytest.raises(CannotRead, match=sentence) as error:
        list(read_all(path))
    assert "\n" not in str(error.value)


def test_a_name_with_escapes_is_harmless_in_the_sentence(tmp_path: Path) -> None:
    with pytest.raises(CannotRead) as error:
        list(read_all(tmp_path / "\x1b[31mred"))
    assert "\x1b" not in str(error.value)


def test_a_file_that_may_not_be_read_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    path.write_bytes(step(0))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("flight_recorder.tui.sources.locate.recorded._try_to_open", refuse)
    with pytest.raises(CannotRead, match="permission denied"):
        list(read_all(path))


@pytest.mark.timeout(30)
@pytest.mark.parametrize("command", ["check", "show"])
def test_a_pipe_without_a_writer_is_a_sentence(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flight_recorder.tui.follow.once.WRITER_WAIT_S", 0.05)
    os.mkfifo(tmp_path / "pipe")
    result = CliRunner().invoke(app, [command, str(tmp_path / "pipe")])

    assert result.exit_code == 2
    assert "a pipe that nobody writes to" in result.stderr


@pytest.mark.timeout(30)
def test_a_pipe_whose_writer_takes_its_time_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flight_recorder.tui.follow.once.WRITER_WAIT_S", 20.0)
    os.mkfifo(tmp_path / "pipe")

    def write() -> None:
        with (tmp_path / "pipe").open("wb", buffering=0) as pipe:
            for number in range(5):
                time.sleep(0.02)
                pipe.write(step(number))

    writer = threading.Thread(target=write)
    writer.start()
    found = numbers(read_all(tmp_path / "pipe"))
    writer.join()
    assert found == [0, 1, 2, 3, 4]


def test_a_device_that_has_nothing_to_read_is_a_sentence(tmp_path: Path) -> None:
    control, terminal = os.openpty()
    try:
        with pytest.raises(CannotRead, match="nothing to read now"):
            list(read_all(os.ttyname(terminal)))
    finally:
        os.close(control)
        os.close(terminal)
