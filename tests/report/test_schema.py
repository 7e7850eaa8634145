"""`tui schema` describes what `check --json` prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from flight_recorder.tui.commands import app

LOSSES: dict[str, Any] = {
    "healthy": [3 - step / 100 for step in range(200)],
    "lost": [3.0] * 100 + [float("nan")] * 100,
    "alone": [2.0],
}


@pytest.fixture
def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(CliRunner().invoke(app, ["schema"]).stdout)
    jsonschema.Draft202012Validator.check_schema(found)
    return found


@pytest.mark.parametrize("name", LOSSES)
def test_what_check_prints_is_valid(schema: dict[str, Any], name: str, tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    log.write_text("".join(json.dumps({"step": s, "loss": x}) + "\n" for s, x in enumerate(LOSSES[name])))
    jsonschema.validate(json.loads(CliRunner().invoke(app, ["check", "--json", str(log)]).stdout), schema)


def test_a_run_that_was_not_read_is_valid_too(schema: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"step": 1, "loss": 1}\n')
    (tmp_path / "b.jsonl").write_text("no log\n")
    paths = [str(tmp_path / name) for name in ("a.jsonl", "b.jsonl")]
    for line in CliRunner().invoke(app, ["check", "--json-lines", *paths]).stdout.splitlines():
        jsonschema.validate(json.loads(line), schema)


def test_a_level_that_is_none_is_not_valid(schema: dict[str, Any], tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    log.write_text('{"step": 1, "loss": 1}\n')
    document = json.loads(CliRunner().invoke(app, ["check", "--json", str(log)]).stdout)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document | {"level": "purple"}, schema)
    document["verdicts"][0]["reading"] = "much"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)
