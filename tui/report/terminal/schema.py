"""The JSON Schema of what `tui check --json` prints, made of the very classes that it prints.

https://json-schema.org/draft/2020-12
"""

from __future__ import annotations

from typing import Any

from flight_recorder.tui.checks.verdict import Level, State, Verdict

_NUMBER: dict[str, Any] = {"anyOf": [{"type": "number"}, {"enum": ["nan", "inf", "-inf"]}]}
"""JSON has no number for what is not finite."""

_LEVEL = {"enum": [str(level) for level in Level]}
_TEXT, _COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}


def schema() -> dict[str, Any]:
    """The schema of one run's object: of `--json`, and of each line of `--json-lines`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tui check --json",
        "anyOf": [
            _judged(),
            _object({"source": _object({"path": _TEXT}), "level": {"const": None}, "error": _TEXT}),
        ],
        "$defs": _verdict(),
    }


def _judged() -> dict[str, Any]:
    verdict = {"$ref": "#/$defs/Verdict"}
    source = {
        "path": _TEXT,
        "format": _TEXT,
        "kind": _TEXT,
        "kind_evidence": _TEXT,
        "steps": _COUNT,
        "pulse": _TEXT,
        "damaged_lines": _COUNT,
        "reading_stopped": _or_null(_TEXT),
        "notes": _list(_TEXT),
    }
    return _object(
        {
            "source": _object(source),
            "level": _LEVEL,
            "headline": _or_null(verdict),
            "causes": _list(_object({"cause": _TEXT, "evidence": _list(_TEXT)})),
            "verdicts": _list(verdict),
            "overfit": _or_null({"type": "object"}),
            "schedule": _or_null({"type": "object"}),
        }
    )


def _verdict() -> dict[str, Any]:
    from pydantic import TypeAdapter

    made = TypeAdapter(Verdict).json_schema(mode="serialization")
    return _in_words(made.pop("$defs")) | {"Verdict": _in_words(made)}  # type: ignore[no-any-return]


def _in_words(part: Any) -> Any:
    """As it is printed: levels by their names, and numbers that may be none."""
    if isinstance(part, list):
        return [_in_words(each) for each in part]
    if not isinstance(part, dict):
        return part
    if part.get("title") == "Level":
        return _LEVEL
    if part.get("title") == "State":
        return {"enum": [str(state) for state in State]}
    if part.get("type") == "number":
        return _NUMBER
    return {name: _in_words(each) for name, each in part.items()}


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    """More fields may be added; these are a promise."""
    return {"type": "object", "required": list(fields), "properties": fields}


def _or_null(part: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [part, {"type": "null"}]}


def _list(part: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": part}
