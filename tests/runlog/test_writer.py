"""Records to disk: never over an existing log, never half a line, never an exception into the training."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from flight_recorder.engine.runlog.lock import LogInUse, refuse_if_in_use
from flight_recorder.engine.runlog.reader import read_log
from flight_recorder.engine.runlog.writer import LogWriter
from tests.runlog.logs import LINES, LOG, another_process_writes


def _step(number: int) -> dict[str, Any]:
    return {"kind": "step", "step": number, "loss": 1.5}


def _steps(path: Path) -> list[int]:
    records, reader = read_log(path)
    assert not reader.damaged
    return [record["step"] for record in records if "step" in record]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inspector.log.jsonl"


def test_what_write_returned_from_is_in_the_file(path: Path) -> None:
    writer = LogWriter.create(path)
    for number in range(5):
        assert writer.write(_step(number))
        assert _steps(path) == list(range(number + 1))
    writer.close()


def test_a_record_bears_the_time_at_which_it_was_written(path: Path) -> None:
    writer = LogWriter.create(path)
    writer.write(_step(0))
    writer.write(_step(1) | {"time": 5.0})
    first, second = read_log(path)[0]
    assert abs(first["time"] - path.stat().st_mtime) < 60
    assert second["time"] == 5.0


def test_an_existing_log_is_never_overwritten(path: Path) -> None:
    path.write_bytes(LOG)
    with pytest.raises(FileExistsError):
        LogWriter.create(path)
    assert path.read_bytes() == LOG


def test_a_link_is_never_followed_out_of_the_run_folder(path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(LOG)
    path.symlink_to(victim)
    with pytest.raises(OSError):
        LogWriter.create(path)
    with pytest.raises(OSError):
        LogWriter.reopen(path)
    assert victim.read_bytes() == LOG


@pytest.mark.parametrize("length", [0, 1, len(LINES[-1]) - 1])
def test_reopening_moves_a_torn_tail_aside_and_writes_on_behind_whole_lines(path: Path, length: int) -> None:
    torn = LINES[-1][:length]
    path.write_bytes(LOG + torn)
    writer, num_torn = LogWriter.reopen(path)
    assert num_torn == length
    assert path.read_bytes() == LOG
    aside = list(path.parent.glob("*.torn-*"))
    assert [file.read_bytes() for file in aside] == ([torn] if length else [])
    writer.write(_step(9))
    writer.close()
    assert path.read_bytes().startswith(LOG)
    assert _steps(path)[-1] == 9


def test_reopening_is_right_after_a_cut_at_every_byte(path: Path) -> None:
    for end in range(0, len(LOG) + 1):
        path.write_bytes(LOG[:end])
        writer, num_torn = LogWriter.reopen(path)
        writer.close()
        kept = LOG[:end].rpartition(b"\n")[0]
        assert path.read_bytes() == (kept + b"\n" if b"\n" in LOG[:end] else b"")
        assert num_torn == end - path.stat().st_size


def test_a_second_torn_tail_at_the_same_place_does_not_overwrite_the_first(path: Path) -> None:
    for torn in (b'{"first', b'{"second'):
        path.write_bytes(LOG + torn)
        LogWriter.reopen(path)[0].close()
    kept = {file.read_bytes() for file in path.parent.glob("*.torn-*")}
    assert kept == {b'{"first', b'{"second'}


def test_a_tail_of_nul_bytes_is_moved_aside(path: Path) -> None:
    path.write_bytes(LOG + b"\0" * 200_000)
    writer, num_torn = LogWriter.reopen(path)
    writer.close()
    assert num_torn == 200_000
    assert path.read_bytes() == LOG


def test_without_room_for_the_copy_the_log_stays_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(LOG + b"{torn")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("flight_recorder.engine.runlog.writer._put_aside", full)
    with pytest.raises(OSError, match="No space"):
        LogWriter.reopen(path)
    assert path.read_bytes() == LOG + b"{torn"


def test_reopening_what_is_not_there_is_an_error(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LogWriter.reopen(path)
    assert not path.exists()


def _short_write(monkeypatch: pytest.MonkeyPatch, num_bytes: int) -> None:
    """The next writes take only so many bytes, as a disk that is nearly full does."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:num_bytes]))


def test_a_half_written_record_is_taken_back_and_counted(path: Path) -> None:
    writer = LogWriter.create(path)
    writer.write(_step(0))
    with pytest.MonkeyPatch.context() as nearly_full:
        _short_write(nearly_full, 7)
        assert not writer.write(_step(1))
    assert _steps(path) == [0]
    assert path.read_bytes().endswith(b"\n")
    assert (writer.num_lost, writer.error.errno if writer.error else 0) == (1, errno.ENOSPC)
    assert writer.write(_step(2))
    assert _steps(path) == [0, 2]


def test_a_stump_that_cannot_be_taken_back_costs_no_other_record(path: Path) -> None:
    writer = LogWriter.create(path)
    writer.write(_step(0))

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.MonkeyPatch.context() as broken:
        _short_write(broken, 7)
        broken.setattr(os, "ftruncate", refuse)
        assert not writer.write(_step(1))
    assert writer.write(_step(2))
    assert writer.write(_step(3))
    records, reader = read_log(path)
    assert [record["step"] for record in records] == [0, 2, 3]
    assert [damage.num_bytes for damage in reader.damaged] == [8]


def test_a_full_disk_never_raises_and_the_first_error_is_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = LogWriter.create(path)
    errors = iter([errno.ENOSPC, errno.EIO])

    def fail(*_: object) -> int:
        raise OSError(next(errors), "no")

    monkeypatch.setattr(os, "write", fail)
    assert not writer.write(_step(0))
    assert not writer.write(_step(1))
    assert writer.num_lost == 2
    assert writer.error is not None
    assert writer.error.errno == errno.ENOSPC
    assert path.read_bytes() == b""


def test_a_disk_that_breaks_its_promise_is_told_and_the_record_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = LogWriter.create(path)

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    assert writer.write({"kind": "evaluation", "step": 3})
    assert writer.error is not None
    assert _steps(path) == [3]
    writer.close()


def test_records_that_matter_are_synced_and_others_once_a_second(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    clock = [100.0]
    monkeypatch.setattr(os, "fdatasync", synced.append)
    monkeypatch.setattr("flight_recorder.engine.runlog.writer.time.monotonic", lambda: clock[0])
    writer = LogWriter.create(path)
    for number in range(100):
        writer.write(_step(number))
    assert not synced
    writer.write({"kind": "evaluation", "step": 100})
    assert len(synced) == 1
    clock[0] += 1.0
    writer.write(_step(101))
    writer.write(_step(102))
    assert len(synced) == 2


def test_a_log_that_another_process_writes_is_not_opened_and_stays_as_it_is(path: Path) -> None:
    path.write_bytes(LOG + b"{torn")
    with another_process_writes(path) as number:
        path.write_bytes(LOG + b"{torn")
        with pytest.raises(LogInUse, match=f"^process {number} is writing .*{path.name}"):
            LogWriter.reopen(path)
        with pytest.raises(LogInUse):
            refuse_if_in_use(path)
        assert path.read_bytes() == LOG + b"{torn"
    refuse_if_in_use(path)
    LogWriter.reopen(path)[0].close()


def test_without_the_kernels_list_the_sentence_names_no_process(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(LOG)
    with another_process_writes(path):
        monkeypatch.setattr("flight_recorder.engine.runlog.lock._KERNELS_LIST", path.with_name("none"))
        with pytest.raises(LogInUse, match="another process, here or on another machine, is writing"):
            LogWriter.reopen(path)


def test_a_file_system_without_locks_is_written_to_without_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", unknown)
    writer = LogWriter.create(path)
    assert writer.write(_step(0))


def test_within_a_process_the_later_writer_goes_on_and_the_earlier_falls_silent(path: Path) -> None:
    earlier = LogWriter.create(path)
    earlier.write(_step(0))
    later, _ = LogWriter.reopen(path)
    other = LogWriter.create(path.with_name("other.jsonl"))  # may get the descriptor that was let go
    assert not earlier.write(_step(1))
    earlier.close()
    assert later.write(_step(2)) and other.write(_step(3))
    assert (_steps(path), _steps(other.path)) == ([0, 2], [3])
    assert (earlier.num_lost, earlier.error) == (0, None)
    with pytest.raises(LogInUse):  # the lock is on the open file, so this stands for another process
        refuse_if_in_use(path)


def test_a_log_that_is_deleted_under_its_writer_is_said_and_counted(path: Path) -> None:
    writer = LogWriter.create(path)
    assert writer.write(_step(0))
    path.unlink()
    assert not writer.write(_step(1))
    assert (writer.num_lost, "deleted" in str(writer.error)) == (1, True)
    writer.close()


def test_the_exit_record_says_how_many_records_were_lost(path: Path) -> None:
    writer = LogWriter.create(path)
    with pytest.MonkeyPatch.context() as nearly_full:
        _short_write(nearly_full, 7)
        writer.write(_step(0))
    writer.write({"kind": "exit", "step": 1, "reason": "finished"})
    assert read_log(path)[0][-1]["num_lost"] == 1
