"""The bell rings once when a run gets into damage, and not for anything less."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.screen.app import Monitor
from tests.screen.builders import batch, feed, header, monitor, play, settle, step


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[Level]:
    levels: list[Level] = []
    monkeypatch.setattr(Monitor, "bell", lambda app: levels.append(app.runs.shown.judge.level))
    return levels


def test_bell_rings_once_when_the_loss_is_no_number(rung: list[Level]) -> None:
    app = monitor(batch([header(), *(step(at) for at in range(100))]))

    async def story(pilot: Pilot[int]) -> None:
        assert rung == []
        for at in range(100, 120):
            feed(app, batch([step(at, loss=float("nan"), grad_norm=float("nan"))]))
        while app.runs.shown.recording.last_step != 119:
            await pilot.pause(0.002)
        await settle(pilot)
        assert len(rung) == 1 and rung[0] >= Level.RED

    play(app, story)


def test_bell_is_silent_below_red(rung: list[Level]) -> None:
    app = monitor(batch([header(), *(step(at, grad_norm=0.8 if at < 60 else 9.0) for at in range(140))]))

    async def story(pilot: Pilot[int]) -> None:
        assert Level.GREEN < app.runs.shown.judge.level < Level.RED
        assert rung == []

    play(app, story)
