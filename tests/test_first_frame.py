"""What stands on the terminal before anything heavy was imported."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tui import first_frame


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    shown = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr("sys.stdout", shown)
    return shown


def test_first_frame_says_the_newest_step_and_the_size(tmp_path: Path, terminal: Terminal) -> None:
    log = tmp_path / "inspector.log.jsonl"
    log.write_bytes(b'{"kind":"header"}\n' + b'{"kind":"step","step":41000,"loss":1.0}\n' * 60_000)
    first_frame.write([str(log)])
    assert "step 41,000, 2.4 MB" in terminal.getvalue()


def test_first_frame_of_a_hostile_log_and_name_has_no_control_characters(
    tmp_path: Path, terminal: Terminal
) -> None:
    log = tmp_path / "a\x1b[31mb.jsonl"
    log.write_bytes(b'{"step":\x1b[2J12,}\n{"step":' + b"9" * 5000 + b",\n")
    first_frame.write([str(log), "not\nthere"])
    assert terminal.getvalue().removeprefix("\x1b[2J\x1b[H").removesuffix("\r\n").isprintable()


def test_first_frame_is_left_out_where_nobody_could_read_it(
    tmp_path: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    first_frame.write([str(tmp_path)])
    assert terminal.getvalue() == ""


def test_values_of_options_are_no_paths() -> None:
    words = ["a.log", "--clip", "1.0", "--map=loss=x", "-", "--vocab", "9", "b"]
    assert first_frame.paths_among(words) == ["a.log", "-", "b"]
