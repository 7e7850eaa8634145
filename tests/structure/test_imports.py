"""The path of a byte, as import rules: each stage may know the stages before it and nothing after."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

STAGES = ("sources", "follow", "series", "checks", "run", "panels", "screen", "report")
"""Order of the path inside tui. `screen` and `report` are both ends: neither may know the other, save that
the one-shot outputs of `report` are never drawn by `screen`."""

OWNERS = {
    "orjson": ("engine/runlog/codec.py", "one file decides how numbers become bytes"),
    "plotext": ("tui/panels/chart.py", "plotext keeps process-wide state and its major versions differ"),
    "textual": ("tui/screen/", "everything but the live screen works without Textual"),
    "torch": ("engine/", "a machine that only watches has no torch"),
    "tensorboard": (("tui/sources/", "tui/report/export.py"), "an extra, only where its files are"),
    "wandb": ("tui/sources/", "an extra, only where its files are"),
    "transformers": ("engine/integrations/", "an extra"),
    "lightning": ("engine/integrations/", "an extra"),
}


def _files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def _imports(path: Path) -> Iterator[str]:
    """Dotted names of everything a file imports, at module level or inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _stage(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "tui" and len(parts) > 1 and parts[1] in STAGES else None


ALL_FILES = [*_files("engine"), *_files("tui")]


@pytest.mark.parametrize("path", _files("tui"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_stage_knows_only_the_stages_before_it(path: Path) -> None:
    own = _stage(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if own is None:
        return  # cli.py, commands.py and first_frame.py stand outside the path
    later = set(STAGES[STAGES.index(own) + 1 :]) | ({"screen"} if own == "report" else set())
    wrong = [name for name in _imports(path) if _stage(name) in later]
    assert not wrong, f"{path} imports {wrong}"


def test_the_engine_never_knows_the_monitor() -> None:
    wrong = [
        (path, name) for path in _files("engine") for name in _imports(path) if name.split(".")[0] == "tui"
    ]
    assert not wrong


def test_the_monitor_knows_nothing_of_the_engine_but_its_log() -> None:
    wrong = [
        (path, name)
        for path in _files("tui")
        for name in _imports(path)
        if name.split(".")[0] == "engine"
        and name != "engine"
        and not name.startswith("flight_recorder.engine.runlog")
    ]
    assert not wrong


@pytest.mark.parametrize("package", OWNERS)
def test_a_third_party_part_stays_behind_its_file(package: str) -> None:
    owner, reason = OWNERS[package]
    wrong = [
        str(path.relative_to(ROOT))
        for path in ALL_FILES
        if any(name.split(".")[0] == package for name in _imports(path))
        and not str(path.relative_to(ROOT)).startswith(owner)
    ]
    assert not wrong, f"{package} belongs to {owner} ({reason})"


def test_the_log_needs_no_torch() -> None:
    wrong = [path for path in _files("engine/runlog") for name in _imports(path) if name.startswith("torch")]
    assert not wrong


def test_importing_a_package_imports_nothing() -> None:
    packages = [path for path in ALL_FILES if path.name == "__init__.py"]
    assert packages
    assert [path for path in packages if path.read_text(encoding="utf-8").strip()] == []


def test_no_file_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "helpers", "common", "core", "manager", "misc"}
    assert [path for path in ALL_FILES if drawers & {path.stem, path.parent.name}] == []


def test_no_check_reads_the_fault_that_is_being_rehearsed() -> None:
    """Verdicts come from what was measured; a monitor that reads the answer proves nothing."""
    wrong = [
        (str(path.relative_to(ROOT)), node.lineno)
        for path in _files("tui")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value == "fault"
    ]
    assert not wrong
