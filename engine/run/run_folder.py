"""The folder of a run: where it is, what may stand in it, what is never overwritten.

config.yaml              the resolved config (config.resolved.yaml where config.yaml is the user's own)
manifest.json            what is needed to get the same numbers again
inspector.log.jsonl      the log
checkpoints/             step-000500.pt ..., last.pt, best.pt
train.py                 repeats exactly this run
dashboard.html, gap-analysis.md    after the end
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flight_recorder.engine.config import Config
from flight_recorder.engine.config_file import to_yaml
from flight_recorder.engine.runlog.atomic_file import write_atomically
from flight_recorder.engine.runlog.codec import DamagedLine, decode
from flight_recorder.engine.runlog.lock import LogInUse, refuse_if_in_use
from flight_recorder.engine.runlog.schema import LOG_NAME

CHECKPOINTS = "checkpoints"
LAST, BEST = "last", "best"

DRIVER = '''\
"""Repeats this run exactly, beside it or in the folder that is named: python train.py [FOLDER]."""

import sys
from pathlib import Path

from flight_recorder.engine.cli import main

here = Path(__file__).resolve().parent
out = sys.argv[1] if len(sys.argv) > 1 else str(here / "again")
sys.argv = ["engine", "train", str(here / "{config}"), "--out", out]
main()
'''


class RunFolderError(Exception):
    """The folder cannot be used for this run; the message says why and what to do."""


def locate(config: Config, config_path: Path, out: Path | None) -> Path:
    """--out, else run.dir, else the folder of a file called config.yaml, else experiments/<its stem>."""
    if out is not None:
        return out
    if config.run.dir:
        return Path(config.run.dir)
    if config_path.name == "config.yaml":
        return config_path.resolve().parent
    return Path("experiments") / config_path.stem


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run's folder. Making the object touches nothing; `prepare` does."""

    path: Path
    config_path: Path

    @property
    def log(self) -> Path:
        """The log inside."""
        return self.path / LOG_NAME

    @property
    def resolved_config(self) -> Path:
        """Where the resolved config stands: never in the place of the file that the user wrote."""
        own = self.path / "config.yaml"
        return own.with_name("config.resolved.yaml") if own.resolve() == self.config_path.resolve() else own

    @property
    def manifest(self) -> Path:
        """The manifest inside."""
        return self.path / "manifest.json"

    def read_manifest(self) -> dict[str, Any]:
        """What an earlier start wrote; empty where there is none or it is damaged."""
        try:
            content = json.loads(self.manifest.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}

    def checkpoint(self, role_or_step: str | int) -> Path:
        """`checkpoints/step-000500.pt`, `checkpoints/last.pt` or `checkpoints/best.pt`."""
        name = f"step-{role_or_step:06d}" if isinstance(role_or_step, int) else role_or_step
        return self.path / CHECKPOINTS / f"{name}.pt"

    def check(self, config: Config, resume: bool) -> None:
        """Nothing stands in the way of this run.

        Raises:
            RunFolderError: a log is there and --resume was not given, or the other way round, or somebody
                is writing it, or the folder cannot be written to, or the run to resume had another config.
        """
        try:
            is_file = self.path.exists() and not self.path.is_dir()
        except OSError as error:
            raise RunFolderError(f"{error.strerror}: the run folder {self.path}.") from None
        if is_file:
            raise RunFolderError(f"{self.path} is a file; name a folder with --out.")
        self._refuse_if_in_use()
        if not resume and self.log.exists():
            raise self.taken()
        if resume:
            self._check_resume(config)
        nearest = next(folder for folder in (self.path, *self.path.absolute().parents) if folder.exists())
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise RunFolderError(f"cannot write to {nearest}; name a folder of your own with --out.")

    def taken(self) -> RunFolderError:
        """What to say where a run is in the way of a new one."""
        return RunFolderError(
            f"{self.path} holds a run already; continue it with --resume or name another folder with --out."
        )

    def _check_resume(self, config: Config) -> None:
        if not self.log.exists():
            raise RunFolderError(f"{self.path} holds no run to resume; start it without --resume.")
        before = self.read_manifest().get("config")
        try:
            changed = changed_keys(Config.model_validate(before), config) if before else []
        except ValidationError:
            raise RunFolderError(
                f"{self.manifest} holds no config that this version knows; start a new run with --out."
            ) from None
        if changed:
            raise RunFolderError(
                f"the run in {self.path} had another {', '.join(changed)}; resume it with the config "
                "in that folder or start a new run with --out."
            )

    def _refuse_if_in_use(self) -> None:
        try:
            refuse_if_in_use(self.log)
        except LogInUse as error:
            raise RunFolderError(f"{error}, or name another folder with --out.") from None
        except OSError:  # no log yet, or none that can be opened: whoever opens it to write will say so
            return

    def has_checkpoint(self) -> bool:
        """Whether there is one to resume from; a run that was killed early has none."""
        return any(self.checkpoint(role).exists() for role in (LAST, BEST))

    def put_log_aside(self) -> Path | None:
        """The log gets a name beside it that nothing has, for a run that starts again; None without a log.

        Raises:
            RunFolderError: somebody is writing it.
            OSError: it cannot be renamed.
        """
        if not self.log.exists():
            return None
        self._refuse_if_in_use()
        names = (self.log.with_name(f"{LOG_NAME}.aside-{number}") for number in itertools.count(1))
        aside = next(name for name in names if not name.exists())
        return self.log.rename(aside)

    def resumable(self) -> Path:
        """The checkpoint to resume from: the last, or the best where the run died before its first `last`.

        Raises:
            RunFolderError: there is neither.
        """
        for role in (LAST, BEST):
            if self.checkpoint(role).exists():
                return self.checkpoint(role)
        raise RunFolderError(f"{self.path} holds no checkpoint to resume from; start afresh with --out.")

    def name(self, config: Config) -> str:
        """Name of the run: run.name, else the folder's."""
        return config.run.name or self.path.resolve().name

    def run_id(self) -> str | None:
        """Id in the header of the log that is there already."""
        with self.log.open("rb") as log, contextlib.suppress(DamagedLine):
            return str(decode(log.readline()).get("run_id"))
        return None

    def prepare(self, config: Config) -> None:
        """The folder exists and holds the resolved config and the driver.

        Raises:
            RunFolderError: the disk says no.
        """
        try:
            (self.path / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
            write_atomically(self.resolved_config, to_yaml(config).encode())
            driver = self.path / "train.py"
            if not driver.exists():
                write_atomically(driver, DRIVER.format(config=self.resolved_config.name).encode())
        except OSError as error:
            raise RunFolderError(f"cannot write to {self.path}: {error.strerror}.") from None


def changed_keys(before: Config, now: Config) -> list[str]:
    """Keys whose values differ, those left out that a resumed run may change: training.T and all of run."""
    old, new = before.model_dump(mode="json"), now.model_dump(mode="json")
    differing = [
        f"{section}.{key}"
        for section in ("training", "model", "data")
        for key in old[section]
        if old[section][key] != new[section][key]
    ]
    differing += [key for key in ("seed", "fault") if old[key] != new[key]]
    return [key for key in differing if key != "training.T"]
