"""What is a fault is decided by the tree alone: no report has a bound of its own that could disagree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from flight_recorder.tui import report

FOLDER = Path(report.__file__).parent
FILES = sorted(path for room in ("markdown", "compare", "terminal") for path in (FOLDER / room).glob("*.py"))


def bounds_in(source: str) -> Iterator[str]:
    """Numbers with a fraction that something is compared with, or that a module names; seconds apart."""
    module = ast.parse(source)
    named = [one for one in module.body if isinstance(one, ast.Assign)]
    named = [one for one in named if not ast.unparse(one.targets[0]).endswith("_S")]
    for node in ast.walk(module):
        if isinstance(node, ast.Compare) or node in named:
            found = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
            yield from (str(value) for value in found if isinstance(value, float) and value % 1)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_report_holds_no_threshold(path: Path) -> None:
    assert list(bounds_in(path.read_text(encoding="utf-8"))) == []


def test_a_bound_would_be_found() -> None:
    assert list(bounds_in("DIVERGED = 1.05\nif loss > 0.1 * best: pass\nLONG_S = 2.5")) == ["1.05", "0.1"]
