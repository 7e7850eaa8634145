"""A panel of the page: title, health, legend, chart; and the numbers that its cursor reads."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.numbers import number
from flight_recorder.tui.panels.figure import Figure, Floats, Line
from flight_recorder.tui.panels.panel import Panel
from flight_recorder.tui.panels.printable import printable
from flight_recorder.tui.report.html.svg import COLOURS, SCALE, axes, chart, small_chart
from flight_recorder.tui.report.html.svg_heat import heat_chart
from flight_recorder.tui.report.wording import html_text
from flight_recorder.tui.vocabulary import LEVEL_SIGNS

MOST_VIOLATIONS = 1000
"""Places that n and N jump to."""

DIGITS = 4
"""Significant digits of a value that the cursor reads."""


def drawable(panel: Panel, figure: Figure) -> Figure:
    """The figure, or a note in its place where its chart cannot be drawn."""
    try:
        with np.errstate(all="ignore"):
            panel_html(panel, figure)
            cursor_data([figure])
    except Exception as error:
        return panel.undrawn(error)
    return figure


def panel_html(panel: Panel, figure: Figure) -> str:
    """The panel as one `<section>`; a small one where there is nothing to draw."""
    if figure.note:
        return (
            f'<section class="panel absent" id="{figure.panel}"><h3><span>{figure.number}</span>'
            f'{html_text(figure.title)}</h3><p class="note">{html_text(figure.note)}</p></section>'
        )
    sick = f" sick {figure.level}" if figure.level > Level.GREEN else ""
    if figure.as_list:
        body = _list(figure)
    else:
        body = _offender(figure) + heat_chart(figure) if figure.heat else _legend(figure) + chart(figure)
    return (
        f'<section class="panel{sick}" id="{figure.panel}" tabindex="0" '
        f'aria-label="Panel {figure.number}, {html_text(figure.title)}: {html_text(figure.health)}">'
        f"<header><h3><span>{figure.number}</span>{html_text(figure.title)}</h3>"
        f'<span class="health {figure.level}">{LEVEL_SIGNS[figure.level]} {html_text(figure.health)}</span>'
        '<button class="grow" type="button" hidden aria-pressed="false" aria-label="full width">⤢</button>'
        f'</header><p class="question">{html_text(panel.question)} {_unit(figure)}</p>{body}</section>'
    )


def _unit(figure: Figure) -> str:
    scale = ", logarithmic" if figure.y_scale == "log" else ""
    unit = figure.y_label if figure.y_label != "1" else ""
    words = (unit + scale).removeprefix(", ")
    return f"<span>· {html_text(words)}</span>" if words else ""


def _legend(figure: Figure) -> str:
    items = "".join(
        f'<li class="c{index % COLOURS}"><i></i><bdi class="name">{html_text(line.name)}</bdi>'
        f'<output data-name="{html_text(line.name, 60)}">{_latest(line)}</output></li>'
        for index, line in enumerate(figure.lines)
    )
    return f'<ul class="legend">{items}</ul>'


def _list(figure: Figure) -> str:
    """A row a line: name, a small curve, the newest value and the best."""
    rows = "".join(
        f"<tr><td><bdi>{html_text(line.name, 60)}</bdi></td><td>{small_chart(figure, line)}</td>"
        f'<td class="num">{html_text(line.words)}</td></tr>'
        for line in figure.lines
    )
    return f'<div class="scroll"><table class="metrics"><tbody>{rows}</tbody></table></div>'


def _latest(line: Line) -> str:
    return "–" if line.latest is None else number(line.latest, DIGITS)


def _offender(figure: Figure) -> str:
    if not figure.heat_offender:
        return ""
    name = html_text(figure.heat_offender)
    return f'<p class="note">{len(figure.heat)} layers; <bdi>{name}</bdi> stands out most.</p>'


def cursor_data(figures: list[Figure]) -> dict[str, Any]:
    """What the script needs: the axes, and of each line the values; x shared by lines is written once."""
    shared: list[tuple[float, ...]] = []
    panels = []
    for figure in figures:
        if figure.note or figure.heat or figure.as_list:
            continue
        x, y = axes(figure)
        panels.append(
            {
                "id": figure.panel,
                "x": [x.start / SCALE, x.end / SCALE, x.range.low, x.range.high],
                "y": [y.end / SCALE, y.start / SCALE, y.range.low, y.range.high, int(y.range.kind == "log")],
                "lines": [_line_data(line, index, shared) for index, line in enumerate(figure.lines)],
            }
        )
    drawn = [figure for figure in figures if not figure.note]
    firsts = sorted({_exact(tint.first) for figure in drawn for tint in figure.tints if tint.level})
    unit = drawn[0].x_label if drawn else "step"
    xs = [_packed(x) for x in shared]
    return {"unit": unit, "xs": xs, "violations": firsts[:MOST_VIOLATIONS], "panels": panels}


def _line_data(line: Line, index: int, shared: list[tuple[float, ...]]) -> dict[str, Any]:
    x = tuple(line.x.tolist())
    if x not in shared:
        shared.append(x)
    data: dict[str, Any] = {"c": index % COLOURS, "x": shared.index(x), "v": _rounded(line.last)}
    with np.errstate(invalid="ignore"):
        spread = line.high - line.low > 0.005 * np.abs(line.last)
    if spread.any():
        data |= {"lo": _rounded(line.low), "hi": _rounded(line.high)}
    return data


def _rounded(values: Floats) -> list[float | int | None]:
    """Each value with a few digits and as short as JSON allows, None where it is not finite."""
    return [_shortest(value) if np.isfinite(value) else None for value in values.tolist()]


def _shortest(value: float) -> float | int:
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e9 else rounded


def _packed(x: tuple[float, ...]) -> dict[str, Any]:
    """First value, difference and count where all differences are the same, else the differences."""
    whole = [_exact(value) for value in x]
    differences = [_exact(b - a) for a, b in pairwise(whole)]
    if len(whole) > 2 and len(set(differences)) == 1:
        return {"from": whole[0], "by": differences[0], "n": len(whole)}
    return {"d": [*whole[:1], *differences]}


def _exact(value: float) -> float | int:
    return int(value) if float(value).is_integer() else round(value, 6)


def plain_name(text: Any) -> str:
    """The text of a log as the page's title shows it."""
    return printable(str(text), 80)
