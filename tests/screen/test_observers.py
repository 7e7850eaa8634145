"""Who calls or exports sees each run that the monitor shows."""

from __future__ import annotations

import json
from pathlib import Path

from textual.pilot import Pilot

from flight_recorder.tui.act.journal import journal_of
from flight_recorder.tui.act.notifier import Receivers
from flight_recorder.tui.act.observers import Observers
from flight_recorder.tui.checks.verdict import Level
from tests.screen.builders import batch, feed, header, monitor, play, settle, step


def test_a_run_that_goes_wrong_while_it_is_watched_is_told_once(tmp_path: Path) -> None:
    app = monitor(batch([header(), *(step(at) for at in range(100))]))
    log = tmp_path / "train.jsonl"
    log.write_text("{}\n")
    told: list[str] = []
    observers = Observers(
        Receivers({"sink": lambda message: told.append(message["level"])}), Level.ORANGE, None
    )

    async def story(pilot: Pilot[int]) -> None:
        with observers.of(str(log)) as look:
            app._observe = look
            app._let_observe()
            assert not journal_of(log).path.exists(), "there is nothing to tell yet"
            for at in range(100, 120):
                feed(app, batch([step(at, loss=float("nan"), grad_norm=float("nan"))]))
            while app.runs.shown.recording.last_step != 119:
                await pilot.pause(0.002)
            await settle(pilot)
            for _ in range(3):
                app._let_observe()

    play(app, story)
    assert told == ["black"]
    written = [json.loads(line) for line in journal_of(log).path.read_text().splitlines()]
    assert [entry["state"] for entry in written] == ["to send", "sent"]
