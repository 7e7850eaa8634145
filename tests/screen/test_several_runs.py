"""Two runs on one screen: the lines of one behind those of the other, and a key to change places."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot

from flight_recorder.tui.screen.app import Monitor
from flight_recorder.tui.screen.drawing.lines import Lines
from flight_recorder.tui.screen.runs.run_set import Gathering
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
)


def two_runs() -> Monitor:
    runs = []
    for number, (name, verdicts) in enumerate(
        [("calm", healthy_verdicts()), ("hasty", [*healthy_verdicts(), overfit_verdict()])]
    ):
        watched = Watched(number, name, Script(batch(run_records(300 + 100 * number, name=name))))
        watched.run.judge = FixedJudge(verdicts)  # type: ignore[assignment]
        runs.append(watched)
    return Monitor(runs, clock=lambda: START + 100.0)


def test_both_runs_are_listed_with_pulse_and_level() -> None:
    async def story(pilot: Pilot[int]) -> None:
        tree = text_of(app, "tree")
        assert "✓ calm  live  step 299" in tree
        assert "▲ hasty  live  step 399" in tree
        assert "calm 1/2" in text_of(app, "status")

    app = two_runs()
    play(app, story)


def test_other_run_changes_places_with_the_shown_one() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await press(pilot, "o")
        assert "hasty 2/2" in text_of(app, "status")
        assert "▲ ORANGE" in text_of(app, "status")
        await press(pilot, "o")
        assert "calm 1/2" in text_of(app, "status")

    app = two_runs()
    play(app, story)


def test_lines_of_the_other_run_lie_behind_and_the_cursor_reads_both() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await press(pilot, "1", "enter", "home")
        assert "train (hasty)" in text_of(app, "main").splitlines()[1]
        roles = {span.role for line in app.query_one("#main", Lines).lines for span in line}
        assert "line-other-0" in roles

    app = two_runs()
    play(app, story)


def test_the_list_shows_every_run_and_chooses_one() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await press(pilot, "O")
        worst, other = text_of(app, "card").splitlines()[1:3]
        assert "● ✓ calm" in other
        assert "○ ▲ hasty" in worst
        assert "live" in worst
        assert "step 400" in worst
        await press(pilot, "up", "enter")
        assert "hasty 2/2" in text_of(app, "status")
        assert app.looking.overlay is None

    app = two_runs()
    play(app, story)


def test_lines_of_a_run_can_be_taken_away_and_brought_back() -> None:
    async def story(pilot: Pilot[int]) -> None:
        await press(pilot, "O", "up", "space", "escape", "1", "enter", "home")
        assert "(hasty)" not in text_of(app, "main")
        await press(pilot, "escape", "O", "up", "space", "escape", "1", "enter", "home")
        assert "train (hasty)" in text_of(app, "main")

    app = two_runs()
    play(app, story)


def test_folder_of_runs_opens_all_of_them(tmp_path: Path) -> None:
    from flight_recorder.engine.runlog.codec import encode

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        log = tmp_path / name / "inspector.log.jsonl"
        log.write_bytes(b"".join(encode(record) for record in run_records(5, name=name)))
    assert len(Gathering([str(tmp_path)]).open_all()) == 2
    assert len(Gathering([str(tmp_path / "a")]).open_all()) == 1
