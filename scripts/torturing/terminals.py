"""The monitor on terminals that are resized without end, tiny, dumb, without colour, and cut off."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flight_recorder.engine.runlog.codec import encode
from scripts.benchmarks.terminal import Terminal
from scripts.torturing.table import Injected

ROOT = Path(__file__).resolve().parents[2]
TITLE = "Loss"
_COLOUR = re.compile(rb"\x1b\[[0-9;]*[34]8;[25];[0-9;]*m")


def mistreat_terminals(folder: Path, num_resizes: int = 200) -> list[Injected]:
    """One row for each kind of mistreatment."""
    log = folder / "inspector.log.jsonl"
    steps = [{"kind": "step", "step": step, "loss": 5 / (step + 1), "grad_norm": 1.0} for step in range(500)]
    log.write_bytes(b"".join(map(encode, [{"kind": "header", "format": "1.0"}, *steps])))
    return [
        _resized(log, num_resizes),
        _stormed(log, 5 * num_resizes),
        *(_kind_of_terminal(log, env) for env in ({"TERM": "dumb"}, {"NO_COLOR": "1"}, {"TERM": "vt100"})),
        _hung_up(log),
    ]


@contextmanager
def _watched(log: Path, env: dict[str, str] | None = None) -> Iterator[Terminal]:
    with Terminal([str(ROOT / ".venv/bin/tui"), "watch", str(log)], env=env) as terminal:
        terminal.wait_for(lambda text: TITLE in text)
        yield terminal


def _draws_again(terminal: Terminal) -> list[str]:
    """Whether it still draws all of its panels and answers a key; what is wrong otherwise."""
    terminal.resize(200, 50)
    _let_draw(terminal, 0.2)
    before = len(terminal.text)
    terminal.resize(220, 50)
    try:
        _until(terminal, lambda: TITLE in terminal.text[before:])
        terminal.type("q")
        _until(terminal, lambda: terminal.process.poll() is not None)
    except TimeoutError:
        return [f"no longer draws or answers: {terminal.text[-200:]!r}"]
    flaws = [] if terminal.process.returncode == 0 else [f"ended with {terminal.process.returncode}"]
    return flaws + (["a traceback"] if "Traceback" in terminal.text else [])


def _until(terminal: Terminal, holds: object, limit_s: float = 15.0) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():  # type: ignore[operator]
        terminal.read(0.05)
        if time.monotonic() > deadline:
            raise TimeoutError


def _let_draw(terminal: Terminal, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.read(0.02)


def _resized(log: Path, count: int) -> Injected:
    """Sizes from one cell to 400 x 120, many of them tiny, and keys pressed on the way."""
    rng = random.Random(0)
    with _watched(log) as terminal:
        for number in range(count):
            tiny = number % 4 == 0
            terminal.resize(rng.randrange(1, 6 if tiny else 400), rng.randrange(1, 4 if tiny else 120))
            if number == count // 2:
                terminal.resize(1, 1)
            if number % 10 == 5:
                terminal.type(rng.choice("1234567t?\r\x1b"))
            _let_draw(terminal, 0.05)
        terminal.type("\x1b")
        _let_draw(terminal, 0.3)
        terminal.type("\x1b")
        flaws = _draws_again(terminal)
    return Injected("terminal resized, 1 x 1 included", count, 0, len(flaws), "", tuple(flaws))


def _stormed(log: Path, count: int) -> Injected:
    with _watched(log) as terminal:
        for number in range(count):
            os.kill(terminal.process.pid, signal.SIGWINCH)
            if number % 50 == 0:
                terminal.read(0.001)
        flaws = _draws_again(terminal)
    return Injected("storm of SIGWINCH", count, 0, len(flaws), "", tuple(flaws))


def _kind_of_terminal(log: Path, env: dict[str, str]) -> Injected:
    name = ", ".join(f"{key}={value}" for key, value in env.items())
    with _watched(log, env) as terminal:
        flaws = _draws_again(terminal)
        coloured = any(_COLOUR.search(data) for _, data in terminal.written)
        if "NO_COLOR" in env and coloured:
            flaws.append("colours although NO_COLOR is set")
    return Injected(name, 1, 0, len(flaws), "", tuple(flaws))


def _hung_up(log: Path) -> Injected:
    """The connection is cut: the monitor must end, and soon."""
    flaws = []
    for _ in range(5):
        with _watched(log) as terminal:
            terminal.hang_up()
            deadline = time.monotonic() + 5
            while terminal.process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            if terminal.process.poll() is None:
                flaws.append("still runs five seconds after the terminal was gone")
    return Injected("SSH cut: the monitor's terminal is gone", 5, 0, len(flaws), "", tuple(flaws))
