"""`tui check` of many runs: a line each, the worst first, and the exit code of the worst."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.commands import app
from flight_recorder.tui.report.terminal import several
from flight_recorder.tui.sources.locate.runs import telling_names
from flight_recorder.tui.sources.naming.options import SourceOptions


def _write(path: Path, losses: list[object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"step": step, "loss": loss, "lr": 1e-3} for step, loss in enumerate(losses, 1)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _well(path: Path) -> Path:
    return _write(path, [3 - step / 100 for step in range(60)])


def _lost(path: Path) -> Path:
    return _write(path, [3.0] * 30 + ["NaN"] * 30)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three good runs and a lost one that was not written to last."""
    _lost(tmp_path / "runs" / "b" / "metrics.jsonl")
    for number, name in enumerate("acd"):
        log = _well(tmp_path / "runs" / name / "metrics.jsonl")
        os.utime(log, (4e9 + number, 4e9 + number))
    return tmp_path / "runs"


def _check(*words: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.output


def test_a_folder_is_judged_run_by_run_and_the_worst_decides(runs: Path) -> None:
    code, output = _check(runs)
    lines = output.splitlines()
    assert code == 1
    assert len(lines) == 4
    assert lines[0].startswith("■ BLACK  b  ")
    assert "not finite since step 31" in lines[0]
    assert "60 steps, " in lines[0]
    assert [line.split()[2] for line in lines[1:]] == ["d", "c", "a"]


def test_the_exit_code_asks_for_the_level_that_was_given(runs: Path) -> None:
    assert _check(runs, "--fail-on", "black")[0] == 1
    (runs / "b" / "metrics.jsonl").unlink()
    assert _check(runs, "--fail-on", "yellow")[0] == 0


def test_several_paths_and_patterns_are_one_list(runs: Path) -> None:
    code, output = _check(runs / "a", runs / "a" / "metrics.jsonl", f"{runs}/[bc]/*.jsonl")
    assert code == 1
    assert [line.split()[2] for line in output.splitlines()] == ["b", "a", "c"]


def test_the_newest_alone_is_judged_in_full(runs: Path) -> None:
    code, output = _check(runs, "--newest")
    assert code == 0
    assert f"{runs}/d/metrics.jsonl   60 steps" in output
    assert "checks: " in output


def test_the_only_run_of_a_folder_is_judged_in_full_under_its_own_path(tmp_path: Path) -> None:
    log = _well(tmp_path / "runs" / "only" / "metrics.jsonl")
    code, output = _check(tmp_path / "runs")
    assert code == 0
    assert f"   {log}   60 steps" in output


def test_a_run_that_cannot_be_read_is_a_line_and_the_code_2(runs: Path) -> None:
    bad = runs / "b" / "metrics.jsonl"
    bad.write_text("nothing that anyone knows\n")
    code, output = _check(bad, runs / "a")
    assert code == 2
    assert output.splitlines()[-1].startswith("? UNREAD b")
    assert "is not a training log that I know" in output
    code, _ = _check(bad, runs / "a", _lost(runs / "e" / "metrics.jsonl"))
    assert code == 1
    assert _check(bad, bad.parent / "not there")[0] == 2


def test_json_of_many_is_one_object_and_json_lines_one_each(runs: Path) -> None:
    bad = runs / "bad.jsonl"
    bad.write_text("nothing\n")
    one = json.loads(_check(runs, bad, "--json")[1])
    assert one["level"] == "black"
    levels = [run["level"] for run in one["runs"]]
    assert (levels[0], levels[-1]) == ("black", None)
    assert one["runs"][-1]["error"].startswith(str(bad))
    assert [json.loads(line) for line in _check(runs, bad, "--json-lines")[1].splitlines()] == one["runs"]


def test_a_name_that_one_of_the_logs_has_is_met(runs: Path) -> None:
    other = runs / "other.jsonl"
    other.write_text('{"step": 1, "my_loss": 2.0}\n{"step": 2, "my_loss": 1.5}\n')
    assert "2 steps" in _check(other, runs / "a", "--map", "loss=my_loss")[1]
    assert _check(runs / "a", runs / "c", "--map", "loss=my_loss")[0] == 2


def test_other_processes_say_the_same(runs: Path) -> None:
    paths = [str(runs / name / "metrics.jsonl") for name in "abx"]
    order = several.Order(SourceOptions(), None, True)
    assert list(several._each_elsewhere(paths, order)) == [several._judged(path, order) for path in paths]


def test_following_is_for_one_run(runs: Path) -> None:
    code, output = _check(runs, "--follow")
    assert code == 2
    assert "--follow judges one run, and these are 4" in output


def test_a_fault_in_one_log_leaves_the_others_their_verdicts(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(run: object) -> str:
        raise ZeroDivisionError("of a kind")

    monkeypatch.setattr(several, "_headline", broken)
    code, output = _check(runs)
    assert code == 2
    assert output.count("a fault of this program (ZeroDivisionError: of a kind)") == 4


def test_who_waits_at_a_terminal_sees_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = [several.Judged(name, Level.GREEN) for name in "abc"]
    seconds = iter([0.0, 1.0, 2.5, 5.0])
    assert list(several._shown_on_terminal(iter(judged), 3, lambda: 9.0)) == judged
    assert not capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert list(several._shown_on_terminal(iter(judged), 3, lambda: next(seconds))) == judged
    said = capsys.readouterr().err
    assert "judged 1 of" not in said
    assert "judged 2 of 3 runs" in said


@pytest.mark.parametrize(
    "paths, names",
    [
        (["r/a/m.jsonl", "r/b/m.jsonl"], ["a", "b"]),
        (["r/a.csv", "r/b.csv"], ["a.csv", "b.csv"]),
        (["r/m.csv", "r/x/m.csv"], ["m.csv", "x/m.csv"]),
        (["/r/a/1/m", "/r/b/1/m", "/r/b/2/m"], ["a/1", "b/1", "b/2"]),
        (["only/m.csv"], ["only/m.csv"]),
    ],
)
def test_runs_are_called_what_tells_them_apart(paths: list[str], names: list[str]) -> None:
    assert telling_names(paths) == names
