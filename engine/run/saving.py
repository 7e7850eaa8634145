"""Everything of a run that goes to disk: records, checkpoints, the manifest's last line.

A disk that refuses does not end a run: the first refusal is said once, records and checkpoints are tried
again each time, and `run.on_write_error: stop` is there for those who would rather stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch

from flight_recorder.engine.data.baseline import baseline_loss
from flight_recorder.engine.data.corpus import Corpus, examples
from flight_recorder.engine.model.model import declared_stds
from flight_recorder.engine.probes.delivery import Delivery
from flight_recorder.engine.probes.overlap import overlap
from flight_recorder.engine.run.build import Loop
from flight_recorder.engine.run.checkpoint import serialized
from flight_recorder.engine.run.evaluate import measure_splits
from flight_recorder.engine.run.header import header
from flight_recorder.engine.run.manifest import manifest, now, write_manifest
from flight_recorder.engine.run.progress import ProgressReport
from flight_recorder.engine.run.run_folder import LAST, RunFolder, RunFolderError
from flight_recorder.engine.run.snapshot import captured, restore
from flight_recorder.engine.runlog.atomic_file import write_atomically
from flight_recorder.engine.runlog.lock import LogInUse
from flight_recorder.engine.runlog.printable import printable
from flight_recorder.engine.runlog.writer import LogWriter
from flight_recorder.engine.step import StepTaken


class DiskRefused(Exception):
    """Something could not be written and the config says to stop then."""


class Saver(Protocol):
    """The run folder from the loop's side: one rank writes, and every rank takes part."""

    folder: RunFolder
    progress: ProgressReport | None

    def step(self, taken: StepTaken) -> None:
        """Take the measurements of a step."""

    def write(self, record: dict[str, Any]) -> None:
        """Append a record to the log."""

    def go_on_in(self, log: LogWriter) -> None:
        """Write every later record to this log."""

    def checkpoint(self, loop: Loop, *roles_or_steps: str | int) -> bool:
        """Save the loop under each role or step; True when all are saved. Every rank has to ask."""

    def finish(self, loop: Loop, reason: str, message: str | None) -> None:
        """Close the run: a last checkpoint if it was cut short, and its exit record."""

    def abandon(self, loop: Loop, message: str, writer: int) -> None:
        """Close the run after a rank was lost, without waiting; rank `writer` says so in the log."""


def open_saver(loop: Loop, folder: RunFolder, *, resume: bool) -> Saver:
    """Begin a run's log by header and initial record, or restore the loop and add a resume record.

    A run to resume that has no checkpoint yet starts again, its log put aside. Every rank has to ask,
    since they measure and restore together; rank 0 gets the saver that writes.

    Raises:
        RunFolderError, CheckpointError: it cannot be; nothing was appended to the log.
    """
    restores = resume and _has_checkpoint(loop, folder)
    initial = {} if restores else _initial_facts(loop)
    if restores:
        restore(loop, folder)
        _require_steps_left(loop, folder)
    loop.world.barrier()  # nobody reads any more what rank 0 is about to write
    if not loop.world.writes:
        return NonWritingRank(folder)
    try:
        if restores:
            return Recorder.reopen(loop, folder)
        if resume:
            _put_log_aside(folder)
        return Recorder.create(loop, folder, initial)
    except LogInUse as error:
        raise RunFolderError(f"{error}, or name another folder with --out.") from None
    except FileExistsError:
        raise folder.taken() from None
    except OSError as error:
        raise RunFolderError(f"cannot write to {folder.path}: {error.strerror}.") from None
    except DiskRefused as error:
        raise RunFolderError(f"{error}.") from None


@dataclass
class Recorder:
    """The saver of the rank that writes."""

    folder: RunFolder
    log: LogWriter
    manifest: dict[str, Any]
    stops_on_error: bool
    delivery: Delivery
    progress: ProgressReport | None = None
    _said: bool = False

    @classmethod
    def create(cls, loop: Loop, folder: RunFolder, initial: dict[str, Any]) -> Recorder:
        """Open the log of a new run: manifest, header and initial record."""
        baseline = baseline_loss(loop.corpus)
        folder.prepare(loop.config)
        content = manifest(loop)
        write_manifest(folder.manifest, content)
        recorder = cls(folder, LogWriter.create(folder.log), content, _stops(loop), Delivery(loop.device))
        recorder.write(header(loop, name=folder.name(loop.config), baseline=baseline))
        recorder.write({"kind": "initial", "step": 0, **initial})
        return recorder

    @classmethod
    def reopen(cls, loop: Loop, folder: RunFolder) -> Recorder:
        """Open the log of a run that goes on: a resume record behind what is there."""
        content = folder.read_manifest()
        resumed = {"step": loop.step, "at": now(), "world_size": loop.world.size}
        content.setdefault("resumed", []).append(resumed)
        longer = content.get("config", {}).get("training", {}).get("T") != loop.config.training.T
        if longer:
            content["config"] = loop.config.model_dump(mode="json")
            folder.prepare(loop.config)
        log, torn_bytes = LogWriter.reopen(folder.log)
        write_manifest(folder.manifest, content)
        recorder = cls(folder, log, content, _stops(loop), Delivery(loop.device))
        if longer:  # the bounds of the log must know the schedule that applies from here on
            baseline = baseline_loss(loop.corpus)
            recorder.write(
                header(loop, name=folder.name(loop.config), baseline=baseline, run_id=folder.run_id())
            )
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

    def step(self, taken: StepTaken) -> None:
        """Write the records whose numbers have arrived: this step's, or on a GPU those of some steps ago."""
        self.delivery.put(taken.record, taken.measured)
        self._write_steps(wait=False)

    def _write_steps(self, *, wait: bool) -> None:
        for record in self.delivery.ready(wait=wait):
            self._append(record)
            if self.progress:
                self.progress.step(record["step"], record["loss"], record["lr"])

    def write(self, record: dict[str, Any]) -> None:
        """Append a record behind those of all steps before it; a refusal is said once."""
        self._write_steps(wait=True)
        self._append(record)
        if self.progress and record["kind"] == "evaluation":
            self.progress.evaluation(record["val_loss"])

    def go_on_in(self, log: LogWriter) -> None:
        """Write every later record to this log."""
        self.log = log

    def _append(self, record: dict[str, Any]) -> None:
        if not self.log.write(record):
            self._refused(f"cannot write to the log {self.folder.log}: {self.log.error}")

    def _say(self, sentence: str) -> None:
        (self.progress.say if self.progress else print)(printable(sentence, 2000))

    def checkpoint(self, loop: Loop, *roles_or_steps: str | int) -> bool:
        """Save the loop under each role or step; True when all are saved. Every rank has to ask.

        A name holds a whole checkpoint, or what it held before.
        """
        content = serialized(captured(loop))
        num_saved = 0
        for role_or_step in filter(loop.fault.keeps_checkpoint, roles_or_steps):
            path = self.folder.checkpoint(role_or_step)
            try:
                write_atomically(path, content)
            except OSError as error:
                self._refused(
                    f"cannot save the checkpoint {path}: {error.strerror}; the run goes on without it"
                )
                continue
            num_saved += 1
            self.write(
                {
                    "kind": "checkpoint",
                    "step": loop.step,
                    "path": str(path.relative_to(self.folder.path)),
                    "role": role_or_step if isinstance(role_or_step, str) else "periodic",
                    "val_loss": loop.val_loss_here,
                }
            )
        return num_saved == len(roles_or_steps)

    def finish(self, loop: Loop, reason: str, message: str | None) -> None:
        """The exit record is written, log and manifest are closed; a run that was cut short can be resumed.

        After an error the checkpoint before it is kept as it is: the parameters may be half updated.
        """
        self.stops_on_error = False
        if reason not in ("finished", "error"):
            self.checkpoint(loop, LAST)
        self._write_steps(wait=True)
        self._close(loop, reason, message)

    def abandon(self, loop: Loop, message: str, writer: int) -> None:
        """A rank was lost: what has arrived is written, and an exit record by rank `writer`.

        Nothing is waited for: on a GPU the numbers of the last steps may stand behind a sum that never ends.
        """
        self.stops_on_error = False
        self._write_steps(wait=False)
        self._close(loop, "error", message)

    def _close(self, loop: Loop, reason: str, message: str | None) -> None:
        self._append({"kind": "exit", "step": loop.step, "reason": reason, "message": message})
        loop.instruments.close()
        self.log.close()
        self.manifest |= {"ended": now(), "outcome": reason}
        try:
            write_manifest(self.folder.manifest, self.manifest)
        except OSError as error:
            self._refused(f"cannot write the manifest: {error.strerror}")
        if self.log.num_lost:
            self._say(f"{self.log.num_lost} records are not in the log: {self.log.error}.")

    def _refused(self, sentence: str) -> None:
        if self.stops_on_error:
            raise DiskRefused(sentence)
        if not self._said:
            self._say(f"{sentence}.")
        self._said = True


@dataclass
class NonWritingRank:
    """The saver of a rank that does not write: it takes part in what all do together, and keeps nothing."""

    folder: RunFolder
    progress: ProgressReport | None = None

    def step(self, taken: StepTaken) -> None:
        """Its numbers stay on the device."""

    def write(self, record: dict[str, Any]) -> None:
        """Rank 0 writes it."""

    def go_on_in(self, log: LogWriter) -> None:
        """Rank 0 does."""

    def checkpoint(self, loop: Loop, *roles_or_steps: str | int) -> bool:
        """Bring this rank's part."""
        captured(loop)
        return True

    def finish(self, loop: Loop, reason: str, message: str | None) -> None:
        """Bring this rank's part to the last checkpoint."""
        if reason not in ("finished", "error"):
            self.checkpoint(loop, LAST)
        loop.instruments.close()

    def abandon(self, loop: Loop, message: str, writer: int) -> None:
        """Where rank 0 is among the lost, the first survivor says so in the log."""
        if writer == loop.world.rank:
            try:
                log, _ = LogWriter.reopen(self.folder.log)
            except OSError:  # rank 0 does not answer and still holds its log, or the disk is gone
                return
            log.write({"kind": "exit", "step": loop.step, "reason": "error", "message": message})
            log.close()


def _require_steps_left(loop: Loop, folder: RunFolder) -> None:
    planned = loop.config.training.T
    if loop.step >= planned:
        raise RunFolderError(
            f"the run in {folder.path} has taken all of its {planned} steps; "
            f"give it more with --set training.T={2 * planned}, or start a new one with --out."
        )


def _has_checkpoint(loop: Loop, folder: RunFolder) -> bool:
    """What rank 0 sees holds for all: the others may see a shared folder somewhat later."""
    seen = float(loop.world.writes and folder.has_checkpoint())
    return bool(loop.world.sum(torch.tensor([seen])).item())


def _put_log_aside(folder: RunFolder) -> None:
    aside = folder.put_log_aside()
    if aside is not None:
        sentence = (
            f"{folder.path} holds no checkpoint yet, so the run starts again at step 0; "
            f"what was logged so far is kept as {aside.name}."
        )
        print(printable(sentence, 2000))


def _initial_facts(loop: Loop) -> dict[str, Any]:
    """What is known of data and model before the first step."""
    tokens = loop.order.batch(0, 0).inputs.to(loop.device)
    return {
        **loop.instruments.initial(tokens=tokens, declared_std=declared_stds(loop.model)),
        **_overlap(loop.corpus),
        "validation_loss": measure_splits(loop)["val_loss"],
        "num_loaded_tensors": 0,
    }


def _stops(loop: Loop) -> bool:
    return loop.config.run.on_write_error == "stop"


def _overlap(corpus: Corpus) -> dict[str, Any]:
    """Validation sentences, and how many of them are in training; nothing for a text without sentences."""
    validation = examples(corpus.validation)
    return overlap(examples(corpus.train), validation) if validation else {}
