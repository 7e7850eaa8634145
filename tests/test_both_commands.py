"""What `engine` and `tui` have in common: they look alike, say their version and complete what one types."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from flight_recorder import __version__
from flight_recorder.engine.cli import app as engine
from flight_recorder.tui.commands import app as tui

BOTH = pytest.mark.parametrize(("app", "name"), [(engine, "engine"), (tui, "tui")], ids=["engine", "tui"])


def _said(app: Typer, *words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="program")


@BOTH
def test_the_version_is_said(app: Typer, name: str) -> None:
    assert _said(app, "--version").stdout == f"{name} {__version__}\n"


@BOTH
def test_help_has_a_short_form_and_is_plain_text(app: Typer, name: str) -> None:
    short = _said(app, "-h").stdout
    assert short == _said(app, "--help").stdout
    assert short.startswith("Usage: program [OPTIONS] COMMAND")
    assert short.isascii(), "no boxes"
    options = {line.split()[0] for line in short.splitlines() if line.startswith("  -")}
    assert options == {"--version", "--install-completion", "--show-completion", "-h,"}


def test_help_of_a_command_within_a_command_has_the_short_form_too() -> None:
    assert _said(engine, "faults", "explain", "-h").exit_code == 0


@BOTH
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_shown(app: Typer, name: str, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shellingham.detect_shell", lambda: (shell, f"/bin/{shell}"))
    done = _said(app, "--show-completion")
    assert done.exit_code == 0
    assert "_PROGRAM_COMPLETE" in done.stdout


def test_an_unknown_config_or_file_of_thresholds_lists_the_shipped_ones(tmp_path: Path) -> None:
    done = _said(engine, "train", str(tmp_path / "none"))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "known by name are 19-overfit" in done.stderr
    log = tmp_path / "inspector.log.jsonl"
    log.write_text(json.dumps({"kind": "header", "format": "1.0"}) + "\n")
    done = _said(tui, "check", str(log), "--thresholds", str(tmp_path / "none"))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "known by name are as-written" in done.stderr


def test_the_literal_thresholds_go_by_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = _said(tui, "explain", "Q3.1a", "--thresholds", "as-written")
    assert done.exit_code == 0, done.stderr
    assert done.stdout != _said(tui, "explain", "Q3.1a").stdout
