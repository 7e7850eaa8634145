"""What stands in each widget: the run, as it is looked at, as lines of spans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from flight_recorder.tui.checks.verdict import Level, State, Verdict
from flight_recorder.tui.defect import named_or_raised
from flight_recorder.tui.panels.drawing.layout import Options
from flight_recorder.tui.panels.figure import Figure
from flight_recorder.tui.panels.registry import PANEL_BY_ID, PANELS
from flight_recorder.tui.run import Run
from flight_recorder.tui.screen.drawing import curve, zoom
from flight_recorder.tui.screen.drawing.figures import Figures, role_of_other
from flight_recorder.tui.screen.drawing.frame import framed
from flight_recorder.tui.screen.drawing.layout import TREE_CELL
from flight_recorder.tui.screen.drawing.palette import level_role
from flight_recorder.tui.screen.drawing.spans import (
    Span,
    Spans,
    clipped,
    fitted,
    said,
    whole_values,
    width_of,
    wrapped,
)
from flight_recorder.tui.screen.drawing.tree_view import tree_cell, tree_rows
from flight_recorder.tui.screen.state.view import Mode, Range, View
from flight_recorder.tui.vocabulary import LEVEL_SIGNS, STATE_WORDS, main_verdict

LinesOfSpans = list[Spans]

MOST_LISTED = 4
"""Runs that are named above the tree; the list (O) has all of them."""


@dataclass(frozen=True)
class Scene:
    """Everything that a picture is made of."""

    run: Run
    view: View
    whole: Range
    figures: Figures
    others: tuple[Run, ...] = ()
    options: Options = field(default_factory=Options)
    is_paused: bool = False
    bare: tuple[int, ...] = ()

    def figure(self, panel_id: str, width_cells: int) -> Figure:
        """The figure of a panel for a drawing of this width."""
        panel = PANEL_BY_ID[panel_id]
        return self.figures.figure(
            panel, self.run, self.view, self.whole, 2 * max(1, width_cells), self.others, self.is_paused
        )


def panel_cell(scene: Scene, panel_id: str, width: int, height: int, widget: str = "") -> LinesOfSpans:
    """A panel in its frame: number, name and newest values; its health; the curve."""
    figure = scene.figure(panel_id, width - 2)
    is_focused = scene.view.cell == figure.number
    basis = (width, height, is_focused, scene.view.cursor if is_focused else None)
    return scene.figures.drawing(
        widget or panel_id, figure, basis, lambda: _panel_box(scene, figure, width, height, is_focused)
    )


def _panel_box(scene: Scene, figure: Figure, width: int, height: int, is_focused: bool) -> LinesOfSpans:
    if is_focused:
        figure = zoom.with_cursor(scene, figure)
    words = health(figure)
    rows, foot = curve.with_foot(figure, width - 2, height - 2, scene.options, is_focused)
    return framed(
        rows,
        width,
        height,
        title(figure, width - 6 - width_of(words)),
        words,
        is_focused=is_focused,
        role=edge(figure),
        foot=foot,
        is_exact=True,
    )


def title(figure: Figure, room: int) -> Spans:
    """Number, name, and as many of the newest values as fit into the room."""
    spans = [Span(f"{figure.number} ", "accent"), Span(figure.title, "strong")]
    latest = Span("  " + whole_values(said(figure.latest), room - width_of(spans) - 2), "muted")
    return [*spans, latest] if figure.latest and width_of([*spans, latest]) <= room else spans


def health(figure: Figure) -> Spans:
    """The health of a panel in words, with the sign of its level when it is not green."""
    if figure.level is Level.GREEN:
        return [Span(figure.health, "faint")]
    return [Span(f"{LEVEL_SIGNS[figure.level]} {said(figure.health)}", level_role(figure.level))]


def edge(figure: Figure) -> str:
    """Role of a frame: that of the level from orange on."""
    return level_role(figure.level) if figure.level >= Level.ORANGE else "frame"


def tree_box(scene: Scene, widget: str, width: int, height: int) -> LinesOfSpans:
    """The tree in its frame, above it the other runs when there are several."""
    judge = scene.run.judge
    headline = main_verdict(judge.verdicts, judge.headline)
    runs = run_lines(scene, width - 2) if scene.others else []
    is_focused = scene.view.cell == TREE_CELL
    # What a node reads changes with every step, what the cell shows of it hardly ever.
    states = [(one.check, one.state, one.level, one.first_step, one.symptom) for one in judge.verdicts]
    return scene.figures.drawing(
        widget,
        None,
        (width, height, is_focused, runs, states, headline),
        lambda: _tree_frame(scene.run, headline, runs, width, height, is_focused),
    )


def _tree_frame(
    run: Run, headline: Verdict | None, runs: LinesOfSpans, width: int, height: int, is_focused: bool
) -> LinesOfSpans:
    rows = [*runs, *tree_cell(run.judge.verdicts, headline, width - 2, height - 2 - len(runs))]
    title = [Span("t ", "accent"), Span("Tree", "strong")]
    return framed(rows, width, height, title, [Span(_count_words(run), "faint")], is_focused=is_focused)


def _count_words(run: Run) -> str:
    states = [verdict.state for verdict in run.judge.verdicts]
    counts = [(state, states.count(state)) for state in (State.FIRING, State.PASS, State.FAILED)]
    return ", ".join(f"{n} {STATE_WORDS[state]}" for state, n in counts if n or state is State.PASS)


def run_lines(scene: Scene, width: int) -> LinesOfSpans:
    """The shown run, then those whose lines lie behind it, the worst first, as many as leave room."""
    lines = []
    runs = (scene.run, *scene.others)
    for place, run in enumerate(runs[:MOST_LISTED]):
        level = run.judge.level
        newest = run.recording.last_step
        step = f"  step {newest:,}" if newest is not None else ""
        sign = Span(f" {LEVEL_SIGNS[level]} ", level_role(level))
        name = Span(said(run.name), "strong" if place == 0 else f"line-{role_of_other(place - 1)}")
        lines.append(clipped([sign, name, Span(f"  {run.pulse.value}{step}", "muted")], width))
    more = f"and {len(runs) - MOST_LISTED} more   " if len(runs) > MOST_LISTED else ""
    return [*lines, [Span(f"{more}o other run   O list", "faint")]]


def panel_rows(scene: Scene, _: str, width: int, height: int) -> LinesOfSpans:
    """A row for each panel and one for the tree: number, name, newest values, a small curve."""
    rows = [
        _or_sentence(partial(_one_row, scene, panel.id, width), width)
        for panel in PANELS
        if panel.number not in scene.bare
    ]
    lines = [row for row, *_ in rows]
    judge = scene.run.judge
    main = main_verdict(judge.verdicts, judge.headline)
    level = main.level if main else judge.level
    role = level_role(level)
    is_judged = scene.run.is_judged and scene.run.recording.last_step is not None
    calm = "nothing is violated" if is_judged else "no verdicts yet"
    symptom = f"{main.check} {main.symptom}" if main else calm
    mark = Span("▸" if scene.view.cell == TREE_CELL else " ", "accent")
    tree = [mark, Span("t ", "accent"), Span("Tree        "), Span(f"{LEVEL_SIGNS[level]} ", role)]
    lines.append(clipped([*tree, Span(said(symptom), role)], width))
    return lines[:height]


def _one_row(scene: Scene, panel_id: str, width: int) -> LinesOfSpans:
    return [_panel_row(scene, panel_id, width)]


def _panel_row(scene: Scene, panel_id: str, width: int) -> Spans:
    words_width = 42 if width >= 76 else 30
    figure = scene.figure(panel_id, max(1, width - words_width))
    is_focused = scene.view.cell == figure.number
    sign = " " if figure.level is Level.GREEN else LEVEL_SIGNS[figure.level]
    left = [
        Span("▸" if is_focused else " ", "accent"),
        Span(f"{figure.number} ", "accent"),
        Span(f"{_short(figure.title):<15}", "strong" if is_focused else "text"),
        Span(f"{sign} ", level_role(figure.level)),
    ]
    room = words_width - 1 - width_of(left)
    values = Span(
        whole_values(said(figure.latest), room) or said(figure.note), "text" if figure.latest else "faint"
    )
    return [
        *fitted([*left, values], words_width - 1),
        Span(" "),
        *curve.spark(figure, width - words_width, scene.options),
    ]


def _short(title: str) -> str:
    """The first words of a title, at most 14 cells of them."""
    words = title.split()
    while len(words) > 1 and (len(" ".join(words)) > 14 or words[-1] == "and"):
        words.pop()
    return " ".join(words)[:14]


def main_box(scene: Scene, _: str, width: int, height: int) -> LinesOfSpans:
    """What fills the screen: the zoomed panel or the whole tree; below the rows the focused cell."""
    if scene.view.mode is Mode.ZOOM:
        return zoom.zoomed(scene, width, height)
    if scene.view.mode is Mode.TREE:
        return whole_tree(scene, width, height)
    if scene.view.cell == TREE_CELL:
        return tree_box(scene, "tree", width, height)
    return panel_cell(scene, PANELS[scene.view.cell - 1].id, width, height, "main")


def whole_tree(scene: Scene, width: int, height: int) -> LinesOfSpans:
    """Every node a row, the selected one marked; Enter opens its card."""
    rows = tree_rows(scene.run.judge.verdicts, scene.view.node, width - 2, height - 2)
    words = [Span("↑ ↓ node   Enter card   Esc back", "faint")]
    return framed(rows, width, height, [Span("t ", "accent"), Span("Tree", "strong")], words, is_focused=True)


Draw = Callable[[Scene, str, int, int], Sequence[Spans]]

DRAWN_BY: dict[str, Draw] = {
    **{panel.id: panel_cell for panel in PANELS},
    "tree": tree_box,
    "rows": panel_rows,
    "main": main_box,
}
"""What draws each widget of the middle, by its id."""


def drawn(scene: Scene, widget: str, width: int, height: int) -> Sequence[Spans]:
    """The lines of a widget; where drawing them breaks a sentence in their place, and the others live on."""
    return _or_sentence(partial(DRAWN_BY[widget], scene, widget, width, height), width)


def _or_sentence(draw: Callable[[], Sequence[Spans]], width: int) -> Sequence[Spans]:
    try:
        with np.errstate(all="ignore"):  # a log may hold any number
            return draw()
    except Exception as error:
        return wrapped(f"cannot be drawn: {said(named_or_raised(error))}", max(1, width), "muted", " ", " ")
