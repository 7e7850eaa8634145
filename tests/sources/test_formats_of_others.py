"""Formats of other packages, found by their entry points: a dist-info beside a module is a package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

TAPE = """
from flight_recorder.tui.sources.parser import TextParser
from flight_recorder.tui.sources.tables.rows import Rows


class Tape(TextParser):
    format = "tape"

    def __init__(self, options=None):
        super().__init__(options)
        self._rows = Rows(self.timeline, self.options.names)

    @classmethod
    def recognises_head(cls, head):
        return head.startswith(b"%TAPE")

    def records_in(self, text):
        if not text.startswith("%"):
            step, loss = text.split("~")
            yield from self._rows.add([("step", int(step)), ("loss", float(loss))])

    def last_records(self):
        yield from self._rows.flush()
"""
LOG = "%TAPE 1\n" + "".join(f"{step}~{3 - step / 100}\n" for step in range(50))


def _check(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    """The check of a log, with a package laid beside it as an installer leaves it."""
    (folder / "tape.py").write_text(source)
    info = folder / "tape-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tape\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[training_flight_recorder.formats]\ntape = tape:Tape\n")
    (folder / "run.log").write_text(LOG)
    return subprocess.run(
        [sys.executable, "-m", "flight_recorder.tui", "check", "--json", str(folder / "run.log")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])},
        cwd=folder,
        timeout=120,
    )


def test_a_format_of_another_package_is_recognised_and_read(tmp_path: Path) -> None:
    source = json.loads(_check(tmp_path, TAPE).stdout)["source"]
    assert (source["format"], source["steps"]) == ("tape", 50)


@pytest.mark.parametrize("broken", ["raise ValueError('no tape')", "Tape = 1 / 0"])
def test_one_that_is_broken_is_left_out_in_a_sentence(tmp_path: Path, broken: str) -> None:
    done = _check(tmp_path, broken)
    assert "The format tape:Tape is left out" in done.stderr
    assert "Traceback" not in done.stderr
