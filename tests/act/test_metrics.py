"""The file for Prometheus, read by its own parser's rules."""

from __future__ import annotations

import json
import re
from pathlib import Path

from typer.testing import CliRunner

from flight_recorder.tui.act.metrics import MetricsFile, exposition
from flight_recorder.tui.commands import app
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.run import Run

SAMPLE = re.compile(
    r'[a-z_]+\{[a-z]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z]+="[^"\\]*")*\} (NaN|[+-]Inf|-?[0-9.e+-]+)'
)


def log(tmp_path: Path, name: str = "run.jsonl") -> Path:
    path = tmp_path / name
    rows = [{"step": step, "loss": 3 - step / 100 if step < 150 else float("nan")} for step in range(200)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run_of(path: Path) -> Run:
    run = Run(str(path))
    run.extend_by_all(read_all(str(path)))
    return run


def test_every_sample_has_the_form_of_the_format(tmp_path: Path) -> None:
    lines = list(exposition(run_of(log(tmp_path, 'a "run"\nwith\\all.jsonl'))))
    samples = [line for line in lines if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(line) for line in samples), samples
    assert any(line.startswith("training_level{") and line.endswith(" 4") for line in samples)
    assert any(line.startswith("training_loss{") and line.endswith(" NaN") for line in samples)


def test_the_file_is_written_once_a_second(tmp_path: Path) -> None:
    times = iter([0.0, 0.0, 0.5, 1.5, 1.5])
    file = MetricsFile(tmp_path / "run.prom", lambda: next(times))
    run = run_of(log(tmp_path))
    file.look(run)
    (tmp_path / "run.prom").unlink()
    file.look(run)
    assert not (tmp_path / "run.prom").exists()
    file.look(run)
    assert (tmp_path / "run.prom").exists()


def test_a_run_that_is_followed_leaves_its_end_in_the_file(tmp_path: Path) -> None:
    out = tmp_path / "run.prom"
    path = log(tmp_path)
    arguments = ["check", "--follow", "--fail-on", "black", "--metrics", str(out), str(path)]
    assert CliRunner().invoke(app, arguments).exit_code == 1
    assert "training_step" in out.read_text()
    assert 'check="D1.1"} 4' in out.read_text()
