"""Every command on every format: an answer, no traceback, nothing claimed that the log does not say."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.commands import app
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.screen.runs.replay import ReplayFollower
from tests.sources.reading import BINARY, LOGS, RECORDED

TELLING = [
    *sorted(path for path in LOGS.iterdir() if path.is_file()),
    RECORDED / "huggingface.4.x.out",
    RECORDED / "huggingface_nan_masked.5.x.out",
    RECORDED / "huggingface_resumed.5.x.out",
    RECORDED / "5.x.trainer_state.json",
    RECORDED / "metrics.csv",
    RECORDED / "summary_writer.events",
    RECORDED / "offline.wandb",
]


def _needed(path: Path) -> list[pytest.MarkDecorator]:
    package = BINARY.get(path.suffix)
    missing = package is not None and find_spec(package) is None
    return [pytest.mark.skip(reason=f"the {package} extra is not installed")] if missing else []


SAMPLES = [pytest.param(path, id=path.name, marks=_needed(path)) for path in TELLING]


def _run(*words: str | Path, stdin: bytes | None = None) -> str:
    """What the command printed; the test fails on anything but the exit codes 0 and 1."""
    result = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert result.exit_code in (0, 1), result.output
    return result.output


@pytest.mark.parametrize("path", SAMPLES)
def test_check_answers_with_what_the_log_says(path: Path) -> None:
    assert path.name in _run("check", path).replace("\n", "")
    answer = json.loads(_run("check", "--json", path))
    assert answer["source"]["steps"] > 0
    assert answer["level"] in ("green", "yellow", "orange", "red", "black")
    recorded = {name for batch in read_all(path) for record in batch.records for name in record}
    states = {verdict["check"]: verdict["state"] for verdict in answer["verdicts"]}
    for check, field in {"D7.1": "activation", "Q6.2a": "adam_step", "Q5.1": "weights"}.items():
        found = [state for name, state in states.items() if name.startswith(check)]
        assert field in recorded or set(found) <= {"not_measured", "not_applicable"}
    assert ("lr" in recorded) == (answer["schedule"] is not None)


@pytest.mark.parametrize("path", SAMPLES)
def test_show_draws_what_there_is_and_says_what_there_is_not(path: Path) -> None:
    text = _run("show", path, "--width", "100", "--height", "40")
    assert "1 Loss" in text
    if path.name != "runlog.jsonl":
        assert "Spectral norm" not in text, "a panel that the log cannot fill takes no room"


@pytest.mark.parametrize("path", SAMPLES)
def test_report_writes_its_files(path: Path, tmp_path: Path) -> None:
    written = [Path(line) for line in _run("report", path, "--out", tmp_path).splitlines()]
    assert (tmp_path / "dashboard.html") in written
    assert all(file.stat().st_size > 500 for file in written)


@pytest.mark.parametrize("path", SAMPLES)
def test_compare_takes_it_on_either_side(path: Path) -> None:
    other = LOGS / "llm_c.log"
    assert other.name in _run("compare", path, other)
    assert other.name in _run("compare", other, path, "--vocab", "50257", "--clip", "1.0")


@pytest.mark.parametrize("path", SAMPLES)
def test_replay_gives_every_record_again(path: Path) -> None:
    follower = ReplayFollower.of(str(path), None, speed=1e9)
    records: list[Record] = []
    while not follower.is_caught_up or not records:
        batch = follower.poll(10_000, 1.0)
        records += batch.records if batch else []
    assert len(records) == sum(len(batch.records) for batch in read_all(path))


def fresh(path: Path, folder: Path) -> Path:
    """A copy that was written just now: how long a log has been silent is judged too."""
    return Path(shutil.copy(path, folder / path.name)) if path.is_file() else path


@pytest.mark.parametrize("path", SAMPLES)
def test_what_was_exported_reads_as_the_same_run(path: Path, tmp_path: Path) -> None:
    path = fresh(path, tmp_path)
    before = json.loads(_run("check", "--json", path))
    for to in ("csv", "jsonl"):
        out = tmp_path / f"exported.{to}"
        _run("export", path, "--to", to, "--out", out)
        after = json.loads(_run("check", "--json", out))
        # A table cannot say that its steps count updates done, as the Trainer's do.
        more = after["source"]["steps"] - before["source"]["steps"]
        assert more == 0 or (more == 1 and to == "csv")
        if to == "jsonl":
            assert after["level"] == before["level"]
            assert after["overfit"] == before["overfit"]


@pytest.mark.parametrize("path", SAMPLES)
def test_standard_input_is_a_log_like_a_file(path: Path, tmp_path: Path) -> None:
    path = fresh(path, tmp_path)
    piped = json.loads(_run("check", "--json", "-", stdin=path.read_bytes()))
    named = json.loads(_run("check", "--json", path))
    assert piped["source"]["steps"] == named["source"]["steps"]
    assert piped["level"] == named["level"]


@pytest.mark.parametrize("command", ["check", "show", "report", "export --to csv", "replay"])
def test_a_wrong_map_is_told_with_the_nearest_name(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*command.split(), str(RECORDED / "metrics.csv"), "--map", "lss=train_loss"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "did you mean loss?" in result.output
