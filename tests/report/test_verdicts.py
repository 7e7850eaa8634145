"""What `tui check` prints."""

from __future__ import annotations

import io
import os
from pathlib import Path

from rich.console import Console

from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.report.terminal.verdicts import print_verdicts
from flight_recorder.tui.run import Run

HOSTILE = "one\\ntwo\\u001b]0;title\\u0007\\u202e" + "x" * 10_000


def _printed(log: Path) -> str:
    run = Run(str(log))
    run.extend_by_all(read_all(log))
    out = io.StringIO()
    print_verdicts(run, Console(file=out, width=100, highlight=False))
    return out.getvalue()


def test_a_name_of_a_run_is_one_harmless_line(tmp_path: Path) -> None:
    log = tmp_path / "inspector.log.jsonl"
    log.write_text(
        f'{{"kind":"header","format":"1.0","name":"{HOSTILE}"}}\n'
        '{"kind":"step","step":0,"loss":1.0,"lr":0.1,"grad_norm":1.0}\n'
    )
    first, *rest = _printed(log).splitlines()
    assert "one two" in first
    assert len(first) < 1000
    assert not any(character in first for character in "\x1b\x07\u202e")
    assert "xxxx" not in "".join(rest)


def test_a_foreign_run_that_made_all_its_steps_is_said_to_have_finished(tmp_path: Path) -> None:
    log = tmp_path / "trainer_log.jsonl"
    lines = [f'{{"current_steps":{step},"total_steps":30,"loss":2.5}}\n' for step in (10, 20, 30)]
    for num_lines, words in ((3, "30 steps, finished (reached its planned steps)"), (1, "crashed")):
        log.write_text("".join(lines[:num_lines]))
        os.utime(log, (1e9, 1e9))
        assert words in _printed(log)


def test_how_a_foreign_log_was_read_is_said_above_the_verdicts(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_text("".join(f"Train Epoch: 1 [{n}/60000 (1%)]\tLoss: 2.5\n" for n in (0, 640, 1280)))
    assert _printed(log).splitlines()[1].startswith("note: the log counts samples")
