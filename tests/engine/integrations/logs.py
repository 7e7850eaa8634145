"""Reading back what a callback wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flight_recorder.engine.runlog.codec import decode
from flight_recorder.engine.runlog.schema import LOG_NAME


def records(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = (folder / LOG_NAME).read_bytes().splitlines()
    return [record for record in map(decode, lines) if record["kind"] == kind]


def kinds(folder: Path) -> list[str]:
    return [str(decode(line)["kind"]) for line in (folder / LOG_NAME).read_bytes().splitlines()]
