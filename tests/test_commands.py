"""What the commands print and refuse, apart from what a log says."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flight_recorder.tui.commands import app

ROOT = Path(__file__).parents[1]
HOSTILE = "ev\x1b]0;PWN\x07\u202e"


def _run(*words: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.output


def _log(folder: Path, name: str = "metrics.jsonl", run_name: str = "run") -> Path:
    records: list[dict[str, object]] = [{"kind": "header", "format": "1.0", "name": run_name}]
    records += [{"kind": "step", "step": s, "loss": 3.0, "lr": 1e-3, "grad_norm": 1.0} for s in range(300)]
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def _steers(text: str) -> bool:
    """Whether a terminal would do something."""
    return any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in text if letter not in "\r\n") or (
        "\u202e" in text
    )


def test_into_a_pipe_a_sentence_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    _, output = _run("check", _log(tmp_path))
    (fix, *_) = [line for line in output.splitlines() if line.startswith("    → ")]
    assert len(fix) > 80
    assert fix.endswith(".")


@pytest.mark.parametrize("name", ["nothing there", "metrics.jsonl"])
def test_following_a_log_that_is_silent_ends_when_told_to(tmp_path: Path, name: str) -> None:
    _log(tmp_path)
    code, output = _run("check", "--follow", "--timeout", "0.1", "--fail-on", "black", tmp_path / name)
    assert code == 2
    assert "to " + str(tmp_path / name) in output
    assert ("300 steps so far" in output) is (name == "metrics.jsonl")


def test_a_timeout_without_anything_to_wait_for_is_refused(tmp_path: Path) -> None:
    code, output = _run("check", _log(tmp_path), "--timeout", "3")
    assert code == 2
    assert "--timeout is for --follow" in output


@pytest.mark.parametrize(
    "words",
    [["export", "--to", "csv", "--out"], ["export", "--to", "jsonl", "--out"], ["compare", "--journal"]],
)
def test_what_is_written_never_takes_the_place_of_the_log(words: list[str], tmp_path: Path) -> None:
    log = _log(tmp_path / "run")
    linked = tmp_path / "linked"
    linked.hardlink_to(log)
    before = log.read_bytes()
    for out in (log, linked):
        logs = [log.parent] * (2 if words[0] == "compare" else 1)
        code, output = _run(words[0], *logs, *words[1:], out)
        assert (code, log.read_bytes()) == (2, before)
        assert "is the log itself and stays as it is" in output


def test_a_place_without_a_name_is_no_file_to_write(tmp_path: Path) -> None:
    words = ["export", str(_log(tmp_path)), "--to", "csv", "--out", "/"]
    assert isinstance(
        CliRunner().invoke(app, words).exception, IsADirectoryError
    )  # a sentence of the command


def test_a_link_that_leads_nowhere_is_said_and_hides_no_other_log(tmp_path: Path) -> None:
    (tmp_path / "gone.jsonl").symlink_to("no-such-file")
    (tmp_path / "circle.jsonl").symlink_to("circle.jsonl")
    for name in ("gone.jsonl", "circle.jsonl", "[gc]*.jsonl"):
        code, output = _run("check", tmp_path / name)
        assert code == 2 and "a link that leads to no file" in output
    _log(tmp_path)
    code, output = _run("check", tmp_path / "*.jsonl")
    assert code == 1 and "RED    metrics.jsonl" in output and output.count("leads to no file") == 2


def test_a_picture_of_no_possible_width_is_refused(tmp_path: Path) -> None:
    assert _run("show", _log(tmp_path), "--width", "99999999")[0] == 2


def test_explain_alone_lists_every_node_with_its_question() -> None:
    from flight_recorder.tui.checks.tree import every_check

    code, output = _run("explain")
    assert code == 0
    assert [line.split()[0] for line in output.splitlines()] == [check.id for check in every_check()]
    assert "Is the loss at step 0" in output


def test_an_unknown_node_is_told_where_the_ids_are() -> None:
    code, output = _run("explain", "Q3.1z")
    assert code == 2
    assert "Q3.1" in output
    assert "`tui explain` alone lists every id" in output


def test_a_file_of_thresholds_that_is_missing_is_said_to_be_missing(tmp_path: Path) -> None:
    code, output = _run("check", _log(tmp_path), "--thresholds", tmp_path / "no.yaml")
    assert code == 2
    assert "no.yaml; known by name are as-written" in output
    assert "YAML" not in output


@pytest.mark.parametrize(
    "words",
    [
        ["check", "LOG", "--fail-on", HOSTILE],
        ["check", "LOG", "--thresholds", HOSTILE],
        ["check", "LOG", "--config", HOSTILE],
        ["check", "LOG", "--map", HOSTILE],
        ["check", HOSTILE],
        ["show", HOSTILE],
        ["export", "LOG", "--to", HOSTILE],
        ["explain", HOSTILE],
    ],
)
def test_a_word_that_is_quoted_steers_no_terminal(words: list[str], tmp_path: Path) -> None:
    log = str(_log(tmp_path))
    code, output = _run(*(log if word == "LOG" else word for word in words))
    assert code == 2
    assert not _steers(output)


def test_json_steers_no_terminal_and_says_the_same(tmp_path: Path) -> None:
    name = f"a{HOSTILE}\x9b\u200b\x7f ü → \U0001f600"
    _, output = _run("check", "--json", _log(tmp_path / name))
    assert not _steers(output)
    assert "\u200b" not in output
    assert "ü →" in output
    assert json.loads(output)["source"]["path"] == str(tmp_path / name / "metrics.jsonl")


def _on_a_terminal(*words: str | Path) -> bytes:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "tui", *map(str, words)]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment) as process:
        os.close(theirs)
        said = b""
        try:
            while block := os.read(ours, 65536):
                said += block
        except OSError:
            pass  # the other end was closed
        process.wait()
    os.close(ours)
    return said


@pytest.mark.parametrize(
    "words", [["report"], ["export", "--to", "jsonl"], ["export", "--to", "jsonl", "--out"]]
)
def test_a_path_is_harmless_on_a_terminal_and_true_in_a_pipe(words: list[str], tmp_path: Path) -> None:
    log = _log(tmp_path / HOSTILE, "a.log")
    out = [tmp_path / HOSTILE / "missing" / "b.jsonl"] if words[-1] == "--out" else []
    said = _on_a_terminal(*words[:1], log, *words[1:], *out).decode()
    assert "PWN" in said
    assert not _steers(said)
    piped = CliRunner().invoke(app, [*words[:1], str(log), *words[1:], *map(str, out)])
    if not out:
        assert str(tmp_path / HOSTILE) in piped.stdout
