from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from flight_recorder.tui.checks.verdict import Level, Span, State, Verdict
from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.report.terminal import show
from tests.panels.builders import Judged, JudgedRun, overfitting_records, recorded

VERDICT = Verdict(
    "D4.1", "dynamics", "Does val follow train?", State.FIRING, Level.ORANGE,
    symptom="val 29 % over its best", first_step=1050, evidence="val 2.43, best 1.89 at 600",
    fix="Stop; keep checkpoint 600.", panel="loss", spans=(Span(1050, 1499, Level.ORANGE),),
)  # fmt: skip


@dataclass
class ShownRun(JudgedRun):
    pulse: Pulse = Pulse.FINISHED
    damaged: list[Any] = field(default_factory=list)
    failure: str = ""


def shown(*extra: dict[str, Any], name: str = "19-overfit", **size: Any) -> str:
    recording = recorded([*overfitting_records(1500), *extra])
    run = ShownRun(recording, Judged((VERDICT,), level=Level.ORANGE), name=name)
    return show.render(run, **size)  # type: ignore[arg-type]


def test_a_picture_has_the_facts_every_panel_and_the_verdict_with_its_fix() -> None:
    text = shown(width=120)
    assert text.startswith("▲ ORANGE   19-overfit   1,500 of 8,000 steps, finished")
    for panel in PANELS:
        assert (f"{panel.number} {panel.title}" in text) is not panel.as_list
    assert "▲ D4.1 val 29 % over its best   since step 1,050\n    val 2.43, best 1.89 at 600" in text
    assert "→ Stop; keep checkpoint 600." in text


@pytest.mark.parametrize("width", [20, 47, 80, 100, 120, 220, 300])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(len(line) for line in shown(width=width).split("\n")) <= width


def test_panels_stand_side_by_side_where_it_is_wide_and_below_each_other_where_not() -> None:
    wide, narrow = shown(width=220).split("\n"), shown(width=60).split("\n")
    assert any("1 Loss" in line and "4 Activations" in line for line in wide)
    assert not any("1 Loss" in line and "2 Learning rate" in line for line in narrow)


def test_a_given_height_is_kept_to_where_the_panels_still_can_be_read() -> None:
    assert len(shown(width=220, height=50).split("\n")) <= 51
    assert len(shown(width=220, height=10).split("\n")) < 30


def test_without_colour_there_is_no_terminal_sequence_and_with_it_there_is() -> None:
    assert "\x1b" not in shown(width=120)
    assert "\x1b[" in shown(width=120, colour=True)


def test_the_picture_is_the_same_with_and_without_colour() -> None:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown(width=120, colour=True))
    assert [line.rstrip() for line in plain.split("\n")] == shown(width=120).split("\n")


@pytest.mark.parametrize("variable", ["NO_COLOR", "TERM"])
def test_no_color_and_a_dumb_terminal_are_respected(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv(variable, {"NO_COLOR": "1", "TERM": "dumb"}[variable])
    show.print_run(ShownRun(recorded(overfitting_records(50)), Judged()), 80)  # type: ignore[arg-type]
    assert "\x1b" not in capsys.readouterr().out


def test_the_width_is_that_of_the_terminal_even_behind_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    def size(stream: int) -> os.terminal_size:
        if stream != 2:
            raise OSError("not a terminal")
        return os.terminal_size((73, 20))

    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("os.get_terminal_size", size)
    assert show._terminal_width() == 73
    monkeypatch.setenv("COLUMNS", "64")
    assert show._terminal_width() == 64


def test_text_of_a_log_reaches_the_terminal_as_text() -> None:
    text = shown(name="\x1b]0;owned\x07 [bold]loud[/bold]", width=120)
    assert "\x1b" not in text and "\x07" not in text
    assert "␛]0;owned␇" in text and "[bold]loud[/bold]" in text


def test_a_panel_without_data_is_not_named() -> None:
    run = ShownRun(recorded([{"kind": "step", "step": 0, "loss": 1.0}]), Judged())
    text = show.render(run, 60)  # type: ignore[arg-type]
    assert "1 Loss" in text
    assert not any(panel.title in text for panel in PANELS[1:])


def test_what_else_is_logged_is_a_list_with_the_newest_value_and_the_best() -> None:
    steps = [{"kind": "step", "step": n, "loss": 1.0, "acc": 0.9 - abs(n - 7) / 10} for n in range(10)]
    text = show.render(ShownRun(recorded(steps), Judged()), 60)  # type: ignore[arg-type]
    assert "8 Metrics" in text
    assert any("acc" in line and "0.700  best 0.900 @ 7" in line for line in text.split("\n"))


def test_many_layers_are_shown_as_a_heat_strip_with_their_names() -> None:
    layers = [f"block_{place}" for place in range(12)]
    header = {"kind": "header", "layers": layers}
    steps = [{"kind": "step", "step": step, "activation": [float(step)] * 12} for step in range(20)]
    text = show.render(ShownRun(recorded([header, *steps]), Judged()), 60)  # type: ignore[arg-type]
    assert "block_11" in text and "█" in text
