"""What must work where a package is missing, in a process in which it really cannot be imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BLOCKED = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
sys.argv = {argv!r}
from flight_recorder.tui.cli import main
main()
"""


def _tui_without(blocked: set[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    program = BLOCKED.format(blocked=blocked, argv=["tui", *arguments])
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    records: list[dict[str, object]] = [{"kind": "header", "format": "1.0", "vocab_size": 512}]
    records += [
        {"kind": "step", "step": step, "loss": 6.2 - 0.01 * step, "lr": 1e-3, "grad_norm": 1.0}
        for step in range(60)
    ]
    path = tmp_path / "inspector.log.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_show_works_without_torch_and_without_textual(log: Path) -> None:
    done = _tui_without({"torch", "textual"}, "show", str(log))
    assert done.returncode == 0, done.stderr
    assert "Loss" in done.stdout


def test_check_works_without_torch_textual_plotext_and_rich(log: Path) -> None:
    done = _tui_without({"torch", "textual", "plotext"}, "check", "--json", str(log))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["source"]["steps"] == 60


def _modules_after(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("cli", ["flight_recorder.engine.cli", "flight_recorder.tui.commands"])
def test_asking_for_help_loads_nothing_heavy(cli: str) -> None:
    loaded = _modules_after(f"import {cli}")
    assert loaded.isdisjoint({"torch", "numpy", "textual", "pydantic", "plotext", "orjson"})


def test_the_first_frame_needs_the_standard_library_only() -> None:
    loaded = _modules_after("import flight_recorder.tui.first_frame")
    assert loaded <= set(sys.stdlib_module_names) | {"__main__", "flight_recorder"} | _modules_after("pass")
