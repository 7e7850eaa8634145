"""A few whole screens as pictures; everything smaller is tested as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.screen.builders import (
    batch,
    healthy_verdicts,
    monitor,
    overfit_verdict,
    run_records,
    settle,
    spike_verdict,
)
from tui.follow.batch import Pulse
from tui.screen.app import Monitor

Compare = Callable[..., bool]
Pictured = tuple[Callable[[], Monitor], tuple[int, int], tuple[str, ...]]


def healthy() -> Monitor:
    return monitor(batch(run_records(400)), verdicts=healthy_verdicts())


def sick(is_light: bool = False) -> Monitor:
    verdicts = [*healthy_verdicts(), spike_verdict(100, 300), overfit_verdict()]
    return monitor(batch(run_records(400)), verdicts=verdicts, is_light=is_light)


def stalled() -> Monitor:
    return monitor(batch(run_records(400), Pulse.STALLED), verdicts=healthy_verdicts())


SCREENS: dict[str, Pictured] = {
    "healthy_wide": (healthy, (220, 50), ()),
    "overfitting_normal": (sick, (100, 50), ("n", "n")),
    "overfitting_small": (sick, (80, 24), ()),
    "stalled_small": (stalled, (80, 24), ("shift+tab",)),
    "zoom_light": (lambda: sick(is_light=True), (160, 40), ("enter", "home", "shift+right")),
    "card": (sick, (120, 40), ("N", "N", "enter")),
}


@pytest.mark.parametrize("name", SCREENS)
def test_screen_looks_as_it_did(name: str, snap_compare: Compare) -> None:
    make, size, keys = SCREENS[name]

    async def settled(pilot: Any) -> None:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)

    assert snap_compare(make(), terminal_size=size, run_before=settled)
