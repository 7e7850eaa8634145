"""Text of a log is shown as text: no control sequence, no markup, no turned direction gets out."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from tests.screen.builders import batch, monitor, overfit_verdict, play, press, run_records, text_of

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
