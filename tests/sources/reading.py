"""What the tests of this folder share: sample logs, and reading them in one piece or in many."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.sources.locate.recognise import Recognising
from flight_recorder.tui.sources.naming.options import SourceOptions
from flight_recorder.tui.sources.timeline import since_restart

LOGS = Path(__file__).parent / "logs"
RECORDED = LOGS / "recorded"
BINARY = {".events": "tensorboard", ".wandb": "wandb"}
TEXT_LOGS = sorted(
    path
    for folder in (LOGS, RECORDED)
    for path in folder.iterdir()
    if path.is_file() and path.suffix not in BINARY
)


def read(data: bytes, **options: Any) -> list[Record]:
    """All records of these bytes."""
    return read_chunks([data], **options)


def read_chunks(chunks: Iterable[bytes], **options: Any) -> list[Record]:
    """All records of bytes that arrive in pieces."""
    parser = Recognising("the log", SourceOptions(**options))
    records = [record for chunk in chunks for record in parser.feed(chunk)]
    return since_restart(records + parser.finish())[0]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The bytes cut at these places."""
    ends = sorted({place % (len(data) + 1) for place in places})
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]


def comparable(records: Iterable[Record]) -> list[Record]:
    """The records with NaN replaced by a word, which unlike NaN equals itself."""
    return [{key: "NaN" if _is_nan(value) else value for key, value in record.items()} for record in records]


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def of_kind(records: Iterable[Record], kind: str) -> list[Record]:
    """Those of one kind."""
    return [record for record in records if record["kind"] == kind]


def header(records: Iterable[Record]) -> Record:
    """Everything that headers say, the later ones last."""
    merged: Record = {}
    for record in of_kind(records, "header"):
        merged |= record
    return merged
