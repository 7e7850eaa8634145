"""A panel is added by its file: keys, help, arrangement and texts follow from the table of panels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flight_recorder.tui.panels.registry import PANELS

NEW = """
from flight_recorder.tui.panels.panel import Panel, Trace

PANEL = Panel(
    id="entropy", number=NUMBER, title="Entropy", short_title="Entropy", question="Does it explore?",
    healthy="it falls slowly", y_label="nat", y_scale="linear", missing="This log has no entropy.",
    traces=lambda recording: (Trace("entropy", recording.steps["entropy"]),),
)
"""
PROGRAM = """
import sys
from flight_recorder.tui import panels
panels.__path__.append(sys.argv[1])

from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.report.html.dashboard import page
from flight_recorder.tui.report.terminal.show import render
from flight_recorder.tui.screen.drawing.help import help_lines
from flight_recorder.tui.screen.drawing.layout import TREE_CELL
from flight_recorder.tui.screen.drawing.spans import plain
from flight_recorder.tui.screen.keys import KEYS
from tests.report.logs import run_of
from tests.screen.builders import batch, monitor, play, press, text_of

new = PANELS[-1]
records = [{"kind": "step", "step": n, "loss": 2.0, "lr": 0.1, "entropy": 3.0 - n / 99} for n in range(120)]
assert new.id == "entropy" and TREE_CELL == new.number + 1
assert any(key.shown == str(new.number) for key in KEYS)
assert f"1-{new.number}" in "".join(map(plain, help_lines(80)))
run = run_of([{"kind": "header", "format": "1.0", "source": "csv"}, *records])
assert 'id="entropy"' in page(run)
assert f"{new.number} Entropy" in render(run, 80)

app = monitor(batch([{"kind": "header", "format": "1.0", "source": "csv"}, *records]))

async def story(pilot):
    assert "Entropy" in text_of(app, "entropy")
    await press(pilot, str(new.number), "enter")
    assert "Does it explore?" in text_of(app, "main")

play(app, story, size=(160, 40))
print("shown everywhere")
"""


def test_a_panel_that_is_a_new_file_is_shown_everywhere(tmp_path: Path) -> None:
    (tmp_path / "entropy.py").write_text(NEW.replace("NUMBER", str(len(PANELS) + 1)), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.stdout == "shown everywhere\n", ran.stderr[-2000:]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.id)
def test_a_panel_is_a_file_of_its_name_and_knows_no_other(panel: object) -> None:
    from flight_recorder.tui import panels

    [folder] = panels.__path__
    source = (Path(folder) / f"{panel.id}.py").read_text(encoding="utf-8")  # type: ignore[attr-defined]
    others = {one.id for one in PANELS} - {panel.id}  # type: ignore[attr-defined]
    assert not [name for name in others if f"tui.panels.{name} import" in source]
