"""--format: read back by what these formats are read by."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from flight_recorder.tui.commands import app

ANNOTATION = re.compile(r"::(error|warning|notice) file=([^,:]*),title=([^,:]*)::(.+)")


@pytest.fixture
def logs(tmp_path: Path) -> list[str]:
    """A healthy run, one that is lost, and one that is no log."""
    healthy, lost, none = (tmp_path / name for name in ("healthy.jsonl", "lost,100%.jsonl", "none.jsonl"))
    healthy.write_text("".join(json.dumps({"step": s, "loss": 3 - s / 100}) + "\n" for s in range(50)))
    lost.write_text("".join(json.dumps({"step": s, "loss": float("nan")}) + "\n" for s in range(50)))
    none.write_text("no log\n")
    return [str(path) for path in (healthy, lost, none)]


def answer(format_: str, *paths: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", "--format", format_, *paths])
    return result.exit_code, result.stdout


def test_github_annotates_each_file_with_what_is_wrong(logs: list[str]) -> None:
    code, out = answer("github", *logs)
    assert code == 1
    found = [ANNOTATION.fullmatch(line) for line in out.splitlines()]
    assert all(found)
    said = [(match[1], match[2].replace("%2C", ",").replace("%25", "%")) for match in found if match]
    assert ("error", logs[1]) in said
    assert ("error", logs[2]) in said
    assert logs[0] not in [path for level, path in said if level == "error"]


def test_junit_has_a_suite_a_run_whose_counts_are_right(logs: list[str]) -> None:
    _, out = answer("junit", *logs)
    suites = {suite.get("name"): suite for suite in ElementTree.fromstring(out)}
    assert set(suites) == set(logs)
    for suite in suites.values():
        assert int(suite.get("tests", 0)) == len(suite.findall("testcase"))
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(count, 0)) == len(suite.findall(f"testcase/{tag}"))
    assert suites[logs[0]].get("failures") == "0"
    assert int(suites[logs[1]].get("failures", 0)) > 0
    assert suites[logs[2]].get("errors") == "1"


def test_markdown_has_a_row_a_run_and_runs_nothing_of_a_name(tmp_path: Path) -> None:
    log = tmp_path / "a|b<img>.jsonl"
    log.write_text("".join(json.dumps({"step": s, "loss": float("nan")}) + "\n" for s in range(50)))
    code, out = answer("markdown", str(log))
    assert code == 1
    rows = [line for line in out.splitlines() if line.startswith("|")]
    assert len(rows) == 3
    assert "<img>" not in re.sub(r"\\<|\\>", "", out)
    assert "D1.1" in out


def test_one_run_gives_the_exit_code_that_it_has_without_a_format(logs: list[str]) -> None:
    assert [answer("junit", path)[0] for path in logs] == [0, 1, 2]


def test_an_unknown_format_is_one_sentence(logs: list[str]) -> None:
    result = CliRunner().invoke(app, ["check", "--format", "xml", logs[0]])
    assert result.exit_code == 2
    assert "known are github, junit, markdown" in result.stderr
