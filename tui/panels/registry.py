"""The panels: every file of this folder that declares one, in the order of their numbers.

Whatever depends on which panels there are, their keys, the help, the arrangement of the screen, the texts,
follows from this table.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from flight_recorder.tui import panels
from flight_recorder.tui.panels.panel import Panel


def declared() -> tuple[Panel, ...]:
    """The `PANEL` of each file, panel n at position n - 1."""
    names = [found.name for found in iter_modules(panels.__path__) if not found.ispkg]
    modules = [import_module(f"{panels.__name__}.{name}") for name in names if name != "registry"]
    found: list[Panel] = [module.PANEL for module in modules if hasattr(module, "PANEL")]
    return tuple(sorted(found, key=lambda panel: panel.number))


PANELS: tuple[Panel, ...] = declared()

PANEL_BY_ID: dict[str, Panel] = {panel.id: panel for panel in PANELS}
