"""`scripts/score`: a folder of labelled logs in, counts out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _folder(at: Path) -> Path:
    falls = [f"step {step}: loss {3 * step**-0.3:.4f}" for step in range(1, 200)]
    (at / "falls.log").write_text("\n".join(falls) + "\n")
    (at / "dies.log").write_text(
        "\n".join([*falls, *(f"step {s}: loss nan" for s in range(200, 260))]) + "\n"
    )
    (at / "prose.log").write_text("Nothing here was ever trained.\n")
    band = {"level_min": "green", "level_max": "yellow", "causes": [], "must_not": ["overfit"]}
    lost = {"level_min": "black", "level_max": "black", "causes": ["nan"], "must_not": []}
    labels = [
        {"log": "falls.log", "kind": "healthy", **band},
        {"log": "dies.log", "kind": "sick", **lost},
        {"log": "prose.log", "kind": "between", **band},
    ]
    (at / "labels.jsonl").write_text("".join(json.dumps(label) + "\n" for label in labels))
    return at


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What it prints, and the page."""
    at = _folder(tmp_path_factory.mktemp("labelled"))
    command = [sys.executable, str(ROOT / "scripts/score"), str(at), "--each", "--folds", "2"]
    done = subprocess.run(
        [*command, "--page", str(at / "page.md")], capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout, (at / "page.md").read_text()


def test_read_called_and_in_band_are_counted(said: tuple[str, str]) -> None:
    line = next(line for line in said[0].splitlines() if line.startswith("read "))
    assert line == (
        "read 2/3 = 0.667; sick called 1/1 = 1.000, right cause first 1/1 = 1.000; "
        "healthy alarmed 0/1 = 0.000; within band 2/2 = 1.000; forbidden cause first 0; slower than 5 s 0"
    )


def test_each_log_has_a_line_and_the_folds_leave_each_out_once(said: tuple[str, str]) -> None:
    assert "dies.log sick black..black ['nan']: black ('nan'" in said[0]
    assert "left out, all folds: read 2/3" in said[0]


def test_the_page_names_no_log(said: tuple[str, str]) -> None:
    assert "| sick | 1 | 0 | 0 | 0 | 0 | 1 | 0 |" in said[1] and "dies" not in said[1]
