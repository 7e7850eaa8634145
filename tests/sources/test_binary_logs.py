"""TensorBoard and W&B: our own framing of the bytes, and the packages where they are installed."""

from __future__ import annotations

import math
import struct
import sys
import zlib
from types import SimpleNamespace

import pytest

from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.formats import tensorboard_events, wandb_run
from flight_recorder.tui.sources.locate.recognise import Recognising
from flight_recorder.tui.sources.timeline import since_restart
from tests.sources.reading import RECORDED, comparable, cut, header, of_kind, read, read_chunks


def _checksum(data: bytes) -> int:
    return zlib.crc32(data)


def _event(payload: bytes) -> bytes:
    length = struct.pack("<Q", len(payload))
    parts = (length, struct.pack("<I", _checksum(length)), payload, struct.pack("<I", _checksum(payload)))
    return b"".join(parts)


def _scalars(payload: bytes) -> list[tuple[str, float, int, float]]:
    if payload.startswith(b"brain.Event"):
        return []
    tag, value, step = payload.decode().split()
    return [(tag, float(value), int(step), 1.7e9)]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(tensorboard_events, "_package", lambda: (_scalars, _checksum))
    payloads = [b"brain.Event:2 and room"]
    for step in range(6):
        payloads += [f"train/loss {4 - step} {step}".encode(), f"lr 0.1 {step}".encode()]
    payloads.append(b"eval/loss 9 5")
    return b"".join(map(_event, payloads))


def test_scalars_of_one_step_are_one_record(events: bytes) -> None:
    records = read(events)
    assert [(r["step"], r["loss"], r["lr"]) for r in of_kind(records, "step")] == [
        (step, 4 - step, 0.1) for step in range(6)
    ]
    assert of_kind(records, "evaluation")[0]["val_loss"] == 9


def test_events_cut_anywhere_give_the_same_records(events: bytes) -> None:
    for places in ([1], [50, 51, 52], range(0, len(events), 7), range(len(events))):
        assert comparable(read_chunks(cut(events, places))) == comparable(read(events))


def test_zeros_and_events_without_scalars_are_passed_over_unread(
    events: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    summed: list[int] = []

    def checksum(data: bytes) -> int:
        summed.append(len(data))
        return _checksum(data)

    monkeypatch.setattr(tensorboard_events, "_package", lambda: (_scalars, checksum))
    monkeypatch.setattr(tensorboard_events, "MAX_SCALAR_BYTES", 1000)
    picture = _event(b"x" * 5000)
    records = read(events + bytes(20_000) + picture + _event(b"train/loss 1 6"))

    assert [record["step"] for record in of_kind(records, "step")] == list(range(7))
    assert max(summed) < 1000
    assert len(summed) < 200


def test_a_negative_step_costs_its_scalar(events: bytes) -> None:
    parser = Recognising("the log")
    records = parser.feed(events + _event(b"train/loss 1 -6") + _event(b"train/loss 1 6")) + parser.finish()
    records, _ = since_restart(records)

    assert [record["step"] for record in of_kind(records, "step")] == list(range(7))
    assert [(one.offset, one.reason.split(" is")[0]) for one in parser.damaged] == [(len(events), "step -6")]


def test_damage_that_arrives_in_pieces_is_one_stretch(events: bytes) -> None:
    log = events + bytes([255] * 200) + events
    whole, pieces = Recognising("the log"), Recognising("the log")
    whole.feed(log)
    for byte in log:
        pieces.feed(bytes([byte]))
    assert len(whole.damaged) == 1
    assert pieces.damaged == whole.damaged


def test_one_flipped_byte_costs_one_event(events: bytes) -> None:
    whole = read(events)
    start = events.index(b"train/loss 2 2")
    for flipped in (start + 3, start - 10):
        broken = bytearray(events)
        broken[flipped] ^= 0xFF
        records = read(bytes(broken))
        assert len(of_kind(records, "step")) == len(of_kind(whole, "step"))
        assert "loss" not in of_kind(records, "step")[2]


def test_event_files_of_one_folder_are_one_log(events: bytes) -> None:
    assert len(of_kind(read(events + events[:40]), "step")) == 6


@pytest.mark.parametrize(
    "name, extra, package",
    [("lightning.events", "tensorboard", "tensorboard.compat"), ("offline.wandb", "wandb", "wandb.proto")],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    name: str, extra: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [module for module in sys.modules if module.split(".")[0] == extra]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, extra, None)
    with pytest.raises(CannotRead, match=rf"pip install 'training-flight-recorder\[{extra}\]'"):
        read((RECORDED / name).read_bytes())


class _FakeWandbRecord:
    """Stands for wandb's record: "step name=value ..." or "exit code"."""

    def __init__(self, data: bytes) -> None:
        kind, *words = data.decode().split()
        self._kind = kind
        items = [SimpleNamespace(key=w.split("=")[0], value_json=w.split("=")[1]) for w in words if "=" in w]
        self.history = SimpleNamespace(item=items, step=SimpleNamespace(num=int(words[0]) if items else 0))
        self.exit = SimpleNamespace(exit_code=int(words[0]) if kind == "exit" else 0)

    def WhichOneof(self, _: str) -> str:
        return self._kind


def _wandb_file(records: list[bytes]) -> bytes:
    """Frames records as LevelDB does, those that cross a block's end in parts."""
    data = bytearray(b":W&B\xe1\xbe\x00")
    for record in records:
        rest, is_first = record, True
        while rest or is_first:
            room = 32_768 - len(data) % 32_768
            if room < 7:
                data += bytes(room)
                continue
            part, rest = rest[: room - 7], rest[room - 7 :]
            kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}[
                is_first, not rest
            ]
            checksum = zlib.crc32(part, zlib.crc32(bytes([kind])))
            data += struct.pack("<IHB", checksum, len(part), kind) + part
            is_first = False
    return bytes(data)


@pytest.fixture
def wandb_log(monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(wandb_run, "_package", lambda: _FakeWandbRecord)
    rows = [f"history {step} train/loss={4 - step / 100} pad{'x' * 500}=1".encode() for step in range(200)]
    return _wandb_file([*rows, b"exit 0"])


def test_records_across_blocks_are_whole(wandb_log: bytes) -> None:
    assert len(wandb_log) > 3 * 32_768
    records = read(wandb_log)
    assert [record["step"] for record in of_kind(records, "step")] == list(range(200))
    assert records[-1]["kind"] == "exit"
    assert records[-1]["reason"] == "finished"


def test_blocks_cut_anywhere_give_the_same_records(wandb_log: bytes) -> None:
    for places in ([3], [32_767, 32_768], range(0, len(wandb_log), 1009)):
        assert read_chunks(cut(wandb_log, places)) == read(wandb_log)


@pytest.mark.parametrize("place", [600, 604, 606, 40_000])
def test_damage_in_a_block_costs_no_more_than_the_block(wandb_log: bytes, place: int) -> None:
    broken = bytearray(wandb_log)
    broken[place] ^= 0xFF
    steps = [record["step"] for record in of_kind(read(bytes(broken)), "step")]
    assert 200 - len(steps) <= 32_768 // 500 + 2
    assert steps[-1] == 199


def test_a_changed_digit_is_damage_and_no_other_number(wandb_log: bytes) -> None:
    place = wandb_log.index(b"train/loss=3.9 ") + len(b"train/loss=")
    broken = wandb_log[:place] + b"8" + wandb_log[place + 1 :]
    parser = Recognising("the log")
    records = of_kind(parser.feed(broken), "step")
    assert max(record["loss"] for record in records) == 4.0
    assert [damage.reason for damage in parser.damaged] == ["no record with a right checksum"]


def _need(package: str) -> None:
    pytest.importorskip(package, reason=f"the {package} extra is not installed")


def test_a_recording_of_summary_writer_reads_as_it_was_written() -> None:
    _need("tensorboard")
    records = read((RECORDED / "summary_writer.events").read_bytes())
    steps = of_kind(records, "step")
    assert [record["step"] for record in steps] == list(range(12))
    assert math.isnan(steps[9]["loss"])
    assert steps[10]["loss"] == math.inf
    assert steps[3]["lr"] == 0.001
    assert [record["step"] for record in of_kind(records, "evaluation")] == [0, 4, 8]


def test_lightnings_two_loggers_say_the_same() -> None:
    _need("tensorboard")
    events = of_kind(read((RECORDED / "lightning.events").read_bytes()), "step")
    table = of_kind(read((RECORDED / "metrics.csv").read_bytes()), "step")
    assert [record["step"] for record in events] == [record["step"] for record in table]
    for event, row in zip(events, table, strict=True):
        assert event["loss"] == pytest.approx(row["loss"], rel=1e-6)
        assert event["lr"] == pytest.approx(row["lr"], rel=1e-6)


def test_a_recording_of_wandb_reads_as_it_was_written() -> None:
    _need("wandb")
    records = read((RECORDED / "offline.wandb").read_bytes())
    steps = of_kind(records, "step")
    assert [record["step"] for record in steps] == list(range(12))
    assert math.isnan(steps[10]["loss"])
    assert header(records)["vocab_size"] == 64
    assert records[-1]["reason"] == "finished"
