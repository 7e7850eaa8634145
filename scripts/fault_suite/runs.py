"""Runs of the suite on disk: trained once, kept, and trained again only when what they do has changed."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import os
import random
import shutil
import time
from functools import cache
from pathlib import Path
from typing import Any

from flight_recorder import engine
from flight_recorder.engine.config import Config
from flight_recorder.engine.faults.fault import Fault
from flight_recorder.engine.faults.registry import FAMILIES
from flight_recorder.engine.runlog.codec import decode
from flight_recorder.engine.runlog.schema import LOG_NAME
from scripts.fault_suite.plan import TEXT, Planned

TEXT_SENTENCES = 4000
HOUR_S = 3600.0


def folder_of(planned: Planned, root: Path) -> Path:
    """Where the run lies."""
    return root / planned.name.replace(":", "=").replace("+", "_and_")


def is_made(planned: Planned, root: Path) -> bool:
    """Whether the run is there, whole, as it would be made now."""
    try:
        return (folder_of(planned, root) / "made.json").read_text() == fingerprint(planned)
    except OSError:
        return False


def fingerprint(planned: Planned) -> str:
    """Everything that the run depends on: its settings, the source of its faults, and that of the engine."""
    kinds = [base for fault in planned.parsed for base in type(fault).__mro__ if issubclass(base, Fault)]
    files = sorted({Path(inspect.getfile(kind)) for kind in kinds})
    content = [planned.name, planned.seed, planned.settings, planned.faults, planned.resumes_at]
    return json.dumps([content, _digest(files), engine_digest()])


@cache
def engine_digest() -> str:
    """SHA-256 over every source file of the engine that all runs share, so that no two versions are mixed."""
    root = Path(str(engine.__file__)).parent
    families = [Path(str(module.__file__)) for module in FAMILIES.values()]
    apart = (root / "inspector" / "integrations", root / "fault_commands.py", *families)
    shared = [path for path in root.rglob("*.py") if not any(path.is_relative_to(part) for part in apart)]
    return _digest(sorted(shared))


def _digest(files: list[Path]) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def make(planned: Planned, root: Path) -> None:
    """Train the run into its folder."""
    from flight_recorder.engine.run.run_folder import RunFolder
    from flight_recorder.engine.train import train

    folder = folder_of(planned, root)
    if folder.exists():
        shutil.rmtree(folder)
    config = config_of(planned, root)
    run = RunFolder(folder, folder / "source.yaml")
    with Path(os.devnull).open("w") as silence, contextlib.redirect_stdout(silence):
        if planned.resumes_at:
            train(config, run, stop_after=planned.resumes_at)
        train(config, run, resume=bool(planned.resumes_at))
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    _age(folder / LOG_NAME)
    (folder / "made.json").write_text(fingerprint(planned))


def _age(log: Path) -> None:
    """The log was last written to an hour ago: a silence since then is one that anybody can see."""
    now = time.time()
    os.utime(log, (now - HOUR_S, now - HOUR_S))


def config_of(planned: Planned, root: Path) -> Config:
    """The run's whole config, checked; the suite's text file lies in `root` if it needs one."""
    values: dict[str, Any] = {"seed": planned.seed, "run": {"device": "cpu"}}
    for key, value in planned.settings.items():
        section, name = key.split(".")
        values.setdefault(section, {})[name] = value
    if values.get("data", {}).get("path") == TEXT:
        values["data"]["path"] = str(text_file(root))
    return Config.model_validate(values | ({"fault": "+".join(planned.faults)} if planned.faults else {}))


def text_file(root: Path) -> Path:
    """A text of short English sentences, the same ones each time."""
    from flight_recorder.engine.data.grammar import sentence

    path = root / "sentences.txt"
    if not path.exists():
        rng = random.Random(0)
        drawn = [sentence(rng).tokens[:-1] for _ in range(TEXT_SENTENCES)]
        words = (" ".join(token.partition(":")[0] for token in tokens) for tokens in drawn)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text("\n".join(words) + "\n")
        partial.replace(path)
    return path


def records_of(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Records of one kind in a log without damage."""
    lines = (folder / LOG_NAME).read_bytes().splitlines()
    return [record for record in map(decode, lines) if record["kind"] == kind]
