"""`--kind`: what the user says of the kind of run counts, and is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flight_recorder.tui.checks.tree import walk
from flight_recorder.tui.commands import app

LOG = '{"step": 1, "loss": 2.0, "d_loss": 1.0}\n{"step": 2, "loss": 1.9, "d_loss": 1.0}\n'


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "log.jsonl"
    path.write_text(LOG)
    return str(path)


def test_the_kind_is_told_with_its_evidence(log: str) -> None:
    source = json.loads(CliRunner().invoke(app, ["check", log, "--json"]).stdout)["source"]
    assert (source["kind"], source["kind_evidence"]) == ("adversarial", "the log has d_loss")


def test_a_kind_that_the_user_gives_overrides_what_the_names_say(log: str) -> None:
    given = ["check", log, "--kind", "language-model"]
    source = json.loads(CliRunner().invoke(app, [*given, "--json"]).stdout)["source"]
    assert (source["kind"], source["kind_evidence"]) == ("language_model", "it was told")
    heading = CliRunner().invoke(app, given).stdout.splitlines()[0]
    assert heading.endswith("language model")


def test_a_kind_that_is_none_is_refused_in_a_sentence(log: str) -> None:
    result = CliRunner().invoke(app, ["check", log, "--kind", "polcy"])
    assert result.exit_code == 2 and "did you mean policy?" in result.output


def test_the_walk_is_in_the_order_of_the_ids() -> None:
    ids = [check.id for check in walk()]
    wanted = ["Q1.1d", "Q1.2a", "Q1.2d", "Q2.1a", "Q2.1e", "Q2.2a", "Q3.1d", "Q3.2a", "Q6.4", "P1", "P6"]
    wanted += ["D1.1", "D5.1", "D5.2", "D5.9", "D5.14", "D6.1", "D7.1", "D9.1"]
    assert [id for id in ids if id in wanted] == wanted
