"""A little of scripts/torture, each time the tests are run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.torturing.hours import watch_for_days
from scripts.torturing.logs import break_logs

ROOT = Path(__file__).parents[2]


def test_log_to_which_everything_happens_is_known_exactly(tmp_path: Path) -> None:
    rows = break_logs(tmp_path, 6, seed=7)
    assert sum(row.count for row in rows) == 12 * 6
    assert [row for row in rows if row.num_lost or row.num_wrong] == []


def test_no_record_of_a_long_watch_is_missed_and_none_costs_more_than_it_should() -> None:
    row = watch_for_days(60_000)
    assert (row.count, row.num_lost, row.details) == (60_000, 0, ())


@pytest.mark.torch
@pytest.mark.long
@pytest.mark.parametrize("part", ["kill", "disk"])
def test_engine_that_is_killed_or_has_no_room_loses_nothing_that_it_has_acknowledged(part: str) -> None:
    # A process of its own: forking one that has run other tests with torch is asking for trouble.
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/torture"), "--quick", part],
        capture_output=True,
        text=True,
        env={**os.environ, "TORTURE": "1", "OMP_NUM_THREADS": "1"},
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| 0 | 0 |" in done.stdout
