"""Rules of importing that the contracts in pyproject.toml (`lint-imports`) cannot say."""

from __future__ import annotations

import ast

import pytest

from tests.structure.imports import PACKAGES, ROOT, circles, files, imports

OWNERS: dict[str, tuple[tuple[str, ...], str]] = {
    "orjson": (("engine/runlog/codec.py",), "one file decides how numbers become bytes"),
    "plotext": (
        ("tui/panels/drawing/chart.py",),
        "plotext keeps process-wide state and its major versions differ",
    ),
    "textual": (("tui/screen/",), "everything but the live screen works without Textual"),
    "torch": (("engine/",), "a machine that only watches has no torch"),
    "tensorboard": (("tui/sources/formats/", "tui/report/export.py"), "an extra, only where its files are"),
    "wandb": (("tui/sources/formats/",), "an extra, only where its files are"),
    "transformers": (("engine/inspector/integrations/",), "an extra"),
    "lightning": (("engine/inspector/integrations/",), "an extra"),
}

OURS = files(*PACKAGES)


@pytest.mark.parametrize("package", OWNERS)
def test_a_third_party_part_stays_behind_its_file(package: str) -> None:
    owners, reason = OWNERS[package]
    users = [
        str(path.relative_to(ROOT))
        for path in OURS
        if any(name.split(".")[0] == package for name in imports(path))
    ]
    assert users, f"nothing imports {package}"
    wrong = [path for path in users if not path.startswith(owners)]
    assert not wrong, f"{package} belongs to {owners} ({reason})"


def test_nothing_is_imported_by_a_name_that_only_a_checkout_has() -> None:
    """`engine` beside `flight_recorder.engine` would be a second module with a state of its own."""
    everything = files(*PACKAGES, "flight_recorder", "tests", "scripts")
    wrong = [
        (str(path.relative_to(ROOT)), name)
        for path in everything
        for name in imports(path)
        if name.split(".")[0] in PACKAGES
    ]
    assert len(everything) > len(OURS)
    assert not wrong


def test_no_two_files_need_each_other() -> None:
    assert not [sorted(circle) for circle in circles()]


def test_importing_a_package_imports_nothing() -> None:
    packages = [path for path in OURS if path.name == "__init__.py"]
    assert packages
    assert [path for path in packages if path.read_text(encoding="utf-8").strip()] == []


def test_no_file_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "helpers", "common", "core", "manager", "misc"}
    assert [path for path in OURS if drawers & {path.stem, path.parent.name}] == []


def test_no_check_reads_the_fault_that_is_being_rehearsed() -> None:
    """Verdicts come from what was measured; a monitor that reads the answer proves nothing."""
    wrong = [
        (str(path.relative_to(ROOT)), node.lineno)
        for path in files("tui")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value == "fault"
    ]
    assert not wrong
