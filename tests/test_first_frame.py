"""What stands on the terminal before anything heavy was imported."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from flight_recorder.tui import first_frame


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _shown(patch: pytest.MonkeyPatch, *paths: str, term: str = "xterm-256color") -> str:
    terminal = Terminal()
    with patch.context() as patched:
        patched.setenv("TERM", term)
        patched.setenv("COLUMNS", "400")
        patched.setattr("sys.stdout", terminal)
        first_frame.write(list(paths))
    return terminal.getvalue()


def test_first_frame_says_the_newest_step_and_the_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "inspector.log.jsonl"
    log.write_bytes(b'{"kind":"header"}\n' + b'{"kind":"step","step":41000,"loss":1.0}\n' * 60_000)
    assert "step 41,000, 2.4 MB" in _shown(monkeypatch, str(log))


def test_first_frame_of_a_hostile_log_and_name_has_no_control_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "a\x1b[31mb.jsonl"
    log.write_bytes(b'{"step":\x1b[2J12,}\n{"step":' + b"9" * 5000 + b",\n")
    shown = _shown(monkeypatch, str(log), "not\nthere")
    assert shown.removeprefix("\x1b[2J\x1b[H").removesuffix("\r\n").isprintable()


def test_first_frame_is_left_out_where_nobody_could_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _shown(monkeypatch, str(tmp_path), term="dumb") == ""
    assert _shown(monkeypatch, str(tmp_path)) != ""


def test_values_of_options_are_no_paths() -> None:
    words = ["a.log", "--clip", "1.0", "--map=loss=x", "-", "--vocab", "9", "b"]
    assert first_frame.paths_among(words) == ["a.log", "-", "b"]


def test_what_has_no_size_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def waiting(*_: object, **__: object) -> None:
        pytest.fail("reading a device waits until it has something to say")

    (tmp_path / "device").touch()
    monkeypatch.setattr(Path, "open", waiting)

    assert "device: opening" in _shown(monkeypatch, str(tmp_path / "device"))
