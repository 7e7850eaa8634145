"""One log through every command, and whole against pieces: what went wrong, each flaw under a short name."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import random
import re
import time
import traceback
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SLOW_S = 20.0
"""Processor time after which a log of a few kilobytes hangs; what else the machine does costs none."""

MAX_STEPS_SHOWN = 5
_FRAME = re.compile(r'File "[^"]*?((?:tui|engine)/[^"]+)", line (\d+)')


@dataclass(frozen=True)
class Flaw:
    """`name` is the same for all logs with which the same goes wrong."""

    name: str
    details: str


def flaws(data: bytes, folder: Path, rng: random.Random) -> list[Flaw]:
    """What is wrong with how these bytes are read, judged, shown and written again."""
    path = folder / "log"
    path.write_bytes(data)
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [*_of_commands(path, folder, rng), *_of_pieces(data, rng)]
    gc.enable()  # the commands that read a whole log leave it off
    took = time.process_time() - started
    return [*found, Flaw("slow", f"took {took:.0f} s")] if took > SLOW_S else found


def _of_commands(path: Path, folder: Path, rng: random.Random) -> list[Flaw]:
    others: list[list[object]] = [
        ["check", path],
        ["check", path, "--fail-on", "black"],
        ["show", path, "--width", str(rng.choice((20, 80, 200)))],
        ["report", path, "--out", folder / "out"],
        ["compare", path, path],
    ]
    for to in ("csv", "jsonl"):
        others.append(["export", path, "--to", to, "--out", folder / f"out.{to}"])
    return [*_of_command(["check", path, "--json"]), *_of_command(rng.choice(others))]


def _of_command(words: list[object]) -> list[Flaw]:
    """A code that is none of ours, a traceback, JSON that is none, an error of the program itself."""
    code, output, wrong = _run([str(word) for word in words])
    name = str(words[0])
    if "Traceback" in wrong:
        return [Flaw(_place(wrong), f"{name}: {wrong}")]
    if code not in ((0, 1, 2) if name == "check" else (0, 2)):
        return [Flaw(f"{name} leaves with {code}", output)]
    if (code == 2) is not (wrong.count("tui: ") == 1):
        return [Flaw(f"{name} leaves with {code} and says", wrong)]
    if "--json" in words and code != 2:
        with contextlib.suppress(ValueError):
            json.loads(output, parse_constant=_refuse)
            return []
        return [Flaw("check --json prints no JSON", output)]
    return []


def _run(words: list[str]) -> tuple[object, str, str]:
    """Exit code, standard output and standard error, a traceback among that."""
    output, wrong, code = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(wrong):
        try:
            code = _commands().main(args=words, prog_name="tui", standalone_mode=False)
        except SystemExit as left:
            code = left.code
        except Exception as error:
            wrong.write("".join(traceback.format_exception(error)))
    return code, output.getvalue(), wrong.getvalue()


@cache
def _commands() -> Any:
    from typer.main import get_command

    from flight_recorder.tui.commands import app

    os.environ["TUI_DEBUG"] = "1"  # an error of the program itself shows where it was
    return get_command(app)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _place(text: str) -> str:
    """The last line of ours in a traceback, and the error."""
    frames = _FRAME.findall(text)
    error = next(
        (line for line in reversed(text.splitlines()) if re.match(r"[\w.]+(Error|Warning|Exception)", line)),
        "",
    )
    where = f"{frames[-1][0]}:{frames[-1][1]}" if frames else "?"
    return f"{where} {error.split(':')[0]}"


def _of_pieces(data: bytes, rng: random.Random) -> list[Flaw]:
    """Whether the log in pieces is what it is whole."""
    sizes = [rng.randrange(1, rng.choice((10, 200, 4000))) for _ in range(40)]
    try:
        whole, pieces = _read(data, [len(data) or 1]), _read(data, sizes)
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        return [Flaw(_place(text), f"in pieces: {text}")]
    if broken := whole.get("broken checks"):
        return [Flaw(f"breaks {broken}", str(whole))]
    different = [key for key in whole.keys() | pieces.keys() if whole.get(key) != pieces.get(key)]
    if not different:
        return []
    shown = [f"{key}:\n  whole:  {whole.get(key)}\n  pieces: {pieces.get(key)}" for key in sorted(different)]
    names = ", ".join(sorted(different)[:MAX_STEPS_SHOWN])
    return [Flaw(f"differs: {names}", f"pieces of {sizes}\n" + "\n".join(shown))]


def _read(data: bytes, sizes: list[int]) -> dict[str, str]:
    """What is known of these bytes that arrive in pieces: each verdict by its name, or the refusal."""
    from flight_recorder.tui.follow.intake import Intake
    from flight_recorder.tui.run import Run
    from flight_recorder.tui.sources.errors import CannotRead

    intake, run, start, number = Intake("a log", None), Run("a log"), 0, 0
    try:
        while start < len(data):
            size = sizes[number % len(sizes)]
            intake.take(data[start : start + size])
            start, number = start + size, number + 1
            _hand_over(intake, run)
        intake.finish()
        _hand_over(intake, run)
    except CannotRead as error:
        return {"refused": str(error)}
    found = {
        "format": run.format,
        "damaged": str(len(run.damaged)),
        "stopped": run.failure,
        "broken checks": ", ".join(one.check for one in getattr(run.judge, "failed", ())),
        "level": str(run.judge.level),
        "causes": str(run.judge.causes),
        "steps": repr(run.recording.steps.steps.tolist()),
        "losses": repr(run.recording.steps["loss"].values.tolist()),
        "validation": repr(run.recording.evaluations["val_loss"].values.tolist()),
    }
    return found | {f"{one.check} {one.symptom}": repr(one) for one in run.judge.verdicts}


def _hand_over(intake: object, run: object) -> None:
    batch = intake.batch(intake.num_waiting, 0.0, 0)  # type: ignore[attr-defined]
    if batch is not None:
        run.extend(batch)  # type: ignore[attr-defined]
