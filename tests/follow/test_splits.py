"""Two writers of one run, a folder each, read and followed as one run."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest

from flight_recorder.tui.follow.batch import Batch
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.follow.splits import PathFollower
from flight_recorder.tui.follow.tail import RELOCATE_INTERVAL_S
from flight_recorder.tui.sources.formats import tensorboard_events
from flight_recorder.tui.sources.locate.runs import runs_of_all
from tests.follow.files import Clock, append, drain, records


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


def _seen(batches: list[Batch]) -> list[tuple[str, int, float]]:
    return [
        (record["kind"], record["step"], record["loss" if "loss" in record else "val_loss"])
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


def _table(path: Path, name: str, losses: dict[int, float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    separator = "\t" if path.suffix == ".tsv" else ","
    rows = [f"step{separator}{name}", *(f"{step}{separator}{loss}" for step, loss in losses.items())]
    path.write_text("".join(row + "\n" for row in rows))


TABLES = [
    ("plots/metrics/train/loss.tsv", "plots/metrics/val/loss.tsv", "loss", "loss"),
    ("plots/metrics/train/loss.tsv", "plots/metrics/eval/loss.tsv", "loss", "loss"),
    ("train.csv", "val.csv", "loss", "loss"),
    ("loss.tsv", "val_loss.tsv", "loss", "val_loss"),
    ("metrics-train.csv", "metrics-test.csv", "loss", "loss"),
]


def _two_tables(run: Path, train: str, val: str, train_name: str, val_name: str) -> None:
    _table(run / train, train_name, {0: 4.0, 1: 3.0, 2: 2.0})
    _table(run / val, val_name, {1: 3.5})


@pytest.mark.parametrize("names", TABLES)
def test_a_table_a_split_is_one_run(tmp_path: Path, names: tuple[str, str, str, str]) -> None:
    _two_tables(tmp_path, *names)
    assert _seen(list(read_all(tmp_path))) == EXPECTED
    (run,) = runs_of_all([str(tmp_path)])
    batches = list(read_all(run))
    assert _seen(batches) == EXPECTED
    (header,) = [record for record in records(batches) if record["kind"] == "header"]
    (note,) = header["notes"]
    assert note.startswith("read as one run: ")
    assert all(name.rpartition("/")[2] in note for name in names[:2])


@pytest.mark.parametrize("names", TABLES)
def test_following_tables_gives_what_reading_them_gives(
    tmp_path: Path, names: tuple[str, str, str, str]
) -> None:
    clock = Clock()
    follower = PathFollower(tmp_path, clock=clock)
    _two_tables(tmp_path, *names)
    assert _seen(_followed(follower, clock)) == EXPECTED
    append(tmp_path / names[0], b"3\t1.0\n" if names[0].endswith("tsv") else b"3,1.0\n")
    assert _seen(drain(follower)) == [("step", 3, 1.0)]  # type: ignore[arg-type]


@pytest.mark.parametrize("other", ["other.csv", "val.csv.bak", "val.jsonl", "val/notes.csv"])
def test_a_table_whose_other_half_is_none_stays_alone(tmp_path: Path, other: str) -> None:
    _table(tmp_path / "train.csv", "loss", {0: 4.0, 1: 3.0})
    _table(tmp_path / other, "accuracy", {0: 0.5})
    assert len(_seen(list(read_all(tmp_path)))) == 2


def test_runs_in_one_folder_are_not_taken_for_splits(tmp_path: Path) -> None:
    for number in range(3):
        _table(tmp_path / f"run{number}.csv", "loss", {0: 4.0, 1: 3.0})
    _table(tmp_path / "run2_val.csv", "loss", {0: 4.0})
    assert len(runs_of_all([str(tmp_path)])) == 4


def test_a_table_that_was_named_is_read_alone(tmp_path: Path) -> None:
    _two_tables(tmp_path, *TABLES[2])
    assert len(_seen(list(read_all(tmp_path / "train.csv")))) == 3
    _two_tables(tmp_path / "b", *TABLES[0])
    assert len(_seen(list(read_all(tmp_path / "b" / "plots" / "metrics" / "train")))) == 3


def test_the_validation_set_is_preferred_to_the_test_set(tmp_path: Path) -> None:
    _two_tables(tmp_path, *TABLES[2])
    _table(tmp_path / "test.csv", "loss", {1: 9.0})
    assert _seen(list(read_all(tmp_path))) == EXPECTED


def test_a_table_that_begins_again_keeps_its_order(tmp_path: Path) -> None:
    _table(tmp_path / "train.csv", "loss", {0: 4.0, 1: 3.0, 2: 2.0})
    append(tmp_path / "train.csv", b"1,3.0\n2,1.9\n")
    _table(tmp_path / "val.csv", "loss", {1: 3.5})
    kinds = [(record["kind"], record.get("step")) for record in records(read_all(tmp_path))][1:]
    assert kinds == [
        ("step", 0), ("step", 1), ("evaluation", 1), ("step", 2), ("resume", 1), ("step", 1), ("step", 2)
    ]  # fmt: skip
