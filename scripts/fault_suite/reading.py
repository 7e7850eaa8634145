"""Records of a log for those who know nothing of its format's finer points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flight_recorder.engine.runlog.codec import DamagedLine, decode

Records = list[dict[str, Any]]


def every_record(log: Path) -> Records:
    """Every record in its order; a damaged line is a record of the kind "damaged"."""
    records = []
    for line in log.read_bytes().splitlines():
        try:
            records.append(decode(line))
        except DamagedLine:
            records.append({"kind": "damaged"})
    return records


def steps_and_evaluations(log: Path) -> tuple[Records, Records]:
    """Step and evaluation records by step; a damaged line is left out, a repeated step counts once."""
    by_kind: dict[str, dict[int, dict[str, Any]]] = {"step": {}, "evaluation": {}}
    for record in every_record(log):
        if record["kind"] in by_kind:
            by_kind[record["kind"]][record["step"]] = record
    steps, evaluations = (list(rows.values()) for rows in by_kind.values())
    return steps, evaluations
