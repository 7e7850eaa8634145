"""The newest part of a long run is on the screen while the rest is being read; then the whole of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from flight_recorder.engine.runlog.codec import Record, encode
from flight_recorder.tui.checks.verdict import State
from flight_recorder.tui.follow import index
from flight_recorder.tui.follow.batch import Batch
from flight_recorder.tui.follow.splits import PathFollower
from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.panels.view import View as PanelView
from flight_recorder.tui.run import Run, judged
from flight_recorder.tui.screen.app import Monitor
from flight_recorder.tui.screen.drawing.spans import plain
from flight_recorder.tui.screen.drawing.status import status_line
from flight_recorder.tui.screen.runs import frames
from flight_recorder.tui.screen.runs.progress import status_of
from flight_recorder.tui.screen.runs.watched_run import Watched
from flight_recorder.tui.screen.state.view import Mode
from flight_recorder.tui.series.recording import Recording
from flight_recorder.tui.series.stored import stored
from tests.screen.builders import START, Script, batch, run_records, text_of

RECORDS = run_records(400)
PREVIEW = replace(batch([RECORDS[0], *RECORDS[-40:]]), is_preview=True, size_bytes=1000)
FIRST = batch(RECORDS[:200], next_offset=340, size_bytes=1000)
REST = batch(RECORDS[200:], next_offset=1000, size_bytes=1000)


def _watched() -> tuple[Watched, Script]:
    script = Script(PREVIEW, FIRST, REST)
    return Watched(0, "x", script), script


def test_newest_part_is_shown_unjudged_until_the_whole_was_read() -> None:
    watched, script = _watched()
    for num_given, given in enumerate((PREVIEW, FIRST), start=1):
        script.num_given = num_given
        watched.take(given)
        watched.settle()
        assert watched.run.is_partial and watched.run.recording.last_step == 399
        assert {verdict.state for verdict in watched.run.judge.verdicts} <= {
            State.UNKNOWN,
            State.NOT_APPLICABLE,
        }
    loss = PANELS[0].figure(watched.run, PanelView())
    assert loss.health == "not judged yet" and not any(mark.kind == "best" for mark in loss.marks)
    assert watched.part_read == 0.34
    script.num_given = 3
    watched.take(REST)
    watched.settle()
    assert watched.part_read is None


def test_whole_run_has_the_verdicts_of_a_run_without_a_newest_part() -> None:
    watched, script = _watched()
    for num_given, given in enumerate(script.batches, start=1):
        script.num_given = num_given
        watched.take(given)
        watched.settle()
    alone = Run("x")
    alone.extend(batch(RECORDS))
    assert watched.run.judge.verdicts == alone.judge.verdicts
    assert len(watched.run.recording.steps) == 400


def test_thresholds_edited_meanwhile_judge_the_whole() -> None:
    watched, script = _watched()
    watched.take(PREVIEW)
    edited = watched.run.thresholds.with_bound("Q3.1a", "always clipping", "above", 2.0)
    watched.run.judge_by(edited)
    for num_given, given in enumerate((FIRST, REST), start=2):
        script.num_given = num_given
        watched.take(given)
        watched.settle()
    assert not watched.run.is_partial and watched.run.thresholds == edited


def test_newest_part_of_a_log_that_was_replaced_is_not_shown_any_more() -> None:
    watched, script = _watched()
    script.num_given = 1
    watched.take(PREVIEW)
    script.batches.append(batch([]))
    watched.take(batch(RECORDS[:50], restarted=True))
    watched.settle()
    assert watched.part_read is None and len(watched.run.recording.steps) < 50


def test_status_says_how_much_was_read_and_that_nothing_is_judged() -> None:
    watched, _ = _watched()
    watched.take(PREVIEW)
    status = status_of(watched.run, 0.0, part_read=0.34)
    for width in (220, 100, 80):
        line = plain(status_line(status, width))
        assert "reading 34 %" in line and "green" not in line
    assert "not judged yet" in plain(status_line(status, 100))


def test_view_stays_when_the_whole_takes_the_place_of_its_newest_part() -> None:
    script = Unread(PREVIEW)
    app = Monitor([Watched(0, "x", script)], clock=lambda: START, is_light=False)

    async def story() -> None:
        async with app.run_test(size=(220, 50)) as pilot:
            await until(pilot, lambda: app.runs.shown.is_partial)
            await pilot.press("3", "enter", "left", "left")
            await until(pilot, lambda: "not judged yet" in text_of(app, "status"))
            cursor = app.looking.view.cursor
            assert app.looking.view.mode is Mode.ZOOM and cursor is not None
            assert "no verdicts before" in text_of(app, "footer")
            script.batches.append(batch(RECORDS, next_offset=1000, size_bytes=1000))
            await until(pilot, lambda: app.is_settled and not app.runs.shown.is_partial)
            assert (app.looking.view.mode, app.looking.view.cell, app.looking.view.cursor) == (
                Mode.ZOOM,
                3,
                cursor,
            )
            assert "not judged" not in text_of(app, "status")
            assert app.looking.whole() == (0.0, 399.0)

    asyncio.run(story())


def test_key_is_answered_while_the_past_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "READING_FRAME_S", 3600.0)
    app = Monitor([Watched(0, "x", Unread(PREVIEW))], clock=lambda: START, is_light=False)

    async def story() -> None:
        async with app.run_test(size=(220, 50)) as pilot:
            await until(pilot, lambda: app.runs.shown.is_partial)
            await pilot.press("t")
            await until(pilot, lambda: app.screen.has_class("zoomed"))

    asyncio.run(story())


class Unread(Script):
    """A script of which the preview alone is not all."""

    @property
    def is_caught_up(self) -> bool:
        return self.num_given == len(self.batches) > 1

    def poll(self, limit_records: int, limit_s: float) -> Batch | None:
        return super().poll(limit_records, limit_s) if self.num_given < len(self.batches) else None


async def until(pilot: Pilot[int], holds: Callable[[], bool]) -> None:
    while not holds():
        await pilot.pause(0.002)
    await pilot.pause()


def test_index_is_written_once_all_was_read_and_opens_the_log_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "LEAST_BYTES", 1)
    log = tmp_path / "inspector.log.jsonl"
    log.write_bytes(b"".join(map(encode, RECORDS)))
    place = index.place_of(log)
    assert place is not None
    seen = []

    async def opened() -> None:
        app = Monitor(
            [Watched(0, str(log), PathFollower(log, newest_first=True))], clock=lambda: START, is_light=False
        )
        async with app.run_test(size=(220, 50)) as pilot:
            await until(pilot, lambda: app.is_settled and app.runs.shown.is_judged and place.exists())
            seen.append(app.runs.shown.judge.verdicts)
            assert "not judged" not in text_of(app, "status")

    asyncio.run(opened())
    written = place.stat().st_mtime_ns
    num_records: list[int] = []
    extend = Recording.extend

    def counted(recording: Recording, records: Sequence[Record]) -> None:
        num_records.append(len(records))
        extend(recording, records)

    monkeypatch.setattr(Recording, "extend", counted)
    asyncio.run(opened())
    assert sum(num_records) <= 2  # header and exit, out of the index
    assert place.stat().st_mtime_ns == written
    assert repr(seen[0]) == repr(seen[1])


def test_verdicts_of_other_bounds_than_those_in_force_are_not_taken_over() -> None:
    recording = Run("x")
    recording.extend(batch(RECORDS))
    watched = Watched(0, "x", Script())
    content = stored(recording.recording, 1000, ())
    watched.take(batch([], stored=content))
    old = watched.run.thresholds
    edited = old.with_bound("Q3.1a", "always clipping", "above", 2.0)
    watched.run.judge_by(edited)
    judge = watched.run.judge
    watched.take_judge(judged(watched.run.recording, old), old)
    assert watched.run.judge is judge
    watched.take_judge(other := judged(watched.run.recording, edited), edited)
    assert watched.run.judge is other
