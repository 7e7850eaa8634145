"""Checks of other packages, found by their entry points: a dist-info beside a module is a package."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.checks.builders import log

ROOT = Path(__file__).resolve().parents[2]

CHECK = '''
from flight_recorder.tui.checks.rule import Leaf, Readings, check
from flight_recorder.tui.checks.signals.signal import Derived, signal


@signal("acme.halved", reads=("loss",), why="to have one", reference="https://example.org")
def halved(view):
    """Half of the loss."""
    return Derived(view.steps, {"": view["loss"] / 2})


@check(
    "X1",
    section="acme",
    question="Is half of the loss below two?",
    panel="loss",
    reads=("signal.acme.halved",),
    drawn=True,
    leaves=(Leaf("half of it is too much", above=2.0, causes=("lr_too_high",), fix="Train longer."),),
    source="acme",
)
def half_of_the_loss(view):
    """Half of the loss, as acme sees it."""
    values = view["signal.acme.halved"]
    return Readings(view.steps, values, lambda i: f"half of it is {values[i]:g}")
'''

PROBE = """
import json, sys
from flight_recorder.tui.checks.documents.tree_document import render_tree
from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.series.recording import Recording

recording = Recording()
for batch in read_all(sys.argv[1]):
    recording.extend(batch.records)
text = render_tree()
lines = [[line.label, line.value] for line in Judge(recording).thresholds("loss")]
print(json.dumps([lines, "### X1 Is half of the loss below two?" in text, "### acme.halved" in text]))
"""


def _install(folder: Path, module: str, source: str) -> None:
    """A package as an installer leaves it: its module, and a dist-info that names its entry point."""
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[training_flight_recorder.checks]\n{module} = {module}\n")


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, cwd=folder, timeout=120
    )


def _log(folder: Path) -> str:
    path = folder / "run.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in log(loss="6x5")))
    return str(path)


def _verdicts(folder: Path) -> tuple[dict[str, Any], str]:
    done = _run(folder, "-m", "flight_recorder.tui", "check", _log(folder), "--json")
    return {one["check"]: one for one in json.loads(done.stdout)["verdicts"]}, done.stderr


def test_an_installed_package_adds_a_check_everywhere(tmp_path: Path) -> None:
    _install(tmp_path, "acme_checks", CHECK)
    verdicts, errors = _verdicts(tmp_path)
    found = verdicts["X1"]
    assert (found["state"], found["symptom"], found["reading"]) == ("firing", "half of it is too much", 3.0)
    assert not errors
    explained = _run(tmp_path, "-m", "flight_recorder.tui", "explain", "X1").stdout
    assert "Half of the loss, as acme sees it." in explained and "half of it is too much" in explained
    lines, has_node, has_signal = json.loads(_run(tmp_path, "-c", PROBE, _log(tmp_path)).stdout)
    assert ["half of it is too much", 2.0] in lines
    assert has_node and has_signal


def test_a_package_that_is_broken_is_left_out_with_a_sentence(tmp_path: Path) -> None:
    _install(tmp_path, "acme_checks", CHECK)
    _install(tmp_path, "broken_checks", CHECK.replace("X1", "X2").replace("acme", "mine") + "\n1 / 0\n")
    verdicts, errors = _verdicts(tmp_path)
    assert "X1" in verdicts and "X2" not in verdicts
    assert errors.splitlines() == [
        "The checks of broken_checks are left out: ZeroDivisionError: division by zero."
    ]
