"""What `pip install` gives, tried in a folder of a user that has an engine.py and a tui.py of its own.

Nothing is downloaded: the build backend and the dependencies are those of the interpreter that runs this.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("flight_recorder", "engine", "tui", "configs", "pyproject.toml", "README.md", "LICENSE")
THEIRS = "raise SystemExit('the file of the user was imported')\n"
PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input")
OFFLINE = ("--no-deps", "--no-build-isolation", "--no-index")
SHORT = ("training.T=4", "training.warmup=1", "training.eval_every=2", "training.ckpt_every=4")


def _run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(word) for word in command], cwd=cwd, env=clean, capture_output=True, text=True, check=False
    )


def _done(*command: str | Path, cwd: Path) -> str:
    done = _run(*command, cwd=cwd)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is built from: building writes into the folder that it builds."""
    copy = tmp_path_factory.mktemp("checkout")
    leave = shutil.ignore_patterns("__pycache__")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=leave)
        else:
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(checkout: Path) -> Path:
    made = checkout / "made"
    _done(sys.executable, *PIP, "wheel", *OFFLINE, "--wheel-dir", made, checkout, cwd=checkout)
    return next(made.glob("*.whl"))


@pytest.fixture(scope="module", params=["wheel", "editable"])
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of a fresh environment that has the package and our dependencies."""
    environment = tmp_path_factory.mktemp(request.param)
    _done(sys.executable, "-m", "venv", "--without-pip", environment, cwd=environment)
    inside = sysconfig.get_path("purelib", "venv", {"base": str(environment)})
    outside = [path for path in sys.path if path.endswith("-packages")]  # their .pth files are not heeded
    Path(inside, "dependencies.pth").write_text("\n".join(outside))
    python = environment / "bin/python"
    if request.param == "wheel":
        what: tuple[str | Path, ...] = (request.getfixturevalue("wheel"),)
    else:
        what = ("--editable", request.getfixturevalue("checkout"))
    _done(python, *PIP, "install", *OFFLINE, "--force-reinstall", *what, cwd=environment)
    return environment / "bin"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a user, with modules of the names that a checkout has at its top."""
    for name in ("engine.py", "tui.py"):
        (tmp_path / name).write_text(THEIRS)
    for name in ("configs", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(THEIRS)
    return tmp_path


@pytest.fixture
def log(folder: Path) -> Path:
    records: list[dict[str, object]] = [{"kind": "header", "format": "1.0", "vocab_size": 512}]
    records += [{"kind": "step", "step": step, "loss": 6.2 - 0.01 * step, "lr": 1e-3} for step in range(60)]
    path = folder / "inspector.log.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_the_wheel_has_every_file_and_occupies_one_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        names = {name for name in content.namelist() if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in names} == {"flight_recorder"}
    files = (path for top in ("engine", "tui", "configs") for path in (ROOT / top).rglob("*"))
    kept = (path for path in files if path.is_file() and "__pycache__" not in path.parts)
    expected = {f"flight_recorder/{path.relative_to(ROOT)}" for path in kept}
    assert expected - names == set()
    assert "flight_recorder/py.typed" in names


def test_the_monitor_works_beside_a_tui_of_the_user(programs: Path, folder: Path, log: Path) -> None:
    assert _done(programs / "tui", "--version", cwd=folder).startswith("tui ")
    said = json.loads(_done(programs / "tui", "check", "--json", log, cwd=folder))
    assert said["source"]["steps"] == 60
    module = (programs / "python", "-m", "flight_recorder.tui")
    assert "Loss" in _done(*module, "show", log, cwd=folder)


def test_shipped_thresholds_go_by_their_name(programs: Path, folder: Path, log: Path) -> None:
    done = _run(programs / "tui", "check", log, "--thresholds", "as-written", cwd=folder)
    assert done.returncode in (0, 1), done.stderr


@pytest.mark.torch
def test_the_engine_trains_a_shipped_config_and_reports(programs: Path, folder: Path) -> None:
    settings = [word for setting in SHORT for word in ("--set", setting)]
    done = _run(programs / "engine", "train", "healthy", *settings, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "no dashboard" not in done.stderr
    assert (folder / "experiments/healthy/dashboard.html").is_file()


@pytest.mark.torch
def test_what_users_import_comes_from_here(programs: Path, folder: Path) -> None:
    extras = {"lightning": "lightning", "huggingface": "transformers"}
    trainers = [ours for ours, theirs in extras.items() if find_spec(theirs)]
    asked = ["from flight_recorder import Inspector"]
    asked += [f"from flight_recorder.{trainer} import InspectorCallback" for trainer in trainers]
    _done(programs / "python", "-c", "; ".join(asked), cwd=folder)
    assert _done(programs / "engine", "--version", cwd=folder).startswith("engine ")
    module = (programs / "python", "-m", "flight_recorder.engine")
    assert _done(*module, "--version", cwd=folder).startswith("engine ")
