"""D3, half precision: a loss scale that collapses, and updates that are skipped."""

from __future__ import annotations

import numpy as np

from flight_recorder.tui.checks.rule import NOTHING, PROOF, STRONG, Floats, Leaf, Readings, check
from flight_recorder.tui.checks.signals.rolling import Running
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import View


@check(
    "D3.1",
    question="Does the loss scale keep its level?",
    panel="grad_norm",
    reads=("loss_scale",),
    leaves=(
        Leaf(
            "loss scale collapsed",
            above=9.5,
            level=Level.RED,
            keep=20,
            causes=("fp16_overflow", "instability"),
            weight=PROOF,
            fix="Overflow at every scale: train in bfloat16, or find what produces numbers over 65,504.",
        ),
        Leaf(
            "loss scale falls",
            above=5.5,
            level=Level.YELLOW,
            hold=20,
            keep=20,
            causes=("fp16_overflow",),
            weight=STRONG,
            fix="Watch it: each halving is an overflow, and small gradients vanish at a low scale.",
        ),
    ),
    why="the start is left out: the scale begins too high on purpose. Ten halvings below the level that it "
    "had reached are no search any more",
)
def halvings(view: View, *, start_up: int = 200) -> Readings:
    """Halvings of the loss scale below the highest level it held, both from step 200 on."""
    settled = view.steps >= start_up
    scale = view["loss_scale"][settled]
    if not len(scale):
        return NOTHING
    highest = view.kept("highest", Running, np.fmax, 0.0).take(scale)
    values: Floats = np.log2(np.maximum(highest, 1e-30) / np.maximum(scale, 1e-30))
    return Readings(
        view.steps[settled],
        values,
        lambda i: f"loss scale {scale[i]:g}, {values[i]:.0f} halvings below its level",
    )


@check(
    "D3.2",
    question="Are updates skipped after the start-up?",
    panel="grad_norm",
    reads=("skipped_updates",),
    window=lambda p: int(p["records"]),
    after=200,
    leaves=(
        Leaf(
            "most updates skipped",
            above=0.5,
            level=Level.RED,
            keep=20,
            causes=("fp16_overflow",),
            weight=PROOF,
            fix="The run stands still: train in bfloat16, or find the overflow.",
        ),
        Leaf(
            "many updates skipped",
            above=0.05,
            level=Level.ORANGE,
            hold=20,
            keep=20,
            causes=("fp16_overflow", "nan"),
            weight=STRONG,
            fix="Lower the loss scale's growth, or the learning rate; look for the layer that overflows.",
        ),
    ),
    why="a dynamic scale probes upwards every 2,000 steps and skips one update each time: 0.05 %",
)
def share_skipped(view: View, *, records: int = 100) -> Readings:
    """Share of the last 100 records' steps whose update was skipped."""
    counts, steps = view.with_past("skipped_updates"), view.steps_with_past
    if len(counts) < records:
        return NOTHING
    ends = np.arange(max(view.num_past, records - 1), len(counts))
    starts = ends - records + 1
    values = (counts[ends] - counts[starts]) / np.maximum(steps[ends] - steps[starts], 1)
    return Readings(
        steps[ends],
        values,
        lambda i: f"{values[i]:.1%} of the updates of the last {records} records were skipped",
    )
