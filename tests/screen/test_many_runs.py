"""Many runs on one screen: the worst of them leads, whichever is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot

from flight_recorder.tui.checks.verdict import Level, State
from flight_recorder.tui.screen.app import Monitor
from flight_recorder.tui.screen.drawing.lines import Lines
from flight_recorder.tui.screen.overlays import Runs
from flight_recorder.tui.screen.runs.watched_run import Watched
from tests.screen.builders import (
    START,
    FixedJudge,
    Script,
    batch,
    healthy_verdicts,
    overfit_verdict,
    play,
    press,
    run_records,
    text_of,
    verdict,
)

LOST = verdict(
    "D1.1", "dynamics", State.FIRING, level=Level.BLACK, symptom="loss is NaN", causes=("nan",), first_step=53
)


def many(number_of_runs: int = 12) -> Monitor:
    """Calm runs, the eighth overfitting, the last one lost."""
    runs = []
    for number in range(number_of_runs):
        path = f"runs/seed{number}/metrics.jsonl"
        watched = Watched(number, path, Script(batch(run_records(20, name="train"))))
        sick = {7: [overfit_verdict(5, 19)], number_of_runs - 1: [LOST]}.get(number, [])
        watched.run.judge = FixedJudge([*healthy_verdicts(), *sick])  # type: ignore[assignment]
        runs.append(watched)
    return Monitor(runs, clock=lambda: START + 100.0)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (220, 50)], ids=str)
def test_header_and_foot_of_a_calm_run_speak_of_the_worst(size: tuple[int, int]) -> None:
    async def story(pilot: Pilot[int]) -> None:
        assert "■ BLACK" in text_of(app, "status")
        foot = text_of(app, "footer")
        assert "no violations" not in foot
        assert foot.index("■ seed11 nan") < foot.index("▲ seed7 overfit")
        if size[0] > 200:
            assert "nan in seed11 and 1 more" in text_of(app, "status")

    app = many()
    play(app, story, size=size)


def test_the_worst_run_says_nothing_of_those_that_are_better() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await press(pilot, "O", "up", "up", "enter")
        assert "seed11 12/12" in text_of(app, "status")
        assert "the others" not in text_of(app, "status") and "seed7" not in text_of(app, "status")

    app = many()
    play(app, story)


def test_the_lists_lead_with_the_worst_and_the_marked_row_is_in_sight() -> None:
    async def story(pilot: Pilot[int]) -> None:
        rows = text_of(app, "tree").splitlines()
        assert "✓ seed0" in rows[1] and "■ seed11" in rows[2] and "▲ seed7" in rows[3]
        await press(pilot, "O", "up", "up")
        rows = text_of(app, "card").splitlines()
        assert "▸○ ■ seed11" in rows[1] and "○ ▲ seed7" in rows[2] and "● ✓ seed0" in rows[3]

    app = many()
    play(app, story, size=(160, 40))


def test_the_marked_row_of_a_long_list_is_in_sight() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await press(pilot, "O")
        for number in (20, 21, 0):
            assert isinstance(app.looking.overlay, Runs)
            app.looking.overlay.marked = number
            await press(pilot, "up")
            assert sum("▸" in row for row in text_of(app, "card").splitlines()) == 1

    app = many(22)
    play(app, story, size=(80, 14))


def test_the_first_few_have_colours_of_their_own_and_the_rest_is_muted() -> None:
    async def story(pilot: Pilot[int]) -> None:
        lines = app.query_one("#tree", Lines).lines
        roles = {span.text: span.role for line in lines for span in line if span.text.startswith("seed")}
        assert roles == {
            "seed0": "strong",
            "seed11": "line-other-0",
            "seed7": "line-other-1",
            "seed1": "line-other-2",
        }
        await press(pilot, "1", "enter")
        drawn = {span.role for line in app.query_one("#main", Lines).lines for span in line}
        assert "line-faint" in drawn

    app = many()
    play(app, story, size=(160, 40))


def test_the_tree_leads_with_the_worst_leaf_in_its_own_colour() -> None:
    mild = replace(overfit_verdict(5, 19), check="A1")  # fires first in walking order
    watched = Watched(0, "x", Script(batch(run_records(20))))
    watched.run.judge = FixedJudge([mild, LOST])  # type: ignore[assignment]
    app = Monitor([watched], clock=lambda: START + 100.0)

    async def story(pilot: Pilot[int]) -> None:
        tree = text_of(app, "tree")
        assert tree.index("■ D1.1 loss is NaN") < tree.index("▲ A1")
        assert "■ BLACK  nan" in text_of(app, "status")
        await pilot.resize_terminal(80, 24)
        await press(pilot, "1")
        (row,) = [line for line in app.query_one("#rows", Lines).lines if any("Tree" in s.text for s in line)]
        assert any("D1.1" in span.text and span.role == "level-black" for span in row)

    play(app, story)
