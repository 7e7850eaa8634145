"""The one widget that everything is shown with: lines of spans, painted without a layout of their own."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from flight_recorder.tui.screen.drawing.palette import DARK, Palette
from flight_recorder.tui.screen.drawing.spans import Spans, fitted


class Lines(Widget):
    """Shows the lines it was given and nothing else. `num_shown` counts how often it was given others."""

    can_focus = False

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.lines: Sequence[Spans] = ()
        self.palette: Palette = DARK
        self.num_shown = 0
        self._strips: dict[int, Strip] = {}

    def show(self, lines: Sequence[Spans], palette: Palette) -> None:
        """Show these lines from now on; only rows that are other than before are painted again."""
        if palette is not self.palette or len(lines) != len(self.lines):
            changed = list(range(max(len(lines), len(self.lines))))
            self._strips.clear()
        else:
            changed = [row for row, line in enumerate(lines) if line != self.lines[row]]
            for row in changed:
                self._strips.pop(row, None)
        self.lines, self.palette = lines, palette
        if changed:
            self.num_shown += 1
            self.refresh(*(Region(0, row, self.size.width, 1) for row in changed))

    @property
    def plain(self) -> str:
        """What is shown, as text."""
        return "\n".join("".join(span.text for span in line).rstrip() for line in self.lines)

    def notify_style_update(self) -> None:
        """The theme changed: strips were made for the old one."""
        self._strips.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """One row of the widget as a strip of exactly its width."""
        strip = self._strips.get(y)
        if strip is None or strip.cell_length != self.size.width:
            strip = self._strips[y] = self._painted(y)
        return strip

    def _painted(self, y: int) -> Strip:
        width = self.size.width
        line = fitted(self.lines[y] if y < len(self.lines) else [], width)
        base = self.palette.style("background")
        return Strip([Segment(span.text, base + self.palette.style(span.role)) for span in line], width)
