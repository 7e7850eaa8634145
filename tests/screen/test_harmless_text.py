"""Text of a log is shown as text: no control sequence, no markup, no turned direction gets out."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from flight_recorder.tui.follow.batch import Batch
from flight_recorder.tui.screen.app import Monitor
from flight_recorder.tui.screen.drawing.lines import Lines
from flight_recorder.tui.screen.runs.watched_run import Watched
from flight_recorder.tui.sources.errors import CannotRead
from tests.screen.builders import (
    START,
    Script,
    batch,
    monitor,
    overfit_verdict,
    play,
    press,
    run_records,
    text_of,
)

HOSTILE = {
    "escape sequence": "\x1b]0;owned\x07\x1b[2J\x1b[31mred",
    "markup": "[bold red]loud[/] [link=http://evil]x[/link]",
    "right to left": "\u202egnp.exe",
    "ten thousand letters": "A" * 10_000,
    "controls": "a\rb\nc\x00d\x9be",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_shown_and_do_nothing(text: str) -> None:
    records = run_records(60, name=text, layers=[text, "b", "c", "d"], classes=[text, "x"])
    from dataclasses import replace

    sick = replace(overfit_verdict(10, 50), evidence=text, symptom=text, fix=text)

    async def story(pilot: Pilot[int]) -> None:
        for keys in ("4 enter", "n enter", "enter", "escape", "t"):
            await press(pilot, *keys.split())
            seen = "".join(text_of(app, one) for one in ("status", "activation", "main", "card", "footer"))
            shown = seen.replace("\n", "")
            assert shown.isprintable()
            assert "\u202e" not in shown and "\ufeff" not in shown
        picture = app.export_screenshot()
        assert "\x1b" not in picture

    app = monitor(batch(records), verdicts=[sick])
    play(app, story, size=(120, 40))


def test_markup_is_not_interpreted() -> None:
    async def story(pilot: Pilot[int]) -> None:
        assert "[bold red]loud[/]" in text_of(app, "status")

    app = monitor(batch(run_records(60, name="[bold red]loud[/]")))
    play(app, story)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_paths_are_shown_and_do_nothing(text: str) -> None:
    nameless = [record for record in run_records(60) if record["kind"] != "header"]
    followers = (Script(batch(nameless)), Script(batch(nameless)), Unreadable(batch(nameless), text=text))
    app = Monitor(
        [Watched(number, f"{number}{text}", follower) for number, follower in enumerate(followers)],
        clock=lambda: START + 100.0,
    )

    async def story(pilot: Pilot[int]) -> None:
        while not app.runs.watched[2].run.failure:
            await pilot.pause(0.002)
        for keys in ("O", "escape o", "o", "1 enter home", "escape"):
            await press(pilot, *keys.split())
            shown = "".join(text_of(app, widget.id or "") for widget in app.query(Lines)).replace("\n", "")
            assert shown.isprintable(), shown
            assert "\u202e" not in shown and "\ufeff" not in shown

    play(app, story, size=(120, 40))


class Unreadable(Script):
    """Hands out its batches and then quotes the log in what is wrong with it."""

    def __init__(self, *batches: Batch, text: str) -> None:
        super().__init__(*batches)
        self.text = text

    def poll(self, limit_records: int, limit_s: float) -> Batch | None:
        if self.is_caught_up:
            raise CannotRead(f"reading stopped: {self.text}")
        return super().poll(limit_records, limit_s)
