"""Nothing that lies in a run folder is ever run: not a config, not a checkpoint, not a file beside a log."""

from __future__ import annotations

import ast
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests/sources/logs/recorded/huggingface.5.x.out"

RUNS_CODE = {"eval", "exec", "__import__"}
UNPICKLES = {
    "pickle.load",
    "pickle.loads",
    "yaml.load",
    "yaml.unsafe_load",
    "numpy.load",
    "np.load",
    "os.system",
}


class Bomb:
    """Pickled, it is a command that whoever unpickles it carries out."""

    def __init__(self, marker: Path) -> None:
        self.command = f"touch {marker}"

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (self.command,)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "executed"


def _run(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )


def _is_one_sentence(error: str) -> bool:
    return "Traceback" not in error and 0 < len(error.strip().splitlines()) <= 2


def test_the_bomb_of_these_tests_goes_off_where_it_is_unpickled(marker: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(marker)))
    assert marker.exists()


@pytest.mark.parametrize(
    "command",
    [
        ("engine", "train", "{file}"),
        ("tui", "check", "{log}", "--config", "{file}"),
        ("tui", "check", "{log}", "--thresholds", "{file}"),
    ],
    ids=["engine config", "facts of a foreign run", "thresholds"],
)
def test_a_yaml_file_is_data(command: tuple[str, ...], tmp_path: Path, marker: Path) -> None:
    hostile = tmp_path / "hostile.yaml"
    hostile.write_text(f"seed: !!python/object/apply:os.system ['touch {marker}']\n")
    module, *arguments = (part.format(file=hostile, log=RECORDED) for part in command)
    done = _run(module, *arguments)
    assert done.returncode == 2
    assert _is_one_sentence(done.stderr), done.stderr
    assert not marker.exists()


def test_pickles_beside_a_foreign_log_are_left_alone(tmp_path: Path, marker: Path) -> None:
    shutil.copy(RECORDED, tmp_path / "train.out")
    for name in ("training_args.bin", "optimizer.pt", "scheduler.pt", "trainer_state.pkl"):
        (tmp_path / name).write_bytes(pickle.dumps(Bomb(marker)))
    done = _run("tui", "check", "--fail-on", "black", tmp_path / "train.out")
    assert done.returncode == 0, done.stderr
    assert not marker.exists()


@pytest.mark.torch
def test_a_checkpoint_that_holds_a_program_is_refused(tmp_path: Path, marker: Path) -> None:
    small = [
        "--set",
        "training.T=4",
        "--set",
        "training.warmup=1",
        "--set",
        "training.ckpt_every=2",
        "--no-report",
    ]
    train = ("train", "configs/healthy.yaml", "--out", tmp_path / "run", *small)
    assert _run("engine", *train, "--stop-after", 2).returncode == 0
    for checkpoint in (tmp_path / "run/checkpoints").iterdir():
        checkpoint.write_bytes(pickle.dumps(Bomb(marker)))
    done = _run("engine", *train, "--resume")
    assert done.returncode == 2
    assert "cannot read the checkpoint" in done.stderr
    assert _is_one_sentence(done.stderr), done.stderr
    assert not marker.exists()


def _calls(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_no_line_of_either_package_can_run_what_it_reads() -> None:
    files = [*(ROOT / "engine").rglob("*.py"), *(ROOT / "tui").rglob("*.py")]
    wrong = [(str(path), call) for path in files for call in _calls(path) if call in RUNS_CODE | UNPICKLES]
    assert not wrong
    started = [
        path
        for path in (ROOT / "tui").rglob("*.py")
        if "subprocess" in path.read_text(encoding="utf-8") and path.parent.name != "act"
    ]
    assert not started, "only act/ starts a program, and only one that the user names"
