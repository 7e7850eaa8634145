"""The `engine` command: what it takes, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner, Result

from engine.cli import app
from tests.engine.runs import ROOT

pytestmark = pytest.mark.torch


def _engine(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "source.yaml"


def test_the_options_of_train_are_these_and_no_others() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    options = {word for parameter in commands["train"].params for word in parameter.opts}
    assert options == {
        "config", "--out", "--resume", "--set", "--fault", "--stop-after", "--report", "--inspector"
    }  # fmt: skip
    assert set(commands) == {"train", "faults"}


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (None, [], "there is no config file"),
        ("training: {batchsize: 3}", [], "did you mean training.batch_size?"),
        ("training: {T: -1}", [], "training.T must be"),
        ("training: {T: 40}", [], "shorter than its own warmup of 100 steps"),
        ("seed: 0", ["--set", "training.T=0"], "--set training.T=0: training.T must be"),
        ("seed: 0", ["--fault", "bad_int"], "did you mean bad_init?"),
        ("data: {kind: text, path: none.txt}", [], "cannot read data.path"),
        ("data: {vocab_size: 9}", [], "data.vocab_size is too small"),
        ("run: {device: 'cuda:99'}", [], "torch sees"),
    ],
)
def test_a_config_that_cannot_be_run_is_said_and_nothing_is_created(
    tmp_path: Path, source: Path, text: str | None, options: list[str], said: str
) -> None:
    if text is not None:
        source.write_text(text)
    done = _engine("train", source, "--out", tmp_path / "run", *options)
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "run").exists()


def test_a_folder_for_a_config_is_said(tmp_path: Path) -> None:
    done = _engine("train", tmp_path)
    assert (done.exit_code, "is a folder" in done.stderr) == (2, True)


def test_a_file_for_a_run_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    done = _engine("train", ROOT / "configs/healthy.yaml", "--out", tmp_path / "run")
    assert (done.exit_code, "is a file; name a folder" in done.stderr) == (2, True)


def test_a_folder_that_cannot_be_written_to_is_said() -> None:
    done = _engine("train", ROOT / "configs/healthy.yaml", "--out", "/proc/run")
    assert (done.exit_code, "cannot write to /proc" in done.stderr) == (2, True)


def test_stopping_after_no_step_at_all_is_refused() -> None:
    assert _engine("train", ROOT / "configs/healthy.yaml", "--stop-after", "0").exit_code == 2
