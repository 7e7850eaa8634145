"""A threshold is edited and the whole history is judged again at once; Esc takes it back."""

from __future__ import annotations

from textual.pilot import Pilot

from flight_recorder.tui.checks.verdict import State
from flight_recorder.tui.screen.app import Monitor
from flight_recorder.tui.screen.overlays import Thresholds
from flight_recorder.tui.screen.state.editor import Bound
from tests.screen.builders import batch, feed, header, monitor, play, press, step, text_of


def records() -> list[dict[str, object]]:
    """Gradient norm 3 from step 100 to 199, below every shipped bound."""
    return [header(), *(step(at, grad_norm=3.0 if 100 <= at < 200 else 0.5) for at in range(300))]


def state_of(app: Monitor, check: str) -> State:
    return next(one.state for one in app.runs.shown.judge.verdicts if one.check == check)


def bound_of(app: Monitor) -> Bound:
    assert isinstance(app.looking.overlay, Thresholds)
    return app.looking.overlay.editor.bound


async def choose(pilot: Pilot[int], app: Monitor, check: str) -> None:
    """Open the editor of panel 3 and go to the first bound of this check."""
    await press(pilot, "3", "T")
    while bound_of(app).check != check:
        await press(pilot, "down")


def test_lowered_bound_shows_at_once_where_it_would_have_fired() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await choose(pilot, app, "Q3.1a")
        assert "before never fires" in text_of(app, "card")
        await press(pilot, "2", ".", "5", "enter")
        card = text_of(app, "card")
        assert "before never fires" in card
        assert "now    fires once, first at step" in card
        assert any(one.verdict.check == "Q3.1a" for one in app.looking.violations())

    app = monitor(batch(records()))
    play(app, story)


def test_escape_restores_the_thresholds_and_enter_keeps_them() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await choose(pilot, app, "Q3.1a")
        await press(pilot, "2", "enter")
        assert state_of(app, "Q3.1a") is State.RESOLVED
        await press(pilot, "escape")
        assert state_of(app, "Q3.1a") is State.PASS
        assert "thresholds as before" in text_of(app, "footer")
        await choose(pilot, app, "Q3.1a")
        await press(pilot, "2", "enter", "enter")
        assert app.looking.overlay is None and state_of(app, "Q3.1a") is State.RESOLVED

    app = monitor(batch(records()))
    play(app, story)


def test_kept_thresholds_judge_what_comes_later() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await choose(pilot, app, "Q3.1a")
        await press(pilot, "2", "enter", "enter")
        feed(app, batch([step(at, grad_norm=2.5) for at in range(300, 400)]))
        while app.runs.shown.recording.last_step != 399:
            await pilot.pause(0.002)
        assert state_of(app, "Q3.1a") is State.FIRING

    app = monitor(batch(records()))
    play(app, story)


def test_arrows_change_a_bound_by_a_tenth_and_by_half() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await choose(pilot, app, "Q3.1a")
        before = bound_of(app).value
        await press(pilot, "right")
        assert abs(bound_of(app).value / before - 1.1) < 1e-9
        await press(pilot, "left", "shift+left")
        assert abs(bound_of(app).value / before - 0.5) < 1e-9

    app = monitor(batch(records()))
    play(app, story)


def test_what_is_no_number_is_refused_with_a_word() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await choose(pilot, app, "Q3.1a")
        await press(pilot, "1", ".", ".", "enter")
        assert "1.. is no number" in text_of(app, "card")
        await press(pilot, "7", "backspace", "2", "enter")
        assert bound_of(app).value == 2

    app = monitor(batch(records()))
    play(app, story)
