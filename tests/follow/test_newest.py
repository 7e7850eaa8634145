"""The newest part of a large log comes first, and nothing that follows depends on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flight_recorder.engine.runlog.codec import Record, encode
from flight_recorder.tui.follow import newest
from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.follow.tail import Follower
from flight_recorder.tui.sources.formats.runlog import RunlogParser
from tests.follow.files import append, drain, numbers, records, step, steps

HEADER = encode({"kind": "header", "format": "1.0", "name": "long"})
INITIAL = encode({"kind": "initial", "step": 0, "weight_std": [0.02]})


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, num_bytes in (("LARGE_BYTES", 4_000), ("HEAD_BYTES", 1_000), ("NEWEST_BYTES", 500)):
        monkeypatch.setattr(newest, name, num_bytes)


def _log(folder: Path, content: bytes) -> Path:
    path = folder / "inspector.log.jsonl"
    path.write_bytes(content)
    return path


def test_first_batch_has_the_facts_and_the_newest_records(tmp_path: Path) -> None:
    follower = Follower(_log(tmp_path, HEADER + INITIAL + steps(range(200))), newest_first=True)
    preview = follower.poll()
    assert preview is not None and preview.is_preview
    assert [record["kind"] for record in preview.records[:2]] == ["header", "initial"]
    seen = [record["step"] for record in preview.records[2:]]
    assert seen == list(range(seen[0], 200)) and 0 < len(seen) < 20
    assert not follower.is_caught_up


def test_what_follows_is_the_same_with_and_without_a_preview(tmp_path: Path) -> None:
    path = _log(tmp_path, HEADER + steps(range(100)) + b"garbage\n" + steps(range(100, 200)))
    with_preview, without = drain(Follower(path, newest_first=True)), drain(Follower(path))
    assert with_preview[1:] == without


def test_preview_parses_its_own_part_and_the_rest_is_parsed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _log(tmp_path, HEADER + steps(range(400)))
    num_bytes: list[int] = []
    feed = RunlogParser.feed

    def counted(parser: RunlogParser, data: bytes) -> list[Record]:
        num_bytes.append(len(data))
        return feed(parser, data)

    monkeypatch.setattr(RunlogParser, "feed", counted)
    follower = Follower(path, newest_first=True)
    follower.poll()
    assert sum(num_bytes) <= newest.HEAD_BYTES + newest.NEWEST_BYTES
    num_bytes.clear()
    drain(follower)
    assert sum(num_bytes) == path.stat().st_size


def test_preview_knows_that_the_run_has_ended(tmp_path: Path) -> None:
    ended = encode({"kind": "exit", "reason": "finished"})
    preview = Follower(_log(tmp_path, HEADER + steps(range(200)) + ended), newest_first=True).poll()
    assert preview is not None and preview.pulse is Pulse.FINISHED


@pytest.mark.parametrize(
    "content",
    [
        HEADER + steps(range(20)),
        b"".join(b"step %d | train loss 3.2 | lr 1e-4\n" % number for number in range(200)),
        HEADER + step(0, note="x" * 8_000),
        HEADER + b'{"kind":"header","format":"9.0"}\n' + b" " * 8_000,
    ],
    ids=["small", "foreign", "no line in the newest part", "too new"],
)
def test_there_is_no_preview_where_there_can_be_none(tmp_path: Path, content: bytes) -> None:
    path = _log(tmp_path, content)
    with path.open("rb") as file:
        assert newest.newest_part(file.fileno(), len(content), 0.0, 0.0, None) is None


def test_a_log_that_is_replaced_is_not_previewed_again(tmp_path: Path) -> None:
    path = _log(tmp_path, HEADER + steps(range(200)))
    follower = Follower(path, newest_first=True)
    drain(follower)
    path.unlink()
    _log(tmp_path, HEADER + steps(range(300)))
    again = drain(follower)
    assert not any(batch.is_preview for batch in again)
    assert numbers(again) == list(range(300)) and again[0].restarted


def test_lines_appended_after_the_preview_come_once(tmp_path: Path) -> None:
    path = _log(tmp_path, HEADER + steps(range(200)))
    follower = Follower(path, newest_first=True)
    follower.poll()
    append(path, steps(range(200, 205)))
    assert [record["step"] for record in records(drain(follower))[1:]] == list(range(205))
