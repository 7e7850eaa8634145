"""Runs that are watched together, those that begin later among them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from textual.message import Message
from textual.pilot import Pilot

from flight_recorder.tui.screen.app import Monitor
from flight_recorder.tui.screen.runs.run_set import MOST_RUNS, Gathering, RunsBegan
from flight_recorder.tui.screen.runs.watched_run import Watched
from flight_recorder.tui.sources.naming.options import GivenNames, SourceOptions
from tests.screen.builders import START, Script, batch, play, run_records, text_of


def _run(folder: Path, number: int) -> Path:
    log = folder / f"run-{number}" / "metrics.csv"
    log.parent.mkdir(parents=True)
    log.write_text("step,loss\n1,2.5\n")
    os.utime(log, (1e9 + number, 1e9 + number))
    return log


def _began(gathering: Gathering) -> list[str]:
    posted: list[Message] = []
    gathering.look(posted.append)
    return [path for message in posted if isinstance(message, RunsBegan) for path in message.paths]


def test_of_many_runs_the_newest_are_opened_and_that_is_said(tmp_path: Path) -> None:
    logs = [_run(tmp_path, number) for number in range(MOST_RUNS + 3)]
    for path in (str(tmp_path), str(tmp_path / "*" / "metrics.csv")):
        gathering = Gathering([path])
        opened = {watched.run.path for watched in gathering.open_all()}
        assert opened == {str(log) for log in logs[3:]}
        assert gathering.notice == f"the 8 newest of 11 runs; `tui check {path}` judges all"
        assert gathering.num_found == 11
        assert not _began(gathering)


def test_a_run_that_begins_later_is_found_once(tmp_path: Path) -> None:
    _run(tmp_path, 0)
    for number, path in enumerate((str(tmp_path), str(tmp_path / "*" / "metrics.csv")), 1):
        gathering = Gathering([path])
        assert len(gathering.open_all()) == number
        assert not _began(gathering)
        log = _run(tmp_path, number)
        assert _began(gathering) == [str(log)]
        assert not _began(gathering)


def test_what_is_waited_for_is_named_in_full_until_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo" / "results.csv").write_text("town,height\na,2.0\nb,1.0\n")
    gathering = Gathering(["runs/later", "yolo"])
    later, yolo = (watched.run for watched in gathering.open_all())
    assert gathering.remark(later).startswith(f"nothing is at {tmp_path}/runs/later yet")
    assert "no training log in the folder" in gathering.remark(yolo)
    later.extend(batch(run_records(3)))
    assert not gathering.remark(later)


@pytest.mark.parametrize("is_there", [True, False])
def test_the_first_run_of_an_empty_folder_is_not_opened_twice(tmp_path: Path, is_there: bool) -> None:
    tmp_path /= "runs"
    if is_there:
        tmp_path.mkdir()
    gathering = Gathering([str(tmp_path)])
    assert [watched.run.path for watched in gathering.open_all()] == [str(tmp_path)]
    _run(tmp_path, 0)
    assert not _began(gathering)
    assert _began(gathering) == []
    second = _run(tmp_path, 1)
    assert _began(gathering) == [str(second)]


def test_a_log_that_was_named_stays_alone(tmp_path: Path) -> None:
    assert not Gathering([str(_run(tmp_path, 0))]).grows
    assert not Gathering([str(tmp_path)], speed=2.0).grows
    assert Gathering([str(tmp_path)]).grows


def test_a_run_that_begins_joins_the_screen(tmp_path: Path) -> None:
    log = _run(tmp_path, 7)

    async def story(pilot: Pilot[int]) -> None:
        assert len(app.runs) == 1
        app.post_message(RunsBegan([str(log)]))
        await pilot.pause(0.3)
        assert len(app.runs) == 2
        assert app.runs.watched[1].run.recording.last_step == 1
        assert "run-7/metrics.csv has begun" in text_of(app, "footer")

    gathering = Gathering([str(tmp_path / "none")])
    gathering._num_opened = 1
    first = Watched(0, "first", Script(batch(run_records(30))))
    app = Monitor([first], gathering, clock=lambda: START + 100.0)
    play(app, story)


def test_a_name_that_no_log_has_had_is_said_on_the_screen() -> None:
    async def story(pilot: Pilot[int]) -> None:
        assert "--map loss=mine" in text_of(app, "footer")

    options = SourceOptions(GivenNames({"loss": "mine"}))
    watched = Watched(0, "first", Script(batch(run_records(30))))
    app = Monitor([watched], Gathering([], options), clock=lambda: START + 100.0)
    play(app, story)
