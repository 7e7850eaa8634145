"""Runs for the screen: records by formula, a follower that plays a script, verdicts made by hand."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from textual.pilot import Pilot

from flight_recorder.tui.checks.signals.run_kind import RunKind
from flight_recorder.tui.checks.verdict import Level, Span, State, Threshold, Verdict
from flight_recorder.tui.follow.batch import Batch, Pulse
from flight_recorder.tui.screen.app import Monitor
from flight_recorder.tui.screen.runs.watched_run import Watched

START = 1_700_000_000.0
LAYERS = ["embed_out", "block_0_out", "block_1_out", "final_ln_out"]

Record = dict[str, Any]


def header(**facts: Any) -> Record:
    return {
        "kind": "header",
        "time": START,
        "format": "1.0",
        "name": "19-overfit",
        "origin": "scratch",
        "vocab_size": 512,
        "planned_steps": 800,
        "grad_clip": 1.0,
        "baseline_loss": 2.58,
        "layers": LAYERS,
        "residual_layers": LAYERS[:3],
        "matrices": ["block_0_qkv", "block_1_qkv"],
        "classes": ["regular", "irregular"],
        "num_units": 512,
        "num_heads": 8,
        "steps_per_epoch": 125,
        "tokens_per_step": 1024,
    } | facts


def step(at: int, **fields: Any) -> Record:
    record: Record = {
        "kind": "step",
        "step": at,
        "time": START + at * 0.02,
        "loss": 0.5 + 5.7 * math.exp(-at / 90) + 0.03 * math.sin(at * 1.7),
        "lr": 3e-3 * min(1.0, (at + 1) / 40),
        "grad_norm": 0.9 + 1.6 * math.exp(-at / 60) + 0.1 * math.sin(at * 2.3),
    }
    if at % 10 == 0:
        grown = 1 - math.exp(-at / 200)
        record |= {
            "activation": [0.02 + 0.3 * grown, 0.1 + 0.5 * grown, 0.1 + 0.9 * grown, 0.8 + at / 900],
            "spectral_norm": [0.3 + 2 * grown, 0.3 + 2.4 * grown],
            "dead_units": 0,
            "dead_heads": 0,
        }
    return record | fields


def evaluation(at: int, **fields: Any) -> Record:
    val = 1.7 + 4.4 * math.exp(-at / 80) + max(0, at - 200) / 400
    measured = {"val_loss": val, "train_loss": val - 0.1, "class_loss": [val * 0.92, val * 1.1]}
    return {"kind": "evaluation", "step": at, "time": START + at * 0.02} | measured | fields


def run_records(num_steps: int, **facts: Any) -> list[Record]:
    """A header, the steps, an evaluation at every fiftieth."""
    records = [header(**facts)]
    for at in range(num_steps):
        records.append(step(at))
        if at % 50 == 0:
            records.append(evaluation(at))
    return records


def batch(records: Sequence[Record], pulse: Pulse = Pulse.LIVE, **facts: Any) -> Batch:
    fields: dict[str, Any] = {"damaged": (), "next_offset": 0, "size_bytes": 0, "format": "runlog"} | facts
    return Batch(records=tuple(records), pulse=pulse, **fields)


class Script:
    """A follower that hands out these batches, one a poll; more may be added while it runs."""

    def __init__(self, *batches: Batch) -> None:
        self.batches = list(batches)
        self.num_given = 0

    @property
    def is_caught_up(self) -> bool:
        return self.num_given == len(self.batches)

    def poll(self, limit_records: int, limit_s: float) -> Batch | None:
        if self.is_caught_up:
            return None
        self.num_given += 1
        return self.batches[self.num_given - 1]

    def close(self) -> None:
        pass


class FixedJudge:
    """Verdicts that do not depend on records."""

    def __init__(self, verdicts: Sequence[Verdict], bounds: Sequence[Threshold] = ()) -> None:
        self.verdicts = tuple(verdicts)
        self.bounds = tuple(bounds)
        self.level = max((verdict.level for verdict in verdicts), default=Level.GREEN)
        firing = [verdict for verdict in verdicts if verdict.state is State.FIRING]
        self.headline = firing[0] if firing else None
        self.causes: list[tuple[str, tuple[str, ...]]] = []
        self.overfit = None
        self.schedule = None
        self.kind = RunKind("unknown", "")

    def update(self) -> None:
        pass

    def thresholds(self, panel: str) -> tuple[Threshold, ...]:
        return tuple(bound for bound in self.bounds if bound.panel == panel)


def verdict(check: str, section: str, state: State = State.PASS, **fields: Any) -> Verdict:
    filled: dict[str, Any] = {"question": f"Is {check} well?", "level": Level.GREEN} | fields
    return Verdict(check=check, section=section, state=state, **filled)


def healthy_verdicts() -> list[Verdict]:
    ids = {"start": ("Q1.1a", "Q1.2a"), "schedule": ("Q2.1a", "Q2.2"), "gradients": ("Q3.1a", "Q3.2")}
    passes = [verdict(check, section, panel="lr") for section, checks in ids.items() for check in checks]
    return [*passes, verdict("D3", "dynamics", State.NOT_MEASURED, panel="grad_norm")]


def overfit_verdict(first: int = 250, last: int = 399) -> Verdict:
    return verdict(
        "D4.1",
        "dynamics",
        State.FIRING,
        question="Is the validation loss still near its best?",
        level=Level.ORANGE,
        symptom="val rises while train falls",
        causes=("overfit",),
        first_step=first,
        last_step=last,
        reading=1.29,
        bound=1.15,
        bound_text="1.15 x the best",
        evidence="val is 29 % over its best (1.889 at 200), for 7 evaluations, while train still falls.",
        fix="Stop; keep checkpoint 200 (saved as best).",
        panel="loss",
        spans=(Span(first, last, Level.ORANGE),),
    )


def spike_verdict(*firsts: int) -> Verdict:
    return verdict(
        "D2.1",
        "dynamics",
        State.RESOLVED,
        symptom="an isolated spike",
        causes=("loss_spike",),
        first_step=firsts[-1],
        last_step=firsts[-1] + 3,
        panel="grad_norm",
        spans=tuple(Span(first, first + 3, Level.YELLOW) for first in firsts),
    )


def monitor(*batches: Batch, verdicts: Sequence[Verdict] | None = None, is_light: bool = False) -> Monitor:
    """The app on one run; its verdicts are the real ones unless some are given."""
    watched = Watched(0, "runs/19-overfit", Script(*batches))
    if verdicts is not None:
        watched.run.judge = FixedJudge(verdicts)  # type: ignore[assignment]
    return Monitor([watched], clock=lambda: START + 100.0, is_light=is_light)


Story = Callable[[Pilot[int]], Awaitable[None]]


def play(app: Monitor, story: Story, size: tuple[int, int] = (220, 50), **options: Any) -> None:
    """Run the app on a terminal of this size; the story begins when everything has been drawn."""

    async def played() -> None:
        async with app.run_test(size=size, **options) as pilot:
            await settle(pilot)
            await story(pilot)

    asyncio.run(played())


async def settle(pilot: Pilot[int]) -> None:
    """Return when every batch is in its run and on the screen."""
    app = pilot.app
    assert isinstance(app, Monitor)
    while not app.is_settled:
        await pilot.pause(0.002)
    await pilot.pause()


def feed(app: Monitor, new: Batch) -> None:
    """One batch more for the first run."""
    script = app.runs.watched[0].follower
    assert isinstance(script, Script)
    script.batches.append(new)


async def press(pilot: Pilot[int], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


def text_of(app: Monitor, id: str) -> str:
    """What a widget shows."""
    from flight_recorder.tui.screen.drawing.lines import Lines

    return app.query_one(f"#{id}", Lines).plain
