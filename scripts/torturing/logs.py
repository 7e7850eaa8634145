"""A log to which everything happens that can happen to a file, while the monitor follows it.

A scenario is a sequence of such events with looks of the follower between them. After it the follower must
know exactly what a fresh reading of the file gives, and the number of records must be the number written.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from flight_recorder.engine.runlog.codec import Record, encode
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.follow.tail import Follower
from flight_recorder.tui.run import Run
from scripts.torturing.table import Injected

Event = Callable[["Scene"], None]


class Scene:
    """A log, its follower, and the steps that a reader of the file must know.

    Attributes:
        steps: those of every whole record that stands in the file, in order.
    """

    def __init__(self, path: Path, rng: random.Random) -> None:
        self.path, self.rng = path, rng
        self.steps: list[int] = []
        self.clock = 0.0
        self.written_at = 1.7e9
        self.follower = Follower(path, clock=self.now)
        self.run = Run(str(path))
        self._half = b""
        self.begin()

    def now(self) -> float:
        """Time of the follower's clock."""
        self.clock += 0.001
        return self.clock

    def begin(self) -> None:
        """An empty file becomes a log with a header."""
        self.steps, self._half = [], b""
        self.append(
            encode({"kind": "header", "format": "1.0", "grad_clip": 1.0, "run_id": str(self.rng.random())})
        )

    def append(self, data: bytes) -> None:
        """These bytes stand at the end of the file."""
        with self.path.open("ab") as file:
            file.write(data)

    def write_steps(self) -> None:
        """Some records more, cut anywhere; what is cut off follows with the next ones."""
        first = self.steps[-1] + 1 if self.steps else 0
        steps = range(first, first + self.rng.randrange(1, 40))
        data = self._half + b"".join(encode(record) for step in steps for record in self._records(step))
        self._half = b""
        self.steps += steps
        self.append(data)

    def _records(self, step: int) -> Iterator[Record]:
        """A step, lists in some of them, and now and then an evaluation: columns begin anywhere."""
        lists = {"activation": [1.0, 1.0 + step], "class_loss": [3.0, 4.0 / (step + 1)]}
        yield self._record(step) | (lists if self.rng.random() < 0.3 else {})
        if self.rng.random() < 0.1:
            yield {"kind": "evaluation", "step": step + 1, "val_loss": 3.0, "class_loss": [2.0, 3.0]}

    def _record(self, step: int) -> Record:
        self.written_at += 0.1
        loss = (
            self.rng.choice([1.0, float("nan"), float("inf")]) if self.rng.random() < 0.05 else 5 / (step + 1)
        )
        return {"kind": "step", "time": self.written_at, "step": step, "loss": loss, "grad_norm": 1.0}

    def look(self) -> None:
        """The follower takes in all that there is."""
        while True:
            batch = self.follower.poll(self.rng.choice([1, 7, 2000]))
            if batch is not None:
                self.run.extend(batch)
            elif self.follower.is_caught_up:
                return

    def clear(self) -> None:
        """Nothing stands in the file any more."""
        self.path.write_bytes(b"")


def truncated(scene: Scene) -> None:
    """Cut off in the middle, and grown again, perhaps past where it was."""
    size = scene.path.stat().st_size
    os.truncate(scene.path, scene.rng.randrange(size))
    scene.clear()
    scene.begin()
    scene.write_steps()


def replaced(scene: Scene) -> None:
    """Another file has been renamed over it."""
    other = scene.path.with_suffix(".new")
    scene.path, path = other, scene.path
    scene.begin()
    scene.write_steps()
    other.replace(path)
    scene.path = path


def rotated(scene: Scene) -> None:
    """Renamed away, and a new one begun under its name."""
    scene.path.replace(scene.path.with_suffix(".1"))
    scene.look()
    scene.begin()
    scene.write_steps()


def deleted(scene: Scene) -> None:
    """Gone for a while, then made anew."""
    scene.path.unlink()
    scene.look()
    scene.begin()
    scene.write_steps()


def nul_tail(scene: Scene) -> None:
    """Blocks that the disk has not written yet, filled in later."""
    start = scene.path.stat().st_size
    first = scene.steps[-1] + 1 if scene.steps else 0
    line = encode({"kind": "step", "step": first, "loss": 1.0})
    scene.append(b"\0" * len(line))
    scene.look()
    with scene.path.open("r+b") as file:
        file.seek(start)
        file.write(line)
    scene.steps.append(first)


def garbage(scene: Scene) -> None:
    """Bytes without meaning, on lines of their own."""
    noise = scene.rng.randbytes(scene.rng.randrange(1, 3000)).replace(b"{", b"(")
    scene.append(noise + b"\n")


def long_line(scene: Scene) -> None:
    """A line of twenty megabytes that is no record."""
    scene.append(b"x" * 20_000_000 + b"\n")


def nesting(scene: Scene) -> None:
    """A line nested deeper than any parser goes."""
    scene.append(b'{"kind":"step","step":' + b"[" * 100_000 + b"\n")


def invalid_utf8(scene: Scene) -> None:
    """A record whose text is not UTF-8: the record counts, the text gets marks."""
    step = scene.steps[-1] + 1 if scene.steps else 0
    scene.append(b'{"kind":"step","step":%d,"loss":1.0,"nonfinite_site":"\xff\xfe"}\n' % step)
    scene.steps.append(step)


def clock_back(scene: Scene) -> None:
    """The writer's clock is set back by an hour."""
    scene.written_at -= 3600
    scene.write_steps()


def half_line(scene: Scene) -> None:
    """Half a record, and the other half after a look."""
    step = scene.steps[-1] + 1 if scene.steps else 0
    line = encode({"kind": "step", "step": step, "loss": 2.0})
    cut = scene.rng.randrange(1, len(line))
    scene.append(line[:cut])
    scene.look()
    scene.append(line[cut:])
    scene.steps.append(step)


def resumed(scene: Scene) -> None:
    """A resume that supersedes some of the steps, or all of them."""
    if not scene.steps:
        return
    step = scene.rng.choice([scene.steps[0], scene.rng.choice(scene.steps)])
    scene.append(encode({"kind": "resume", "step": step}))
    scene.steps = [known for known in scene.steps if known < step]
    scene.write_steps()


EVENTS: dict[str, Event] = {
    "log truncated and grown again": truncated,
    "log replaced by another (rename)": replaced,
    "log rotated": rotated,
    "log deleted and made anew": deleted,
    "NUL-filled tail, filled in later": nul_tail,
    "garbage in the middle": garbage,
    "line of 20 MB": long_line,
    "nesting of 100,000": nesting,
    "invalid UTF-8": invalid_utf8,
    "clock going backwards": clock_back,
    "half a line, then the rest": half_line,
    "resume that supersedes steps": resumed,
}
RARE = {"line of 20 MB": 0.02, "nesting of 100,000": 0.2}
"""Events that take long: how much less often than the others they happen."""


def break_logs(folder: Path, num_scenarios: int, seed: int = 0) -> list[Injected]:
    """So many scenarios of twelve events each; one row for each kind of event."""
    rng = random.Random(seed)
    counts = dict.fromkeys(EVENTS, 0)
    flaws: dict[str, list[str]] = {name: [] for name in EVENTS}
    weights = [RARE.get(name, 1.0) for name in EVENTS]
    for number in range(num_scenarios):
        scene = Scene(folder / f"scenario-{number}.jsonl", rng)
        for name in rng.choices(list(EVENTS), weights, k=12):
            scene.write_steps()
            scene.look()
            EVENTS[name](scene)
            counts[name] += 1
            scene.look()
            flaws[name] += _flaws(scene)
        scene.follower.close()
        scene.path.unlink()
    return [_row(name, counts[name], flaws[name]) for name in EVENTS]


def _row(name: str, count: int, flaws: list[str]) -> Injected:
    num_lost = sum(flaw.startswith("lost") for flaw in flaws)
    return Injected(name, count, num_lost, len(flaws) - num_lost, "", tuple(flaws[:3]))


def _flaws(scene: Scene) -> list[str]:
    """How the follower's run differs from what was written and from a fresh reading."""
    known = scene.run.recording.steps.steps.tolist()
    if known != scene.steps:
        return [f"lost: {scene.path} has {len(scene.steps)} steps, {len(known)} are known"]
    fresh = Run("fresh")
    fresh.extend_by_all(read_all(scene.path))
    same = np.array_equal(
        fresh.recording.steps["loss"].values, scene.run.recording.steps["loss"].values, equal_nan=True
    )
    if not same:
        return [f"{scene.path}: a fresh reading gives other values"]
    pairs = zip(scene.run.judge.verdicts, fresh.judge.verdicts, strict=True)
    return [
        f"{scene.path}: {live.check} is {live.state}, and {whole.state} of a fresh reading"
        for live, whole in pairs
        if repr(live) != repr(whole)
    ]
