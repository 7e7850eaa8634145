from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flight_recorder.engine.runlog.codec import decode
from flight_recorder.engine.runlog.schema import LOG_NAME

pytestmark = pytest.mark.torch
ROOT = Path(__file__).resolve().parents[3]


def told(folder: Path, fault: str) -> list[dict[str, Any]]:
    """What two ranks say of each other, with this fault."""
    command = [sys.executable, "-m", "tests.engine.distributed.two_loops", str(folder / "store")]
    ranks = [
        subprocess.Popen([*command, str(rank), str(folder), fault], cwd=ROOT, stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    errors = [rank.communicate(timeout=240)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], errors
    records = [decode(line) for line in (folder / LOG_NAME).read_bytes().splitlines()]
    return [record["ranks"] for record in records if "ranks" in record]


def test_ranks_that_train_together_hold_the_same_parameters_and_read_different_rows(tmp_path: Path) -> None:
    found = told(tmp_path, "none")
    assert found[0]["at"] == 0
    assert all((one["of"], one["parameters"], one["rows"]) == (2, 1, 2) for one in found)


def test_a_wrapper_that_is_passed_by_and_rows_that_are_shared_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert all(one["parameters"] == 2 for one in told(tmp_path / "a", "bypassed"))
    assert all((one["parameters"], one["rows"]) == (1, 1) for one in told(tmp_path / "b", "same rows"))


def test_an_inspector_on_one_rank_alone_waits_for_nobody(tmp_path: Path) -> None:
    assert told(tmp_path, "alone") == []
