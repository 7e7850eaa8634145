"""The index of a log: nothing but speed depends on it, and nothing in it is believed unseen."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flight_recorder.engine.runlog.codec import Record, encode
from flight_recorder.tui.follow import index
from flight_recorder.tui.follow.tail import Follower
from flight_recorder.tui.report.terminal.verdicts import as_json
from flight_recorder.tui.run import Run
from flight_recorder.tui.series.stored import stored
from flight_recorder.tui.sources.formats.runlog import RunlogParser
from flight_recorder.tui.sources.parser import SourceOptions
from tests.follow.files import append, step, steps

HEADER = encode({"kind": "header", "format": "1.0", "name": "long", "layers": ["a", "b"], "vocab_size": 512})
MIXED = (
    HEADER
    + encode({"kind": "initial", "step": 0, "weight_std": [0.02, "nan"]})
    + steps(range(40), time=5.0, activation=[1.0, 2.0])
    + encode({"kind": "evaluation", "step": 40, "time": 6.0, "val_loss": 2.0, "train_loss": 1.5})
    + b"garbage\n"
    + step(40, lr=0.1, nonfinite_site="block_0", loss=float("nan"))
    + encode({"kind": "checkpoint", "step": 41, "path": "x.pt"})
    + steps(range(41, 60))
    + encode({"kind": "resume", "step": 50})
    + steps(range(50, 70), lr=0.2)
    + step(3)
)
ENDINGS = {
    "as it was": b"",
    "grown": steps(range(70, 90)) + encode({"kind": "exit", "reason": "finished", "step": 90}),
    "grown from a torn line": b'{"kind":"st',
    "resumed": encode({"kind": "resume", "step": 20}) + steps(range(20, 45)),
    "damaged": b"\0\0 not a record\n" + steps(range(70, 75)),
}


def _log(folder: Path, content: bytes = MIXED) -> Path:
    path = folder / "inspector.log.jsonl"
    path.write_bytes(content)
    return path


def _opened(path: Path, options: SourceOptions | None = None) -> tuple[Run, Follower]:
    follower, run = Follower(path, options, newest_first=True), Run("x")
    while (batch := follower.poll()) is not None:
        run.extend(batch)
    return run, follower


def _indexed(path: Path) -> Path:
    """The index of a log, written by one who has read all of it."""
    run, follower = _opened(path)
    follower.store(stored(run.recording, run.next_offset, run.damaged), lambda: True)
    follower.close()
    place = _place(path)
    assert place.exists()
    return place


def _place(path: Path) -> Path:
    place = index.place_of(path)
    assert place is not None
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _is_used(path: Path) -> bool:
    with path.open("rb") as file:
        return index.read(path, file.fileno()) is not None


def _facts(run: Run) -> dict[str, Any]:
    """All there is to know of a run."""
    recording = run.recording
    columns = {
        f"{kind}/{name}": (table[name].steps.tolist(), repr(table[name].values.tolist()))
        for kind, table in (("step", recording.steps), ("evaluation", recording.evaluations))
        for name in table.names
    }
    singles = repr((recording.header, recording.initial, recording.checkpoints, recording.resumes))
    return {
        "columns": columns,
        "order": list(columns),
        "singles": singles,
        "exit": recording.exit,
        "texts": recording.texts,
        "resets": (recording.num_resets, recording.num_out_of_order),
        "items": (recording.steps.num_items, recording.steps.item_names),
        "damaged": run.damaged,
        "verdicts": repr(run.judge.verdicts),
        "said": as_json(run),
        "place": (run.next_offset, run.size_bytes, run.pulse, run.format),
    }


@pytest.mark.parametrize("ending", ENDINGS)
def test_everything_is_the_same_with_and_without_an_index(tmp_path: Path, ending: str) -> None:
    path = _log(tmp_path)
    place = _indexed(path)
    append(path, ENDINGS[ending])
    assert _is_used(path)
    with_index, _ = _opened(path)
    place.unlink()
    without, _ = _opened(path)
    assert _facts(with_index) == _facts(without)


def test_no_byte_that_the_index_covers_is_parsed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _log(tmp_path)
    _indexed(path)
    new = steps(range(70, 75))
    append(path, new)
    num_bytes: list[int] = []
    feed = RunlogParser.feed

    def counted(parser: RunlogParser, data: bytes) -> list[Record]:
        num_bytes.append(len(data))
        return feed(parser, data)

    monkeypatch.setattr(RunlogParser, "feed", counted)
    run, _ = _opened(path)
    assert sum(num_bytes) == len(new)
    assert run.recording.last_step == 74


def test_an_index_written_from_an_index_is_the_same(tmp_path: Path) -> None:
    path = _log(tmp_path)
    first = _indexed(path).read_bytes()
    assert _indexed(path).read_bytes() == first


@pytest.mark.parametrize(
    "content",
    [
        MIXED[: len(MIXED) // 2],
        MIXED.replace(b"1.5", b"1.6", 1),
        HEADER + MIXED,
        b"",
    ],
    ids=["truncated", "a digit changed", "another beginning", "emptied"],
)
def test_a_log_that_was_rewritten_is_read_anew(tmp_path: Path, content: bytes) -> None:
    path = _log(tmp_path)
    _indexed(path)
    path.write_bytes(content)
    assert not _is_used(path)


def _with_head(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The index with another head and, like a forger's, the right sum."""
    import zlib

    start = len(index._MAGIC) + 8
    size = int.from_bytes(data[start - 8 : start], "little")
    head = json.loads(data[start : start + size])
    change(head)
    text = json.dumps(head).encode()
    body = data[: start - 8] + len(text).to_bytes(8, "little") + text + data[start + size : -4]
    return body + zlib.crc32(body).to_bytes(4, "little")


def _set(name: str, value: Any) -> Callable[[dict[str, Any]], object]:
    return lambda head: head.__setitem__(name, value)


FORGED = [
    _set("offset", -1),
    _set("offset", 2**80),
    _set("offset", "0"),
    _set("offset", None),
    _set("fingerprint", ""),
    _set("tables", {}),
    _set("tables", {"step": [2**60, []], "evaluation": [0, []]}),
    _set("tables", {"step": [-1, []], "evaluation": [0, []]}),
    _set("tables", {"step": [1e300, []], "evaluation": [True, []]}),
    lambda head: head["tables"]["step"][1][0].__setitem__(1, 10**9),
    lambda head: head["tables"]["step"][1][0].__setitem__(0, ["x"]),
    lambda head: head["tables"]["step"][1].pop(),
    _set("records", ["{}"]),
    _set("records", ['{"kind":"header"}']),
    _set("records", ['{"kind":"resume","step":-5}']),
    _set("records", ['{"kind":"step","step":5}']),
    _set("records", [5]),
    _set("texts", [[1]]),
    _set("damaged", [["a", "b", "c"]]),
    _set("num_out_of_order", "many"),
    lambda head: head.pop("records"),
]


@pytest.mark.parametrize("change", FORGED)
def test_a_forged_head_is_passed_over(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = _log(tmp_path)
    place = _indexed(path)
    assert _is_used(path)
    place.write_bytes(_with_head(place.read_bytes(), change))
    assert not _is_used(path)


def test_rows_that_are_no_rows_are_passed_over(tmp_path: Path) -> None:
    path = _log(tmp_path)
    place = _indexed(path)
    data = place.read_bytes()
    at = data.index(np.arange(40, dtype=np.int64).tobytes())
    worse = data[:at] + (2**60).to_bytes(8, "little") + data[at + 8 :]
    place.write_bytes(_with_head(worse, lambda head: None))
    assert not _is_used(path)


@pytest.mark.parametrize("at", [0, 10, 20, 100, -400, -100, -2])
def test_a_damaged_index_is_passed_over(tmp_path: Path, at: int) -> None:
    path = _log(tmp_path)
    place = _indexed(path)
    data = bytearray(place.read_bytes())
    data[at] ^= 0x55
    place.write_bytes(data)
    assert not _is_used(path)


@pytest.mark.parametrize("size", [0, 5, 30, 500, -1])
def test_a_torn_index_is_passed_over(tmp_path: Path, size: int) -> None:
    path = _log(tmp_path)
    place = _indexed(path)
    place.write_bytes(place.read_bytes()[:size])
    assert not _is_used(path)


def test_a_huge_sparse_file_is_no_index(tmp_path: Path) -> None:
    path = _log(tmp_path)
    os.truncate(_indexed(path), 2**40)
    assert not _is_used(path)


def test_links_folders_pipes_and_files_of_others_are_no_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _log(tmp_path)
    place = _indexed(path)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert not _is_used(path)
    monkeypatch.undo()
    assert _is_used(path)
    real = place.rename(tmp_path / "real")
    place.symlink_to(real)
    assert not _is_used(path)
    place.unlink()
    os.mkfifo(place)
    assert not _is_used(path)
    place.unlink()
    place.mkdir()
    assert not _is_used(path)


def test_a_link_in_the_place_of_an_index_is_not_written_through(tmp_path: Path) -> None:
    path, victim = _log(tmp_path), tmp_path / "victim"
    victim.write_text("mine")
    _place(path).symlink_to(victim)
    assert not _indexed(path).is_symlink()
    assert victim.read_text() == "mine"


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    path = _log(tmp_path)
    run, follower = _opened(path)
    follower.store(stored(run.recording, run.next_offset, run.damaged), lambda: False)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_log_replaced_since_gets_no_index_of_the_old_one(tmp_path: Path) -> None:
    path = _log(tmp_path)
    run, follower = _opened(path)
    path.write_bytes(MIXED.replace(b"long", b"gone"))
    follower.store(stored(run.recording, run.next_offset, run.damaged), lambda: True)
    assert not _place(path).exists()


def test_nothing_is_written_or_believed_beside_the_log(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    path = _log(tmp_path / "ours")
    _indexed(path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    unpacked = _log(tmp_path / "theirs")
    (unpacked.parent / f".{unpacked.name}.index").write_bytes(_place(path).read_bytes())
    assert _is_used(path) and not _is_used(unpacked)


def test_one_byte_changed_anywhere_is_seen_though_the_log_has_grown(tmp_path: Path) -> None:
    path = _log(tmp_path, HEADER + steps(range(8000)))
    _indexed(path)
    data = path.read_bytes()
    for at in range(len(HEADER) + 13, len(data), len(data) // 7):
        other = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        path.write_bytes(other + step(8000))
        assert not _is_used(path), at
    path.write_bytes(data + step(8000))
    assert _is_used(path)


def test_bytes_changed_after_they_were_parsed_get_no_index(tmp_path: Path) -> None:
    content = HEADER + steps(range(8000))
    path = _log(tmp_path, content)
    run, follower = _opened(path)
    at = len(content) // 2
    with path.open("r+b") as file:
        file.seek(at)
        file.write(bytes([content[at] ^ 1]))
    follower.store(stored(run.recording, run.next_offset, run.damaged), lambda: True)
    assert not _place(path).exists()


def test_an_index_of_less_than_was_read_by_now_fits(tmp_path: Path) -> None:
    path = _log(tmp_path)
    run, follower = _opened(path)
    content = stored(run.recording, run.next_offset, run.damaged)
    append(path, steps(range(70, 75)) + b'{"kind":"st')
    while follower.poll() is not None:
        pass
    follower.store(content, lambda: True)
    assert _is_used(path)


def test_the_cache_folder_stays_within_its_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    paths = []
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        paths.append(_log(tmp_path / str(number)))
        size = _indexed(paths[-1]).stat().st_size
        os.utime(_place(paths[-1]), (number, number))
    monkeypatch.setattr(index, "_MOST_BYTES", 2 * size)
    _indexed(paths[0])
    assert [_place(path).exists() for path in paths] == [True, False, False, True]


def test_index_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _log(tmp_path)
    _indexed(path)
    monkeypatch.setenv("TUI_INDEX", "off")
    assert not _is_used(path)


def test_facts_given_on_the_command_line_stay_out_of_the_index(tmp_path: Path) -> None:
    path = _log(tmp_path)
    options = SourceOptions(facts={"vocab_size": 100})
    run, follower = _opened(path, options)
    follower.store(stored(run.recording, run.next_offset, run.damaged), lambda: True)
    assert not _place(path).exists()
    _indexed(path)
    assert _opened(path, options)[0].recording.header["vocab_size"] == 100
