"""Watching for days, in minutes: ten million records through everything between the file and the verdicts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from flight_recorder.tui.follow.intake import Intake
from flight_recorder.tui.run import Run
from scripts.torturing.table import Injected

BATCH = 1000
"""Records that arrive together: a second of the fastest run that is promised."""

BYTES_PER_RECORD = 250
"""Memory that a record of six numbers may cost: eight bytes each, as much again while an array grows, and
the pyramids of the panels."""


def watch_for_days(num_records: int) -> Injected:
    """As many records, taken in and judged a thousand at a time; none missed, and the memory flat."""
    intake, run = Intake("a log", None), Run("a log")
    resident = [_resident()]
    taken = 0
    for number, data in enumerate(_arriving(num_records)):
        intake.heart.grew(float(number))
        intake.take(data)
        batch = intake.batch(intake.num_waiting, float(number), 0, is_live=True)
        assert batch is not None
        run.extend(batch)
        taken += len(batch.records)
        _ = run.judge.verdicts
        if taken % (num_records // 10) < BATCH:
            resident.append(_resident())
    known = len(run.recording.steps)
    per_record = (resident[-1] - resident[0]) / num_records
    flaws = () if per_record < BYTES_PER_RECORD else (f"{per_record:.0f} bytes a record",)
    history = " ".join(f"{size / 2**20:.0f}" for size in resident)
    remark = f"{per_record:.0f} bytes a record; resident MiB after each tenth: {history}"
    return Injected("records watched in a row", num_records, num_records - known, len(flaws), remark, flaws)


def _arriving(num_records: int) -> Iterator[bytes]:
    yield (
        b'{"kind":"header","format":"1.0","vocab_size":512,"grad_clip":1.0,"planned_steps":%d}\n'
        % num_records
    )
    noise = [(step * 7919) % 1000 for step in range(BATCH)]
    for first in range(0, num_records, BATCH):
        yield b"".join(
            b'{"kind":"step","time":%d.5,"step":%d,"loss":1.%03d,"lr":0.001,"grad_norm":0.6%03d,"step_s":0.01%03d}\n'
            % (1_700_000_000 + first // 100, first + place, digits, digits, digits)
            for place, digits in enumerate(noise)
        )


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
