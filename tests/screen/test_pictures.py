"""A few whole screens as pictures; everything smaller is tested as text.

Those named `recorded_` are real runs, judged by the tree as it is; the README shows them. They were made by

    engine train configs/19-overfit.yaml --set training.T=800 --set data.train_sentences=1000
    engine train configs/broken_mask.yaml --set training.T=600
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flight_recorder.engine.runlog.reader import read_log
from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.screen.app import Monitor
from tests.screen.builders import (
    batch,
    healthy_verdicts,
    monitor,
    overfit_verdict,
    run_records,
    settle,
    spike_verdict,
)

RUNS = Path(__file__).parent / "runs"

Compare = Callable[..., bool]
Pictured = tuple[Callable[[], Monitor], tuple[int, int], tuple[str, ...]]


def healthy() -> Monitor:
    return monitor(batch(run_records(400)), verdicts=healthy_verdicts())


def sick(is_light: bool = False) -> Monitor:
    verdicts = [*healthy_verdicts(), spike_verdict(100, 300), overfit_verdict()]
    return monitor(batch(run_records(400)), verdicts=verdicts, is_light=is_light)


def recorded(name: str) -> Monitor:
    """A real run as it looked while it was live, just before its last record."""
    records, _ = read_log(RUNS / f"{name}.log.jsonl")
    return monitor(batch([record for record in records if record["kind"] != "exit"]))


def stalled() -> Monitor:
    return monitor(batch(run_records(400), Pulse.STALLED), verdicts=healthy_verdicts())


SCREENS: dict[str, Pictured] = {
    "healthy_wide": (healthy, (220, 50), ()),
    "overfitting_normal": (sick, (100, 50), ("n", "n")),
    "overfitting_small": (sick, (80, 24), ()),
    "stalled_small": (stalled, (80, 24), ("shift+tab",)),
    "zoom_light": (lambda: sick(is_light=True), (160, 40), ("enter", "home", "shift+right")),
    "recorded_overfit_wide": (lambda: recorded("overfit"), (220, 50), ()),
    "recorded_broken_mask_normal": (lambda: recorded("broken_mask"), (120, 50), ()),
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
