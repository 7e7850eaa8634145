"""A reader that fails says so, whoever reads; what was read before the failure stays."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.commands import app
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.follow.tail import Follower
from flight_recorder.tui.run import Run
from flight_recorder.tui.sources.tables.scanned import ScannedParser

LOG = b"step,loss\n" + b"".join(b"%d,2.0\n" % step for step in range(1, 31)) + b"boom\n31,nan\n32,nan\n"
STOPPED_AT = f"reading stopped at byte {LOG.index(b'boom')}: RuntimeError: a slip"


@pytest.fixture(autouse=True)
def _a_parser_with_a_slip(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ScannedParser.records_in

    def records_in(parser: ScannedParser, text: str) -> Iterable[Record]:
        if text == "boom":
            raise RuntimeError("a slip")
        return right(parser, text)

    monkeypatch.setattr(ScannedParser, "records_in", records_in)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_bytes(LOG)
    return path


def test_what_was_read_before_stays_and_the_run_says_where_reading_stopped(log: Path) -> None:
    run = Run(str(log))
    run.extend_by_all(read_all(log))

    assert run.recording.last_step == 30
    assert run.failure.startswith(STOPPED_AT)


def test_it_is_the_same_whole_and_in_pieces(log: Path) -> None:
    run, written = Run(str(log)), LOG
    log.write_bytes(b"")
    follower = Follower(log)
    for start in range(0, len(written), 7):
        with log.open("ab") as file:
            file.write(written[start : start + 7])
        while batch := follower.poll():
            run.extend(batch)

    assert run.recording.last_step == 30
    assert run.failure.startswith(STOPPED_AT)


@pytest.mark.parametrize(
    "command", [["check"], ["check", "--follow"], ["show"], ["report"], ["export", "--to", "csv"]]
)
def test_every_command_answers_and_leaves_with_2(log: Path, command: list[str]) -> None:
    result = CliRunner().invoke(app, [command[0], str(log), *command[1:]])

    assert result.exit_code == 2
    assert STOPPED_AT in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout


def test_json_has_the_sentence_and_null_where_all_is_well(log: Path) -> None:
    stopped = CliRunner().invoke(app, ["check", "--json", str(log)])
    log.write_bytes(LOG.replace(b"boom\n", b""))
    well = CliRunner().invoke(app, ["check", "--json", str(log)])

    assert json.loads(stopped.stdout)["source"]["reading_stopped"].startswith(STOPPED_AT)
    assert json.loads(well.stdout)["source"]["reading_stopped"] is None


def test_the_traceback_is_there_for_who_asks(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUI_DEBUG", "1")

    assert "Traceback" in CliRunner().invoke(app, ["check", str(log)]).stderr


def test_an_error_of_a_command_itself_is_a_sentence_and_never_code_1(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise ZeroDivisionError("float division")

    monkeypatch.setattr("flight_recorder.tui.report.terminal.verdicts.print_verdicts", failing)
    result = CliRunner().invoke(app, ["check", str(log)])

    assert result.exit_code == 2
    assert "ZeroDivisionError: float division" in result.stderr
    assert "TUI_DEBUG=1" in result.stderr


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"step,loss\n", 0), (b"step,loss\n-1,2\n2.5,3\n", 2), (b"\t" * 2**17 + b"loss\n", 2)],
    ids=["only begun", "every row damaged", "long and nothing in it"],
)
def test_nothing_read_is_never_called_green(log: Path, content: bytes, code: int) -> None:
    log.write_bytes(content)
    result = CliRunner().invoke(app, ["check", str(log)])

    assert result.exit_code == code
    assert "GREEN" not in result.stdout
    assert "no step was read yet" in result.stdout
    assert ("could be read" in result.stderr) is (code == 2)
