"""The seven panels, in order."""

from __future__ import annotations

from flight_recorder.tui.panels import activation, class_loss, dead, grad_norm, loss, lr, spectral_norm
from flight_recorder.tui.panels.panel import Panel

PANELS: tuple[Panel, ...] = (
    loss.PANEL,
    lr.PANEL,
    grad_norm.PANEL,
    activation.PANEL,
    spectral_norm.PANEL,
    dead.PANEL,
    class_loss.PANEL,
)
"""Panel n is at position n - 1."""

PANEL_BY_ID: dict[str, Panel] = {panel.id: panel for panel in PANELS}
