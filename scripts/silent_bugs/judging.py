"""What `tui check --json` says of a program's log."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flight_recorder.engine.runlog.codec import decode
from flight_recorder.engine.runlog.schema import LOG_NAME

LEVELS = ("green", "yellow", "orange", "red", "black")
HOUR_S = 3600


@dataclass(frozen=True)
class Said:
    """A leaf that is, or was, above green."""

    check: str
    symptom: str
    level: str
    first_step: int
    causes: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """All that is said of one log."""

    level: str
    causes: tuple[str, ...]
    said: tuple[Said, ...]
    pending: tuple[str, ...]
    notes: tuple[Said, ...]
    contract: dict[str, Any]

    @property
    def named(self) -> tuple[str, ...]:
        """The causes that are above green, likeliest first; where there is none, those of green notes."""
        above = {cause for said in self.said for cause in said.causes}
        return tuple(cause for cause in self.causes if cause in above) if self.said else self.causes

    def first_said(self, causes: tuple[str, ...]) -> int | None:
        """Since which step one of these causes is spoken for, at any level, green notes included."""
        steps = [said.first_step for said in (*self.said, *self.notes) if set(said.causes) & set(causes)]
        return min(steps, default=None)


def judge(folder: Path) -> Judged:
    """Judge the log in a folder as anyone would; a log that is not closed fell silent an hour ago."""
    log = folder / LOG_NAME
    os.utime(log, (time.time() - HOUR_S,) * 2)
    command = [sys.executable, "-m", "flight_recorder.tui", "check", "--json", str(log)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 2:
        raise RuntimeError(done.stderr.strip())
    whole = json.loads(done.stdout)
    found = list(_said(whole))
    return Judged(
        level=whole["level"],
        causes=tuple(row["cause"] for row in whole["causes"]),
        said=tuple(said for said in found if said.level != "green"),
        pending=tuple(verdict["check"] for verdict in whole["verdicts"] if verdict["state"] == "pending"),
        notes=tuple(said for said in found if said.level == "green"),
        contract=first_contract(log),
    )


def _said(whole: dict[str, Any]) -> Iterator[Said]:
    """Every stretch in which a leaf fired, and readings that are outside their pass band without one."""
    for verdict in whole["verdicts"]:
        spans = [(span["level"], span["first_step"]) for span in verdict["spans"]]
        if not spans and verdict["level"] != "green":
            spans = [(verdict["level"], verdict["last_step"] or 0)]
        for level, step in spans:
            symptom = verdict["symptom"] or verdict["state"]
            yield Said(verdict["check"], symptom, level, step, tuple(verdict["causes"]))


def first_contract(log: Path) -> dict[str, Any]:
    """The first loss contract of the log, wherever it stands; empty without one."""
    for line in log.read_bytes().splitlines():
        record = decode(line)
        if isinstance(record.get("contract"), dict):
            return dict(record["contract"])
    return {}


def same_losses(one: list[float], other: list[float]) -> bool:
    """Bit for bit, NaN included; over the first of them, where one was run for fewer steps."""
    pairs = list(zip(one, other, strict=False))
    return bool(pairs) and all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in pairs)
