"""The whole path: a thread appends to a file, half lines included, and the screen says what is wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from flight_recorder.engine.runlog.codec import Record, encode
from flight_recorder.tui.checks.verdict import State
from flight_recorder.tui.screen.app import Monitor
from flight_recorder.tui.screen.runs.run_set import Gathering
from flight_recorder.tui.sources.tables.scanned import ScannedParser
from tests.screen.builders import (
    batch,
    header,
    healthy_verdicts,
    monitor,
    play,
    run_records,
    settle,
    step,
    text_of,
)


class Writer(threading.Thread):
    """Appends the bytes in pieces that end anywhere; each piece waits until it is asked for."""

    def __init__(self, path: Path, data: bytes, piece_bytes: int) -> None:
        super().__init__(daemon=True)
        self.path = path
        self.pieces = [data[at : at + piece_bytes] for at in range(0, len(data), piece_bytes)]
        self.go = threading.Semaphore(0)

    def run(self) -> None:
        for piece in self.pieces:
            self.go.acquire()
            with self.path.open("ab") as file:
                file.write(piece)


def exploding_records() -> list[dict[str, object]]:
    """A gradient norm of nine times the clip value from step 60 on."""
    return [header(), *(step(at, grad_norm=0.8 if at < 60 else 9.0) for at in range(140))]


def test_verdict_appears_once_when_its_record_does(tmp_path: Path) -> None:
    log = tmp_path / "inspector.log.jsonl"
    data = b"".join(encode(record) for record in exploding_records())
    writer = Writer(log, data, 701)
    fired: list[int] = []

    async def story(pilot: Pilot[int]) -> None:
        assert "waiting for" in text_of(app, "status")
        writer.start()
        for number in range(len(writer.pieces)):
            writer.go.release()
            complete = data[: (number + 1) * 701].count(b"\n")
            while len(app.runs.shown.recording.steps) < complete - 1:
                await pilot.pause(0.002)
            await settle(pilot)
            verdicts = {one.check: one for one in app.runs.shown.judge.verdicts}
            if verdicts["Q3.1a"].state is State.FIRING and not fired:
                fired.append(app.runs.shown.recording.last_step or 0)
                assert "Q3.1" in text_of(app, "tree")
        found = [one for one in app.looking.violations() if one.verdict.check == "Q3.1a"]
        assert len(found) == 1
        assert text_of(app, "footer").count("Q3.1a") == 1

    app = Monitor(Gathering([str(log)]).open_all())
    play(app, story)
    writer.join()
    assert fired


def test_log_of_a_newer_format_ends_the_monitor_with_a_sentence(tmp_path: Path) -> None:
    log = tmp_path / "inspector.log.jsonl"
    log.write_bytes(encode(header(format="9.0")))
    app = Monitor(Gathering([str(log)]).open_all())

    async def played() -> None:
        async with app.run_test() as pilot:
            while app.return_code is None:
                await pilot.pause(0.002)

    asyncio.run(played())
    assert app.return_code == 2
    assert "9.0" in app.failure


def test_reading_that_stopped_stays_on_the_screen_with_what_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(parser: ScannedParser, text: str) -> Iterable[Record]:
        if text == "boom":
            raise RuntimeError("a slip")
        return right(parser, text)

    right = ScannedParser.records_in
    monkeypatch.setattr(ScannedParser, "records_in", failing)
    log = tmp_path / "log.csv"
    log.write_text("step,loss\n" + "".join(f"{at},2.0\n" for at in range(1, 40)))
    app = Monitor(Gathering([str(log)]).open_all())

    async def story(pilot: Pilot[int]) -> None:
        while app.runs.shown.recording.last_step != 39:
            await pilot.pause(0.002)
        with log.open("a") as file:
            file.write("boom\n40,nan\n")
        while not app.runs.shown.failure:
            await pilot.pause(0.002)
        await settle(pilot)
        assert "reading stopped at byte" in text_of(app, "status")
        assert "live" not in text_of(app, "status")
        assert "no violations" not in text_of(app, "footer")
        assert app.runs.shown.recording.last_step == 39

    play(app, story)


def test_a_follower_that_fails_leaves_the_run_on_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("step,loss\n" + "".join(f"{at},2.0\n" for at in range(1, 40)))
    app = Monitor(Gathering([str(log)]).open_all())

    async def story(pilot: Pilot[int]) -> None:
        while app.runs.shown.recording.last_step != 39:
            await pilot.pause(0.002)
        monkeypatch.setattr(app.runs.watched[0].follower, "poll", lambda *_: 1 / 0)
        while not app.runs.shown.failure:
            await pilot.pause(0.002)
        await settle(pilot)
        assert "reading stopped: ZeroDivisionError" in text_of(app, "status")
        assert app.runs.shown.recording.last_step == 39

    play(app, story)


def test_clock_that_ticks_while_the_screen_is_taken_down_draws_nothing() -> None:
    app = monitor(batch(run_records(10)), verdicts=healthy_verdicts())

    async def story(pilot: Pilot[int]) -> None:
        await settle(pilot)

    play(app, story)
    assert not app.is_running
    app._redraw()
    app._draw_status()
