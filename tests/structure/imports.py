"""Who imports whom, read from the sources and never by importing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "tui")


@cache
def files(*folders: str) -> tuple[Path, ...]:
    """The Python files below folders of the checkout, and the scripts without a suffix."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())
    return tuple(sorted(path for path in found if path.suffix == ".py" or _is_script(path)))


@cache
def imports(path: Path, at_run_time: bool = False) -> tuple[str, ...]:
    """Dotted names of everything that a file imports, above or inside functions, of a module and below it.

    With `at_run_time` without what only a type checker sees.
    """
    return tuple(_imported(ast.parse(path.read_text(encoding="utf-8")), at_run_time))


def module_name(path: Path) -> str:
    """The name under which a file of a package is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    own = parts if parts[0] == "flight_recorder" else ("flight_recorder", *parts)
    return ".".join(own[:-1] if own[-1] == "__init__" else own)


def circles() -> list[frozenset[str]]:
    """Every largest set of modules that need each other, imports inside functions included."""
    paths = [*files(*PACKAGES), *(ROOT / "flight_recorder").glob("*.py")]
    modules = {module_name(path): path for path in paths}
    graph = {
        name: (set(imports(path, at_run_time=True)) & set(modules)) - {name} for name, path in modules.items()
    }
    reached = {name: _reached(name, graph) for name in graph}
    found = {
        frozenset(other for other in reached[name] if name in reached[other])
        for name in graph
        if name in reached[name]
    }
    return sorted(found, key=min)


def _imported(tree: ast.AST, at_run_time: bool) -> Iterator[str]:
    for node in _nodes(tree, at_run_time):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _nodes(node: ast.AST, at_run_time: bool) -> Iterator[ast.AST]:
    yield node
    is_for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    if not (at_run_time and is_for_types):
        for child in ast.iter_child_nodes(node):
            yield from _nodes(child, at_run_time)


def _reached(start: str, graph: dict[str, set[str]]) -> set[str]:
    """The modules that are imported by way of this one: itself only if it lies on a circle."""
    reached: set[str] = set()
    todo = list(graph[start])
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += graph[name]
    return reached


def _is_script(path: Path) -> bool:
    if path.suffix:
        return False
    with path.open("rb") as file:
        first = file.readline(80)
    return first.startswith(b"#!") and b"python" in first
