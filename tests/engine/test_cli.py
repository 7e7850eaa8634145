"""The `engine` command: what it takes, and what it says when it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import typer.main
from typer.testing import CliRunner, Result

from flight_recorder.engine.cli import app
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
        (None, [], "there is no file"),
        ("training: {batchsize: 3}", [], "did you mean training.batch_size?"),
        ("training: {T: -1}", [], "training.T must be"),
        ("training: {T: 40}", [], "shorter than its own warmup of 100 steps"),
        ("seed: 0", ["--set", "training.T=0"], "--set training.T=0: training.T must be"),
        ("seed: 0", ["--fault", "bad_int"], "did you mean bad_init?"),
        ("data: {kind: text, path: none.txt}", [], "cannot read data.path"),
        ("data: {vocab_size: 9}", [], "data.vocab_size is too small"),
        ("run: {device: 'cuda:99'}", [], "torch sees"),
        ("run: {device: 'cuda:99999999999'}", [], "is no device"),
        ("model: {ffn_multiple: 100000000000}", [], "this machine cannot hold the model"),
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


def test_what_a_path_does_to_a_terminal_is_shown_and_not_done(tmp_path: Path) -> None:
    for arguments in (["/tmp/\x1b]0;x\x07.yaml"], [ROOT / "configs/healthy.yaml", "--set", "\x1b[31m=1"]):
        done = _engine("train", *arguments)
        assert done.exit_code == 2
        assert "␛" in done.stderr and done.stderr.strip().isprintable()


def test_a_name_that_is_too_long_is_said() -> None:
    done = _engine("train", ROOT / "configs/healthy.yaml", "--out", "x" * 5000)
    assert (done.exit_code, "File name too long" in done.stderr) == (2, True)


def test_help_and_version_are_where_people_look_for_them() -> None:
    for option in ("-h", "--help"):
        assert "Usage" in _engine(option).stdout == _engine("-h").stdout
    assert _engine("--version").stdout.startswith("engine ")


_BLOCKED = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
sys.argv = {argv!r}
from flight_recorder.engine.cli import main
main()
"""


def _engine_without_torch(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = _BLOCKED.format(argv=["engine", *arguments])
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )


def test_without_torch_training_says_what_to_install_and_the_rest_works() -> None:
    done = _engine_without_torch("train", "configs/healthy.yaml")
    said = "engine train needs torch: pip install 'training-flight-recorder[train]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
    assert "bad_init" in _engine_without_torch("faults").stdout
    assert "no_warmup" in _engine_without_torch("faults", "explain", "no_warmup").stdout


def test_an_error_of_the_training_shows_its_trace_and_then_what_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("flight_recorder.engine.train.train", broken)
    done = _engine("train", ROOT / "configs/healthy.yaml", "--out", tmp_path / "run")
    assert done.exit_code == 1
    assert "Traceback" in done.stderr
    assert "broke off with ValueError: a bug; the trace is above" in done.stderr.splitlines()[-1]


def test_too_little_memory_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*_: object, **__: object) -> None:
        torch.empty(2**58)

    monkeypatch.setattr("flight_recorder.engine.train.train", too_large)
    done = _engine("train", ROOT / "configs/healthy.yaml", "--out", tmp_path / "run")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("out of memory: ")


def test_closed_and_narrow_streams_are_no_traceback() -> None:
    command = f"{sys.executable} -m engine train /tmp/$(printf '\\033')none.yaml"
    closed = subprocess.run(["sh", "-c", command + " >&- 2>&-"], cwd=ROOT, check=False)
    assert closed.returncode == 2
    narrow = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True,
        check=False,
    )  # fmt: skip
    assert narrow.returncode == 2
    assert b"none.yaml; known by name are " in narrow.stderr and narrow.stderr.count(b"\n") == 1
