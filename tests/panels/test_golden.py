"""The drawings of the panels as text files. UPDATE_GOLDEN=1 in the environment writes them anew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from flight_recorder.tui.checks.verdict import Level, Span, State, Threshold, Verdict
from flight_recorder.tui.panels.drawing.braille import draw, sparkline
from flight_recorder.tui.panels.drawing.canvas import plain_text
from flight_recorder.tui.panels.drawing.glyphs import GlyphName
from flight_recorder.tui.panels.drawing.layout import Options
from flight_recorder.tui.panels.figure import Figure
from flight_recorder.tui.panels.registry import PANEL_BY_ID, PANELS
from flight_recorder.tui.panels.view import View
from tests.panels.builders import Judged, JudgedRun, overfitting_records, recorded

GOLDEN = Path(__file__).parent / "golden"
SIZES = ((40, 10), (80, 24))


def judged_run() -> Any:
    overfit = Verdict(
        "D4.1", "dynamics", "Does val follow train?", State.FIRING, Level.ORANGE,
        symptom="val 29 % over its best", panel="loss", spans=(Span(1050, 3411, Level.ORANGE),),
    )  # fmt: skip
    bounds = (Threshold("grad_norm", 5.0, "5 x clip", Level.ORANGE),)
    return JudgedRun(recorded(overfitting_records()), Judged((overfit,), bounds, overfit={"onset": 600}))


def with_metrics() -> Any:
    """A foreign log: metrics with and without a direction, one of them hardly ever measured, one broken."""
    records: list[dict[str, Any]] = [{"kind": "header", "format": "1.0", "source": "csv"}]
    for step in range(0, 300, 3):
        records.append({"kind": "step", "step": step, "loss": 3 - step / 200, "mem": 7.0 + step % 2})
    for step in range(0, 300, 30):
        metrics = {"acc": 0.9 - abs(step - 180) / 400, "WER": 0.5 - step / 1000, "loss_gen": 2 + step / 300}
        records.append({"kind": "evaluation", "step": step, "val_loss": 3 - step / 250, **metrics})
    records[5]["recall of something with a long name"] = float("nan")
    return JudgedRun(recorded(records))


RUN = judged_run()
FOREIGN = with_metrics()


def figures() -> dict[str, Figure]:
    figures = {panel.id: panel.figure(RUN, View(width_dots=160)) for panel in PANELS}
    figures["metrics"] = PANEL_BY_ID["metrics"].figure(FOREIGN, View(width_dots=160))
    figures["loss_further"] = PANEL_BY_ID["loss"].figure(FOREIGN, View(width_dots=160))
    figures["spectral_norm_heat"] = PANELS[4].figure(RUN, View(width_dots=160, heat=True))
    figures["loss_zoomed"] = PANELS[0].figure(
        RUN, View(width_dots=160, x_first=1000, x_last=1200, smoothing=10)
    )
    return figures


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", list(figures()))
def test_a_panel_looks_as_it_did(name: str, width: int, height: int) -> None:
    compare(f"{name}-{width}x{height}", figures()[name], width, height)


@pytest.mark.parametrize("glyphs", ["block", "ascii"])
def test_a_panel_looks_as_it_did_without_braille_dots(glyphs: GlyphName) -> None:
    compare(f"loss-80x24-{glyphs}", figures()["loss"], 80, 24, glyphs)


def test_a_sparkline_looks_as_it_did() -> None:
    rows = [sparkline(figure, 40) for figure in figures().values()]
    check("sparklines-40", plain_text(rows))


def compare(name: str, figure: Figure, width: int, height: int, glyphs: GlyphName = "braille") -> None:
    check(name, plain_text(draw(figure, width, height, Options(glyphs=glyphs, colour=False))))


def check(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    assert text + "\n" == path.read_text(encoding="utf-8")
