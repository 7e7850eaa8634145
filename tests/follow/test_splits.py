"""Two writers of one run, a folder each, read and followed as one run."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest

from tests.follow.files import Clock, append, drain, records
from tui.follow.once import read_all
from tui.follow.splits import PathFollower
from tui.follow.tail import RELOCATE_INTERVAL_S
from tui.sources import tensorboard_events


def _scalars(payload: bytes) -> list[tuple[str, float, int, float]]:
    if payload.startswith(b"brain"):
        return []
    tag, value, step = payload.decode().split()
    return [(tag, float(value), int(step), 1.7e9 + int(step))]


@pytest.fixture(autouse=True)
def _without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard_events, "_package", lambda: (_scalars, zlib.crc32))


def _event(text: str) -> bytes:
    payload = text.encode()
    length = struct.pack("<Q", len(payload))
    sums = [struct.pack("<I", zlib.crc32(data)) for data in (length, payload)]
    return length + sums[0] + payload + sums[1]


def _log(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "events.out.tfevents.1.host"
    if not path.exists():
        path.write_bytes(_event("brain.Event:2 and room"))
    return path


def _write(folder: Path, *scalars: str) -> None:
    append(_log(folder), b"".join(map(_event, scalars)))


def _seen(batches: list) -> list[tuple[str, int, float]]:  # type: ignore[type-arg]
    return [
        (record["kind"], record["step"], record.get("loss", record.get("val_loss")))
        for record in records(batches)
        if record["kind"] in ("step", "evaluation")
    ]


EXPECTED = [("step", 0, 4.0), ("step", 1, 3.0), ("evaluation", 1, 3.5), ("step", 2, 2.0)]


def _two_writers(run: Path) -> None:
    _write(run / "train", "loss 4 0", "loss 3 1", "loss 2 2")
    _write(run / "val", "loss 3.5 1")


def test_the_folder_says_which_split_a_tag_is_of(tmp_path: Path) -> None:
    _two_writers(tmp_path)
    assert _seen(list(read_all(tmp_path))) == EXPECTED


def test_a_folder_of_one_split_that_was_named_is_read_alone(tmp_path: Path) -> None:
    _two_writers(tmp_path)
    assert len(_seen(list(read_all(tmp_path / "train")))) == 3


def test_scalars_beside_the_splits_belong_to_the_run(tmp_path: Path) -> None:
    _two_writers(tmp_path)
    _write(tmp_path, "lr 0.5 0")
    (first, *_) = [record for record in records(read_all(tmp_path)) if "lr" in record]
    assert first["lr"] == 0.5


def _followed(follower: PathFollower, clock: Clock) -> list:  # type: ignore[type-arg]
    batches = drain(follower)  # type: ignore[arg-type]
    clock.now += 10.0  # the step that waits for more is settled
    return [*batches, *drain(follower)]  # type: ignore[arg-type]


def test_following_both_gives_what_reading_both_gives(tmp_path: Path) -> None:
    clock = Clock()
    follower = PathFollower(tmp_path, clock=clock)
    _two_writers(tmp_path)
    batches = _followed(follower, clock)
    assert sorted(_seen(batches)) == sorted(EXPECTED)
    _write(tmp_path / "train", "loss 1 3", "loss 1 4")
    assert ("step", 3, 1.0) in _seen(drain(follower))  # type: ignore[arg-type]


def test_a_writer_that_begins_later_joins_the_run(tmp_path: Path) -> None:
    clock = Clock()
    follower = PathFollower(tmp_path, clock=clock)
    _write(tmp_path / "train", "loss 4 0", "loss 3 1", "loss 2 2")
    batches = _followed(follower, clock)
    _write(tmp_path / "val", "loss 3.5 1")
    clock.now += 2 * RELOCATE_INTERVAL_S
    later = _followed(follower, clock)
    assert later[0].restarted
    assert sorted(_seen([*batches, *later])) == sorted(EXPECTED)


def test_a_path_that_is_no_folder_of_splits_is_followed_as_ever(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    follower = PathFollower(log, clock=Clock())
    assert follower.poll() is None
    log.write_text('{"step": 1, "loss": 2.0}\n')
    assert _seen(drain(follower)) == [("step", 1, 2.0)]  # type: ignore[arg-type]
    assert follower.is_caught_up


@pytest.mark.parametrize("has_splits", [True, False])
def test_a_folder_of_runs_stays_with_the_run_that_it_began_with(tmp_path: Path, has_splits: bool) -> None:
    clock = Clock()
    follower = PathFollower(tmp_path, clock=clock)
    if has_splits:
        _two_writers(tmp_path / "one")
    else:
        _write(tmp_path / "one", "loss 4 0", "loss 3 1", "loss 2 2")
    before = _followed(follower, clock)
    _write(tmp_path / "two" / "train", "loss 9 0", "loss 9 1")
    _write(tmp_path / "two" / "val", "loss 9 1")
    for log in (tmp_path / "two").rglob("*host"):
        os.utime(log, (4e9, 4e9))
    clock.now += 2 * RELOCATE_INTERVAL_S
    assert not _seen(_followed(follower, clock))
    assert ("step", 2, 2.0) in _seen(before)
