"""Every key of the table does what the help says, on the running app."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot

from flight_recorder.tui.checks.verdict import Verdict
from flight_recorder.tui.screen.app import Monitor
from flight_recorder.tui.screen.drawing.layout import TREE_CELL
from flight_recorder.tui.screen.keys import KEYS
from flight_recorder.tui.screen.state.view import Mode, View
from tests.screen.builders import (
    batch,
    feed,
    healthy_verdicts,
    monitor,
    overfit_verdict,
    play,
    press,
    run_records,
    settle,
    spike_verdict,
    text_of,
)

Sees = Callable[[Monitor], bool]


def verdicts() -> list[Verdict]:
    return [*healthy_verdicts(), spike_verdict(100, 300), overfit_verdict()]


def view(app: Monitor) -> View:
    return app.looking.view


def is_focused(cell: int, app: Monitor) -> bool:
    return view(app).cell == cell


# key: (keys before it, what is true afterwards)
EFFECTS: dict[str, tuple[str, Sees]] = {
    **{str(cell): ("t escape", partial(is_focused, cell)) for cell in range(1, 8)},
    "8": ("", lambda app: "nothing for panel 8, metrics" in text_of(app, "footer")),
    "slash": ("", lambda app: "no metrics to search" in text_of(app, "footer")),
    "tab": ("", lambda app: view(app).cell == 2),
    "shift+tab": ("", lambda app: view(app).cell == TREE_CELL),
    "left": ("3", lambda app: view(app).cell == 2),
    "h": ("3", lambda app: view(app).cell == 2),
    "right": ("3", lambda app: view(app).cell == 4),
    "up": ("6", lambda app: view(app).cell == 2),
    "k": ("6", lambda app: view(app).cell == 2),
    "down": ("2", lambda app: view(app).cell == 6),
    "j": ("2", lambda app: view(app).cell == 6),
    "enter": (
        "3",
        lambda app: view(app).mode is Mode.ZOOM and "3 Gradient norm" in text_of(app, "main"),
    ),
    "escape": ("3 enter", lambda app: view(app).mode is Mode.OVERVIEW),
    "n": (
        "",
        lambda app: view(app).violation == 0 and view(app).cell == 3 and view(app).cursor == 100,
    ),
    "N": (
        "",
        lambda app: view(app).violation == 2 and view(app).cell == 3 and view(app).cursor == 300,
    ),
    "t": ("", lambda app: view(app).mode is Mode.TREE and "D4.1" in text_of(app, "main")),
    "r": ("r", lambda app: view(app).cell == 3 and "Did the gradients" in text_of(app, "footer")),
    "T": (
        "3",
        lambda app: (
            app.looking.is_over("threshold") and "Thresholds of Gradient norm" in text_of(app, "card")
        ),
    ),
    "plus": ("", lambda app: view(app).window is not None and "following" in text_of(app, "footer")),
    "equals_sign": ("", lambda app: view(app).window is not None),
    "minus": ("plus plus", lambda app: view(app).window == (199.5, 399.0)),
    "left_square_bracket": ("plus plus", lambda app: "steps 274 to 374" in text_of(app, "footer")),
    "right_square_bracket": (
        "plus plus left_square_bracket left_square_bracket",
        lambda app: view(app).window == (274.3125, 374.0625),
    ),
    "f": (
        "plus left_square_bracket",
        lambda app: view(app).follow and view(app).window is not None,
    ),
    "p": ("", lambda app: app.looking.paused_at == 399 and "Ⅱ paused" in text_of(app, "status")),
    "home": ("enter", lambda app: view(app).cursor == 0 and "cursor step 0 " in text_of(app, "main")),
    "end": ("enter home", lambda app: view(app).cursor == 399),
    "shift+left": ("enter end", lambda app: view(app).cursor == 359),
    "shift+right": ("enter home", lambda app: view(app).cursor == 40),
    "l": ("enter", lambda app: view(app).flipped_scales == {1} and "linear" in text_of(app, "main")),
    "L": (
        "2",
        lambda app: view(app).flipped_scales == {2} and "logarithmic" in text_of(app, "footer"),
    ),
    "s": ("", lambda app: view(app).smoothing == 10 and "over 10 values" in text_of(app, "footer")),
    "m": ("4", lambda app: view(app).heat and "heat strip" in text_of(app, "footer")),
    "x": ("", lambda app: view(app).x_axis == "epoch" and "epoch" in text_of(app, "footer")),
    "o": ("", lambda app: "tui watch A B" in text_of(app, "footer")),
    "O": ("", lambda app: "one run is open" in text_of(app, "footer")),
    "space": ("", lambda app: "O lists the runs" in text_of(app, "footer")),
    "e": ("", lambda app: len(list(Path().glob("19-overfit-*.svg"))) == 1),
    "question_mark": ("", lambda app: app.looking.is_over("help") and "Shift Tab" in text_of(app, "card")),
    "q": ("", lambda app: app.return_code == 0 and not app.is_running),
    "ctrl+c": ("", lambda app: app.return_code == 0 and not app.is_running),
}

QUITTING = ("q", "ctrl+c")


def test_every_key_of_the_table_has_its_effect_tested() -> None:
    assert {one for key in KEYS for one in key.keys.split(",")} == set(EFFECTS)


@pytest.mark.parametrize("key", EFFECTS)
def test_key_does_what_the_help_says(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before, sees = EFFECTS[key]
    app = monitor(batch(run_records(400)), verdicts=verdicts())

    async def pressed() -> None:
        async with app.run_test(size=(180, 24)) as pilot:
            await settle(pilot)
            if before:
                await press(pilot, *before.split())
            assert not sees(app)
            await pilot.press(key)
            if key not in QUITTING:
                await settle(pilot)
                assert sees(app)

    asyncio.run(pressed())
    assert key not in QUITTING or sees(app)


def test_cursor_goes_from_one_measured_step_to_the_next() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await press(pilot, "5", "enter", "left")
        assert app.looking.view.cursor == 380
        await press(pilot, "left", "left", "right")
        assert app.looking.view.cursor == 370

    app = monitor(batch(run_records(400)), verdicts=verdicts())
    play(app, story)


def test_enter_on_a_violation_opens_its_card_and_then_its_panel() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await press(pilot, "n", "n", "enter")
        card = text_of(app, "card")
        assert "D4.1 val rises while train falls" in card
        assert "1.29 against 1.15 x the best" in card
        assert "step 250, 150 steps so far" in card
        assert "Stop; keep checkpoint 200" in card
        assert "…" not in card  # where a threshold comes from is said to the end
        await press(pilot, "enter")
        assert (app.looking.view.mode, app.looking.view.cell, app.looking.overlay) == (Mode.ZOOM, 1, None)
        assert "cursor step 250" in text_of(app, "main")

    app = monitor(batch(run_records(400)), verdicts=verdicts())
    play(app, story)


def test_keys_do_nothing_but_edit_while_a_threshold_is_edited() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await press(pilot, "3", "T", "q", "n", "7")
        assert app.is_running and app.looking.view.cell == 3 and app.looking.is_over("threshold")
        await press(pilot, "escape")
        assert app.looking.overlay is None and app.looking.view.cell == 3

    app = monitor(batch(run_records(400)))
    play(app, story)


def test_moving_from_the_small_layout_shows_the_focused_panel_below_the_rows() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await press(pilot, "down", "down")
        assert "3 Gradient norm" in text_of(app, "main")
        assert "▸3 Gradient norm" in text_of(app, "rows")

    app = monitor(batch(run_records(400)))
    play(app, story, size=(80, 24))


def test_paused_view_stands_still_while_the_log_is_read_on() -> None:
    async def story(pilot: Pilot[int]) -> None:
        before = text_of(app, "loss")
        await press(pilot, "p")
        assert text_of(app, "loss") == before
        feed(app, batch([one for one in run_records(450)[1:] if one["step"] >= 400]))
        while app.runs.shown.recording.last_step != 449:
            await pilot.pause(0.002)
        app.changed()
        await settle(pilot)
        assert text_of(app, "loss") == before
        assert "paused, 50 steps behind" in text_of(app, "status")
        await press(pilot, "p")
        assert text_of(app, "loss") != before

    app = monitor(batch(run_records(400)), verdicts=healthy_verdicts())
    play(app, story)
