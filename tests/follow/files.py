"""A clock that stands still until told otherwise, and a follower on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flight_recorder.engine.runlog.codec import Record, encode
from flight_recorder.tui.follow.batch import Batch
from flight_recorder.tui.follow.tail import Follower


@dataclass
class Clock:
    """Seconds that pass only when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def step(number: int, **more: Any) -> bytes:
    """Line of a step record."""
    return encode({"kind": "step", "step": number, "loss": 1.0, **more})


def steps(numbers: Iterable[int], **more: Any) -> bytes:
    """Lines of step records."""
    return b"".join(step(number, **more) for number in numbers)


def append(path: Path, data: bytes) -> None:
    """Add bytes to the end of a file."""
    with path.open("ab") as file:
        file.write(data)


def drain(follower: Follower, **limits: Any) -> list[Batch]:
    """Batches until there is nothing new."""
    batches = []
    while (batch := follower.poll(**limits)) is not None:
        batches.append(batch)
    return batches


def records(batches: Iterable[Batch]) -> list[Record]:
    """Their records; everything before a restart is void."""
    found: list[Record] = []
    for batch in batches:
        found = [*([] if batch.restarted else found), *batch.records]
    return found


def numbers(batches: Iterable[Batch]) -> list[int]:
    """Steps of their step records."""
    return [record["step"] for record in records(batches) if record["kind"] == "step"]
