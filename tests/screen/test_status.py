"""The status line says what matters at any width."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.run import Run
from flight_recorder.tui.screen.drawing.spans import plain, width_of
from flight_recorder.tui.screen.drawing.status import Status, status_line
from flight_recorder.tui.screen.runs.progress import status_of
from tests.screen.builders import START, batch, run_records

LIVE = Status(
    name="19-overfit",
    pulse=Pulse.LIVE,
    path="runs/19-overfit",
    step=3412,
    planned_steps=8000,
    steps_per_s=57.0,
    seconds_left=80.4,
    train=0.712,
    val=2.4312,
    best=(1.889, 600),
    level=Level.ORANGE,
    cause="overfit",
    since=1050,
    silent_s=0.1,
    device_load=0.91,
    memory_bytes=812 * 2**20,
)


def line(status: Status, width: int) -> str:
    return plain(status_line(status, width))


def test_wide_line_says_everything() -> None:
    text = line(LIVE, 220)
    for words in (
        "19-overfit  ● live",
        "step 3,412 / 8,000",
        "43 %",
        "57.0 it/s",
        "1:20 left",
        "train 0.712",
        "val 2.431",
        "best 1.889 @ 600",
        "device 91 % 812 MiB",
        "▲ ORANGE  overfit since 1,050",
    ):
        assert words in text


def test_line_of_eighty_cells_keeps_step_time_left_validation_loss_and_cause() -> None:
    text = line(LIVE, 80)
    for words in ("19-overfit", "●", "3,412", "1:20 left", "val 2.431", "▲ ORANGE", "overfit"):
        assert words in text


@pytest.mark.parametrize("width", [*range(1, 60), 80, 100, 140, 220])
def test_line_has_exactly_the_width_of_the_terminal(width: int) -> None:
    assert width_of(status_line(LIVE, width)) <= width
    if width > 12:
        assert width_of(status_line(LIVE, width)) == width


def test_level_is_the_last_thing_to_go() -> None:
    assert line(LIVE, 1) == "▲"
    assert "▲O" in line(LIVE, 6)


def test_level_has_a_sign_of_its_own_for_each_level() -> None:
    assert len({line(replace(LIVE, level=level), 1) for level in Level}) == len(Level)


def test_waiting_run_says_for_which_path() -> None:
    status = Status(name="runs/new", pulse=Pulse.WAITING, path="runs/new/inspector.log.jsonl")
    assert "waiting for runs/new/inspector.log.jsonl" in line(status, 80)


def test_crashed_run_says_since_when() -> None:
    text = line(replace(LIVE, pulse=Pulse.CRASHED, silent_s=754), 160)
    assert "✖ crashed, silent for 12 min 34 s" in text
    assert "left" not in text


def test_stalled_run_says_since_when() -> None:
    assert "stalled, silent for 40 s" in line(replace(LIVE, pulse=Pulse.STALLED, silent_s=40), 160)


@pytest.mark.parametrize(
    ("reason", "words"),
    [("finished", "finished"), ("interrupted", "stopped by hand"), ("early_stopping", "stopped early")],
)
def test_finished_run_says_why(reason: str, words: str) -> None:
    assert f"✓ {words}" in line(replace(LIVE, pulse=Pulse.FINISHED, exit_reason=reason), 120)


def test_paused_view_says_how_many_steps_it_is_behind() -> None:
    assert "paused, 312 steps behind" in line(replace(LIVE, behind=312), 160)


def test_damaged_lines_are_counted() -> None:
    assert "2 damaged lines" in line(replace(LIVE, num_damaged=2), 160)
    assert "1 damaged line " in line(replace(LIVE, num_damaged=1), 160)


def test_green_is_said_without_emphasis() -> None:
    spans = status_line(replace(LIVE, level=Level.GREEN), 120)
    assert spans[-1].text.strip() == "✓ green"


def test_facts_come_from_the_columns() -> None:
    run = Run("x")
    run.extend(batch(run_records(400)))
    status = status_of(run, START + 400 * 0.02 + 5)
    assert (status.step, status.planned_steps, status.pulse) == (400, 800, Pulse.LIVE)
    assert status.steps_per_s == pytest.approx(50)
    assert status.seconds_left == pytest.approx(8)
    assert status.best is not None and status.best[1] == 250
    assert status.silent_s == pytest.approx(5.02)


def test_run_without_a_time_takes_its_pace_from_the_step_times() -> None:
    run = Run("x")
    run.extend(batch([{"kind": "step", "step": at, "loss": 1.0, "step_s": 0.25} for at in range(20)]))
    assert status_of(run, START).steps_per_s == pytest.approx(4)
