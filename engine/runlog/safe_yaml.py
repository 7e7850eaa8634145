"""YAML that somebody else wrote, read within bounds; whatever is wrong is one error with one sentence.

A file of forty lines can stand for more nodes than there is memory, by aliases of aliases, and a plain
scalar can be a number or a date that Python refuses. So nodes are counted with every alias written out before
anything is made of them, and no exception but YamlError leaves this file.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yaml import Node, SafeLoader

MAX_BYTES = 2**18
"""Configurations are a few kilobytes; the parser takes four seconds for this much (measured)."""

MAX_NODES = 100_000
"""Nodes of a document, aliases written out."""

MAX_DEPTH = 40
_TOO_DEEP = f"is no YAML that can be read: nested more than {MAX_DEPTH} deep"
_MAX_INTEGER = 10**300
"""Larger ones are no finite number for anybody who computes with them."""


class YamlError(ValueError):
    """Text that is no YAML for us. The message goes on behind the file's name: "is not YAML: line 3, ..."."""


def load_yaml(source: str | Path) -> Any:
    """The value of a YAML document: of a text, or of the file at a path.

    Raises:
        YamlError: it cannot be read, is no YAML, or is larger or deeper than any configuration.
    """
    return constructed(composed(_text_of(source) if isinstance(source, Path) else source))


def composed(text: str) -> Node | None:
    """The root node of a document within the bounds; its nodes know their lines. None for an empty one.

    Raises:
        YamlError: the text is no YAML, or is larger or deeper than any configuration.
    """
    import yaml

    if len(text) > MAX_BYTES:
        raise YamlError(f"is larger than {MAX_BYTES:,} bytes, which no configuration is")
    try:
        root = yaml.compose(text, Loader=_loader())
        if root is not None:
            _num_nodes(root, {}, 0)
    except (YamlError, MemoryError):
        raise
    except Exception as error:  # the parser's own errors, and those of what it calls
        raise YamlError(_sentence(error)) from None
    return root


def constructed(root: Node | None) -> Any:
    """The value of a node that `composed` returned.

    Raises:
        YamlError: a number, a date or a key is none.
    """
    import yaml

    if root is None:
        return None
    try:
        value = yaml.SafeLoader("").construct_document(root)
        _refuse_huge_integers(value)
    except (YamlError, MemoryError):
        raise
    except Exception as error:  # int(), datetime() and hash() of whatever stands there
        raise YamlError(_sentence(error)) from None
    return value


@cache
def _loader() -> type[SafeLoader]:
    """A loader that ends at too many open brackets: for each of them it looks ahead over all that follow."""
    import yaml

    class Bounded(yaml.SafeLoader):
        def save_possible_simple_key(self) -> None:
            if self.flow_level > MAX_DEPTH:
                raise YamlError(_TOO_DEEP)
            super().save_possible_simple_key()

    return Bounded


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1).decode("utf-8-sig")
    except OSError as error:
        raise YamlError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise YamlError("is not text in UTF-8") from None


def _num_nodes(node: Node, known: dict[int, int], depth: int) -> int:
    """Nodes at and below this one, each alias counted anew; `known` holds what was counted."""
    line = node.start_mark.line + 1
    if depth > MAX_DEPTH:
        raise YamlError(_TOO_DEEP)
    if id(node) in known:
        if not known[id(node)]:
            raise YamlError(f"is no YAML that can be read: line {line}, what is there contains itself")
        return known[id(node)]
    known[id(node)] = 0
    below = node.value if isinstance(node.value, list) else []
    parts = [part for item in below for part in (item if isinstance(item, tuple) else (item,))]
    number = 1 + sum(_num_nodes(part, known, depth + 1) for part in parts)
    if number > MAX_NODES:
        raise YamlError(
            f"is no YAML that can be read: line {line}, aliases stand for more than {MAX_NODES:,} values"
        )
    known[id(node)] = number
    return number


def _refuse_huge_integers(value: Any) -> None:
    below = [*value, *value.values()] if isinstance(value, dict) else value
    for item in below if isinstance(below, list | tuple | set) else [value]:
        if isinstance(item, dict | list | tuple | set):
            _refuse_huge_integers(item)
        elif isinstance(item, int) and abs(item) > _MAX_INTEGER:
            raise YamlError("is no YAML that can be read: a whole number of more than 300 digits")


def _sentence(error: Exception) -> str:
    """What the parser or Python says, with the line where that is known."""
    from yaml import YAMLError

    if isinstance(error, RecursionError):
        return _TOO_DEEP
    if not isinstance(error, YAMLError | ValueError):
        return "is not YAML: a value in it is not of the kind that its tag says"
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, " if mark is not None else ""
    words = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return f"is not YAML: {place}{' '.join(str(words).split())[:200]}"
