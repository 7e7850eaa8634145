"""D9: how a run ended has a verdict of its own, and silence counts only where something was to come."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flight_recorder.tui.checks.verdict import State
from flight_recorder.tui.commands import app

OLD = 1_000_000_000
HEADER = {
    "kind": "header",
    "format": 1,
    "run_id": "x",
    "planned_steps": 100,
    "origin": "scratch",
    "vocab_size": 512,
}


def _steps(count: int) -> list[dict[str, Any]]:
    return [{"kind": "step", "step": i, "loss": 6.2 - 0.05 * i, "time": 10.0 + i} for i in range(count)]


def _checked(path: Path) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(app, ["check", str(path), "--json"])
    report = json.loads(done.stdout)
    ends = [v for v in report["verdicts"] if v["check"].startswith("D9") and v["state"] == State.FIRING]
    return done.exit_code, report | {"ends": ends}


def _own(path: Path, reason: str, message: str = "") -> Path:
    exits = [{"kind": "exit", "step": 41, "reason": reason, "message": message}] if reason else []
    path.write_text("".join(json.dumps(record) + "\n" for record in (HEADER, *_steps(41), *exits)))
    return path


@pytest.mark.parametrize(
    "reason, message, cause, level, code",
    [
        ("error", "ValueError: the batch is empty", "crashed", "black", 1),
        ("error", "RuntimeError: CUDA out of memory. Tried to allocate 2 GiB", "out_of_memory", "black", 1),
        ("error", "rank 3 was killed by SIGKILL", "killed", "black", 1),
        ("terminated", "", "ended_early", "yellow", 0),
        ("interrupted", "", "ended_early", "green", 0),
    ],
)
def test_each_ending_has_its_verdict(
    reason: str, message: str, cause: str, level: str, code: int, tmp_path: Path
) -> None:
    found_code, report = _checked(_own(tmp_path / "inspector.log.jsonl", reason, message))
    (end,) = report["ends"]
    assert (end["causes"][0], end["level"], found_code) == (cause, level, code)
    assert message in end["evidence"] and report["source"]["pulse"] != "finished"


def test_message_of_a_crash_is_shown_everywhere(tmp_path: Path) -> None:
    log = _own(tmp_path / "inspector.log.jsonl", "error", "ValueError: the batch is empty")
    for command in (["check"], ["show"], ["report", "--out", str(tmp_path / "out")]):
        done = CliRunner().invoke(app, [command[0], str(log), *command[1:]])
        if command[0] == "report":
            pages = [
                page.read_text() for page in (tmp_path / "out").iterdir() if page.suffix in (".md", ".html")
            ]
            assert pages and all("ValueError: the batch is empty" in page for page in pages)
        else:
            assert "the batch is empty" in " ".join(done.stdout.split())


@pytest.mark.parametrize("reason", ["finished", "early_stopping"])
def test_run_that_ended_as_meant_has_nothing_to_say(reason: str, tmp_path: Path) -> None:
    _, report = _checked(_own(tmp_path / "inspector.log.jsonl", reason))
    assert not report["ends"] and report["source"]["pulse"] == "finished"


def test_own_log_that_broke_off_long_ago_ended_early(tmp_path: Path) -> None:
    log = _own(tmp_path / "inspector.log.jsonl", "")
    assert not _checked(log)[1]["ends"]
    os.utime(log, (OLD, OLD))
    code, report = _checked(log)
    assert [end["causes"][0] for end in report["ends"]] == ["ended_early"] and code == 1
    assert "41 steps of 100" in report["ends"][0]["evidence"]


@pytest.mark.parametrize("options, causes", [([], []), (["--total-steps", "600"], ["ended_early"])])
def test_foreign_log_is_missed_only_with_a_plan(
    options: list[str], causes: list[str], tmp_path: Path
) -> None:
    log = tmp_path / "metrics.jsonl"
    log.write_text("".join(json.dumps({"step": i, "loss": 3 - i / 100}) + "\n" for i in range(190)))
    os.utime(log, (OLD, OLD))
    report = json.loads(CliRunner().invoke(app, ["check", str(log), "--json", *options]).stdout)
    ends = [v for v in report["verdicts"] if v["check"].startswith("D9") and v["state"] == State.FIRING]
    assert [end["causes"][0] for end in ends] == causes
    assert report["source"]["pulse"] == ("crashed" if causes else "ended")
