"""The generated part of FORMAT.md: one table of fields for each kind of record, from the schema."""

from __future__ import annotations

from flight_recorder.engine.runlog.schema import KINDS, REQUIRED, Field

_SHAPES = {
    "scalar": "",
    "object": "object",
    "names": "list of text",
    "rows": "list of objects",
    "ranks": "list, one per rank",
    "pairs": "list of pairs of text",
    "facts": "object of numbers",
}


def field_tables() -> str:
    """Markdown: a heading and a table for each kind, in the order in which kinds appear in a log."""
    return "\n\n".join(_table(kind, list(fields.values())) for kind, fields in KINDS.items())


def _table(kind: str, fields: list[Field]) -> str:
    required = ", ".join(f"`{name}`" for name in REQUIRED[kind])
    rows = [
        f"### `{kind}`",
        "",
        f"Must have {required}.",
        "",
        "| field | unit | form | meaning |",
        "|---|---|---|---|",
    ]
    return "\n".join(rows + [_row(field) for field in fields])


def _row(field: Field) -> str:
    form = _SHAPES.get(field.shape, f"list, one per item of `{field.shape}`")
    digits = "exact" if field.exact else ""
    forms = ", ".join(part for part in (form, digits) if part)
    meaning = field.meaning.replace("|", "\\|")
    return f"| `{field.name}` | {field.unit} | {forms} | {meaning} |"
