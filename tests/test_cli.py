"""The streams of a command: closed, full, broken off or in another encoding, it answers all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOG = str(ROOT / "tests" / "screen" / "runs" / "overfit.log.jsonl")


def _shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command with `tui` and `LOG` filled in, its exit code that of `tui`."""
    filled = command.replace("tui", f"{sys.executable} -m tui", 1).replace("LOG", LOG)
    return subprocess.run(
        ["bash", "-c", f"{filled}\nexit ${{PIPESTATUS[0]}}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        timeout=120,
    )


CLOSED = {
    "tui check LOG >&-": 1,
    "tui check LOG >&- 2>&- <&-": 1,
    "tui check --fail-on black LOG >&-": 0,
    "tui check missing 2>&-": 2,
    "tui check - <&-": 2,
    "tui show LOG >&-": 0,
    "tui report LOG --out here >&-": 0,
    "tui compare LOG LOG >&-": 0,
    "tui check LOG >/dev/full": 2,
    "tui explain Q3.1 >/dev/full": 2,
    "tui check missing 2>/dev/full": 2,
    "tui check missing 2</dev/null": 2,
    "tui check --no-such-option LOG 2>/dev/full": 2,
    "tui check LOG >/dev/full 2>/dev/full": 2,
    "tui explain Q3.1 | true": 141,
}


@pytest.mark.parametrize("command", CLOSED)
def test_a_stream_that_is_closed_or_full_changes_no_answer(command: str, tmp_path: Path) -> None:
    done = _shell(command, tmp_path)
    assert done.returncode == CLOSED[command], done.stderr
    assert len(done.stderr.splitlines()) <= 1 and b"Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize(
    "command",
    ["tui check LOG", "tui check --json LOG", "tui show LOG", "tui compare LOG LOG", "tui explain Q3.1"],
)
def test_an_encoding_without_our_signs_is_written_in(command: str, encoding: str, tmp_path: Path) -> None:
    done = _shell(command, tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == int("check" in command)
    assert not done.stderr
    assert len(done.stdout) > 100


def test_a_picture_without_braille_has_curves_of_ascii(tmp_path: Path) -> None:
    lines = _shell("tui show LOG", tmp_path, PYTHONIOENCODING="ascii").stdout.decode("ascii").splitlines()
    assert "^ ORANGE" in " ".join(lines)
    drawn = [line for line in lines if line.count("|") >= 2 and "*" in line]
    assert len(drawn) > 10 and not any("?" in line for line in drawn)


def test_an_error_of_our_own_is_one_sentence_and_never_a_verdict(tmp_path: Path) -> None:
    code = (
        "from flight_recorder.tui.report.terminal import verdicts; verdicts.print_verdicts = None; "
        "from flight_recorder.tui.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "check", LOG],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"tui: it failed by an error of its own (TypeError")
    assert len(done.stderr.splitlines()) == 1
