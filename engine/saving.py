"""Everything of a run that goes to disk: records, checkpoints, the manifest's last line.

A disk that refuses does not end a run: the first refusal is said once, records and checkpoints are tried
again each time, and `run.on_write_error: stop` is there for those who would rather stop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.baseline import baseline_loss
from engine.build import Loop
from engine.checkpoint import (
    LAST,
    checkpoint_path,
    load_checkpoint,
    restore_random_state,
    serialized,
    write_atomically,
)
from engine.corpus import num_shared_pieces
from engine.evaluate import measure_splits
from engine.manifest import manifest, now, read_manifest, write_manifest
from engine.model import declared_stds
from engine.recording import Fields, header
from engine.run_folder import RunFolder, RunFolderError
from engine.runlog.writer import LogWriter


class DiskRefused(Exception):
    """Something could not be written and the config says to stop then."""


@dataclass
class Recorder:
    """The run folder from the loop's side."""

    folder: RunFolder
    log: LogWriter
    manifest: dict[str, Any]
    stops_on_error: bool
    say: Callable[[str], None] = print
    _said: bool = False

    @classmethod
    def open(cls, loop: Loop, folder: RunFolder, *, resume: bool) -> Recorder:
        """The log is open and begun: header and initial record, or the loop restored and a resume record."""
        if resume:
            return cls._continue(loop, folder)
        baseline = baseline_loss(loop.corpus)
        folder.prepare(loop.config)
        content = manifest(loop.config, loop.corpus, loop.device, loop.world)
        try:
            write_manifest(folder.path, content)
            log = LogWriter.create(folder.log)
        except OSError as error:
            raise RunFolderError(f"cannot write to {folder.path}: {error.strerror}.") from None
        recorder = cls(folder, log, content, loop.config.run.on_write_error == "stop")
        name = loop.config.run.name or folder.path.resolve().name
        recorder.write(
            header(
                loop.config,
                name=name,
                model=loop.model,
                corpus=loop.corpus,
                order=loop.order,
                baseline=baseline,
                device=loop.device,
                world=loop.world,
            )
            | loop.instruments.header()
        )
        recorder.write({"kind": "initial", "step": 0, **_initial_facts(loop)})
        return recorder

    @classmethod
    def _continue(cls, loop: Loop, folder: RunFolder) -> Recorder:
        """Restore the loop from the last checkpoint and append to its log."""
        restore(loop, folder)
        content = read_manifest(folder.path)
        content.setdefault("resumed", []).append({"step": loop.step, "at": now()})
        try:
            log, torn_bytes = LogWriter.reopen(folder.log)
            write_manifest(folder.path, content)
        except OSError as error:
            raise RunFolderError(f"cannot write to {folder.path}: {error.strerror}.") from None
        recorder = cls(folder, log, content, loop.config.run.on_write_error == "stop")
        recorder.write(
            {
                "kind": "resume",
                "step": loop.step,
                "optimizer_restored": True,
                "world_size": loop.world.size,
                "torn_bytes": torn_bytes or None,
            }
        )
        return recorder

    def write(self, record: Fields) -> None:
        """Append a record; a refusal is said once."""
        if not self.log.write(record):
            self._refused(f"cannot write to the log {self.folder.log}: {self.log.error}")

    def checkpoint(self, loop: Loop, *roles_or_steps: str | int) -> None:
        """Save the loop under each role or step; a name holds a whole checkpoint or what it held before."""
        content = serialized(
            loop.model, loop.optimizer, loop.step, loop.progress(), loop.instruments.state_dict()
        )
        for role_or_step in roles_or_steps:
            path = checkpoint_path(self.folder.path, role_or_step)
            try:
                write_atomically(path, content)
            except OSError as error:
                self._refused(
                    f"cannot save the checkpoint {path}: {error.strerror}; the run goes on without it"
                )
                continue
            self.write(
                {
                    "kind": "checkpoint",
                    "step": loop.step,
                    "path": str(path.relative_to(self.folder.path)),
                    "role": role_or_step if isinstance(role_or_step, str) else "periodic",
                    "val_loss": loop.val_loss_here,
                }
            )

    def finish(self, loop: Loop, reason: str, message: str | None) -> None:
        """Last checkpoint (unless this step has one), exit record, manifest closed."""
        self.stops_on_error = False
        if reason != "finished":
            self.checkpoint(loop, LAST)
        self.write({"kind": "exit", "step": loop.step, "reason": reason, "message": message})
        loop.instruments.close()
        self.log.close()
        self.manifest |= {"ended": now(), "outcome": reason}
        try:
            write_manifest(self.folder.path, self.manifest)
        except OSError as error:
            self._refused(f"cannot write the manifest: {error.strerror}")
        if self.log.num_lost:
            self.say(f"{self.log.num_lost} records are not in the log: {self.log.error}.")

    def _refused(self, sentence: str) -> None:
        if not self._said:
            self.say(f"{sentence}.")
        self._said = True
        if self.stops_on_error:
            raise DiskRefused(sentence)


def restore(loop: Loop, folder: RunFolder) -> None:
    """The loop is as it was when its last checkpoint was taken, random numbers included."""
    state = load_checkpoint(checkpoint_path(folder.path, LAST), loop.device)
    loop.model.load_state_dict(state["model"])
    loop.optimizer.load_state_dict(state["optimizer"])
    restore_random_state(state["rng"])
    loop.step = state["step"]
    loop.restore_progress(state["progress"])
    loop.instruments.load_state_dict(state["instruments"])


def _initial_facts(loop: Loop) -> Fields:
    """What is known of data and model before the first step."""
    shared = num_shared_pieces(loop.corpus)
    tokens = loop.order.batch(0, 0).inputs.to(loop.device)
    return {
        **loop.instruments.initial(tokens=tokens, declared_std=declared_stds(loop.model)),
        "num_validation": len(loop.corpus.validation.pieces) or None,
        "num_validation_in_training": shared,
        "validation_loss": measure_splits(loop)["val_loss"],
        "num_loaded_tensors": 0,
    }
