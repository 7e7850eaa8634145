"""Colours: one for each role, none where they are not wanted, and never the only sign."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from flight_recorder.tui.checks.verdict import Level, State
from flight_recorder.tui.panels.drawing.canvas import ROLES
from flight_recorder.tui.screen.drawing.lines import Lines
from flight_recorder.tui.screen.drawing.palette import DARK, LIGHT, NO_COLOUR, Palette
from flight_recorder.tui.vocabulary import LEVEL_SIGNS, STATE_SIGNS
from tests.screen.builders import batch, healthy_verdicts, monitor, overfit_verdict, play, run_records


@pytest.mark.parametrize("palette", [DARK, LIGHT, NO_COLOUR], ids=lambda palette: palette.name)
def test_every_role_of_a_drawing_has_a_style(palette: Palette) -> None:
    assert set(ROLES) <= set(palette.styles)
    assert {f"tint-{level}" for level in Level} <= set(palette.styles)


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=lambda palette: palette.name)
def test_levels_differ_in_lightness_from_the_background_and_by_sign(palette: Palette) -> None:
    colours = [palette.colour(f"level-{level}") for level in Level]
    assert len(set(colours)) == len(colours)
    assert len(set(LEVEL_SIGNS.values())) == len(Level)
    assert len(set(STATE_SIGNS.values()) - {STATE_SIGNS[State.FIRING]}) == len(State) - 1


def test_tint_lies_below_the_colour_of_the_line() -> None:
    both = DARK.style("line-main+tint-red")
    assert both.color == DARK.style("line-main").color
    assert both.bgcolor == DARK.style("tint-red").bgcolor


def test_no_colour_is_sent_under_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = monitor(batch(run_records(300)), verdicts=[*healthy_verdicts(), overfit_verdict(100, 299)])

    async def story(pilot: Pilot[int]) -> None:
        for widget in app.query(Lines):
            for y in range(widget.size.height):
                for segment in widget.render_line(y).apply_filter(
                    app._filters[-1], widget.background_colors[0]
                ):
                    colours = segment.style and (segment.style.color, segment.style.bgcolor)
                    assert not colours or all(one is None or one.is_default for one in colours)

    play(app, story)


def test_terminal_that_says_it_is_light_gets_the_light_palette(monkeypatch: pytest.MonkeyPatch) -> None:
    from flight_recorder.tui.screen.theme import palette_for

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLORFGBG", "0;15")
    assert palette_for(None) is LIGHT
    monkeypatch.setenv("COLORFGBG", "15;0")
    assert palette_for(None) is DARK
    monkeypatch.delenv("COLORFGBG")
    assert palette_for(None) is DARK
