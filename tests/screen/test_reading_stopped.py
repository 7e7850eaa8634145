"""When a log can be read no further the screen says so, for as long as it is open."""

from __future__ import annotations

import asyncio

import pytest
from textual.pilot import Pilot

from flight_recorder.tui.checks.verdict import Verdict
from flight_recorder.tui.follow.batch import Batch
from flight_recorder.tui.screen.app import Monitor
from flight_recorder.tui.screen.runs.watched_run import Watched
from flight_recorder.tui.sources.errors import CannotRead
from tests.screen.builders import (
    START,
    Script,
    batch,
    healthy_verdicts,
    monitor,
    overfit_verdict,
    play,
    press,
    run_records,
    settle,
    text_of,
)

SENTENCE = "reading stopped at byte 4,711: the step is no number"


class Breaking(Script):
    """Hands out its batches and then cannot read on."""

    @property
    def is_caught_up(self) -> bool:
        return False

    def poll(self, limit_records: int, limit_s: float) -> Batch | None:
        if self.num_given == len(self.batches):
            raise CannotRead(SENTENCE)
        self.num_given += 1
        return self.batches[self.num_given - 1]


def _app(*batches: Batch, verdicts: list[Verdict] | None = None) -> Monitor:
    app = monitor(verdicts=verdicts or healthy_verdicts())
    app.runs.watched[0].follower = Breaking(*batches)
    return app


async def _says_it(app: Monitor, pilot: Pilot[int]) -> None:
    await settle(pilot)
    status, foot = text_of(app, "status"), text_of(app, "footer")
    assert "✖" in status and "reading stopped" in status, status
    assert "live" not in status and "green" not in status, status
    assert "✖" in foot and "reading stopped" in foot and "no violations" not in foot, foot


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (220, 50)], ids=str)
@pytest.mark.parametrize("verdicts", [healthy_verdicts(), [overfit_verdict(100, 299)]], ids=["calm", "sick"])
def test_it_is_said_through_keys_and_resizes(size: tuple[int, int], verdicts: list[Verdict]) -> None:
    async def story(pilot: Pilot[int]) -> None:
        while not app.runs.shown.failure:
            await pilot.pause(0.002)
        await _says_it(app, pilot)
        for keys in ("n", "escape", "s", "1 enter", "escape", "t", "p", "? ?"):
            await press(pilot, *keys.split())
            await _says_it(app, pilot)
        await pilot.resize_terminal(100, 30)
        await _says_it(app, pilot)

    app = _app(batch(run_records(300)), verdicts=verdicts)
    play(app, story, size=size)


def test_the_whole_sentence_stands_where_there_is_room() -> None:
    async def story(pilot: Pilot[int]) -> None:
        while not app.runs.shown.failure:
            await pilot.pause(0.002)
        await settle(pilot)
        assert SENTENCE in text_of(app, "status") and SENTENCE in text_of(app, "footer")

    app = _app(batch(run_records(300)))
    play(app, story)


def test_among_several_runs_the_lists_say_which() -> None:
    async def story(pilot: Pilot[int]) -> None:
        while not app.runs.watched[1].run.failure:
            await pilot.pause(0.002)
        await settle(pilot)
        assert "broken  reading stopped" in text_of(app, "tree")
        await press(pilot, "O")
        assert "✖ reading stopped" in text_of(app, "card")
        assert "reading stopped" not in text_of(app, "status")

    followers = (
        Script(batch(run_records(30, name="good"))),
        Breaking(batch(run_records(30, name="broken"))),
    )
    app = Monitor(
        [Watched(number, str(number), follower) for number, follower in enumerate(followers)],
        clock=lambda: START + 100.0,
    )
    play(app, story)


def test_a_log_of_which_nothing_was_read_ends_the_monitor() -> None:
    app = _app()

    async def played() -> None:
        async with app.run_test() as pilot:
            while app.return_code is None:
                await pilot.pause(0.002)

    asyncio.run(played())
    assert (app.return_code, app.failure) == (2, SENTENCE)
