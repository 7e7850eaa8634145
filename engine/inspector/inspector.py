"""The library face of the recorder: three lines, and any torch loop writes a log that the monitor reads.

    inspector = Inspector(model, optimizer, log="run/inspector.log.jsonl", planned_steps=1000, grad_clip=1.0)
    for batch in loader:
        loss = model(batch)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        inspector.step(loss=loss, grad_norm=norm)
    inspector.close()

Instruments alone measure and know no file: they are for a loop that keeps its own records.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from flight_recorder.engine.distributed.shards import is_sharded
from flight_recorder.engine.inspector.ending import close_at_exit, ending
from flight_recorder.engine.inspector.inspector_log import InspectorLog, require_known
from flight_recorder.engine.inspector.micro_batches import MicroBatches
from flight_recorder.engine.inspector.read_back import read_back
from flight_recorder.engine.probes.batch_hash import batch_hash
from flight_recorder.engine.probes.budget import SHARE
from flight_recorder.engine.probes.cadence import NEVER, Cadence
from flight_recorder.engine.probes.gradient_norm import global_norm, norms_of_each
from flight_recorder.engine.probes.instruments import Instruments
from flight_recorder.engine.probes.measured import Fields, Measured, kept
from flight_recorder.engine.probes.ranks import RankReporter
from flight_recorder.engine.probes.setup import header_facts, innermost, rank
from flight_recorder.engine.runlog.schema import EVALUATION, HEADER, INITIAL, STEP

__all__ = ["NEVER", "Cadence", "Inspector", "Instruments"]

_CLIPPED_SHARE = 0.999
"""A norm at the update from this share of the clip value on was clipped: what it was before is unknown."""


class Inspector:
    """Measures a model in somebody else's loop and writes the log.

    It hooks the optimizer's step, where it sees gradient, learning rate and update; the loop only says when
    a pass is over, and what its loss was: once a step, or once for each micro-batch that makes one. Losses
    and norms may be tensors on a device: nothing waits for them, their records follow up to ten steps
    later. In a distributed run rank 0 writes, and measures its own batches; made on the others too, an
    inspector there only leaves what rank 0 compares: nobody waits for anybody.

    Gradient norm: pass what `clip_grad_norm_` returned. Otherwise the norm at the update is taken. Where
    `grad_clip` is known and the norm reaches it, the norm before clipping is unknown and the field absent.

    Args:
        model: any module; wrappers of DDP and torch.compile are looked through.
        optimizer: its `step` marks the update; Adam-like ones are measured, of others gradient and rate.
        log: the file, or the run folder it goes into; folders are made.
        config: what the run was started with, for the record.
        planned_steps: optimizer steps the run is meant to take.
        grad_clip: largest gradient norm that the loop lets through, 0 for none; None when not known.
        cadence: when what is measured, at any price. Without one it is the default cadence, stretched where
            its timed work would take more than 2 % of the training; each record shows what it holds.
        points: shell patterns over module names that choose the layers; found by themselves otherwise.
        first_step: optimizer steps already done.
        resume: continue the log of an earlier process instead of starting one.
        header: more fields of the log's header: vocab_size, seed, schedule, eval_every, ... What is declared
            so is held against what is done: pad_id, eos_id, batch_size, dtype, tied, frozen, trainable.

    Raises:
        FileExistsError: there is a log already and `resume` is off; it is never overwritten.
        FileNotFoundError: `resume` is on and there is no log.
        TypeError: a header field that the log does not know.
        ValueError: a pattern matches no module, or the parameters are cut among ranks.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        log: str | Path,
        config: Mapping[str, Any] | None = None,
        planned_steps: int | None = None,
        grad_clip: float | None = None,
        cadence: Cadence | None = None,
        points: Sequence[str] = (),
        first_step: int = 0,
        resume: bool = False,
        **header: Any,
    ) -> None:
        require_known(header, HEADER)
        if any(is_sharded(parameter) for parameter in model.parameters()):
            # All ranks would have to measure together, and rank 0 alone would wait for them for ever.
            raise ValueError(
                "the inspector cannot measure parameters that are cut among ranks (FSDP); "
                "train without it and give the monitor the loop's own output"
            )
        self.num_steps = first_step
        self.num_skipped = 0
        self._grad_clip = grad_clip
        self._is_open = rank() == 0
        self._reporter = None if self._is_open else RankReporter(model, innermost(optimizer), cadence)
        if not self._is_open:
            return
        wrapper, optimizer = optimizer, innermost(optimizer)
        self.instruments = Instruments(
            model,
            optimizer=optimizer,
            cadence=cadence,
            budget=SHARE if cadence is None else None,
            points=points,
            declared=header | _given(grad_clip=grad_clip),
        )
        self._header = header | _given(config=config, planned_steps=planned_steps, grad_clip=grad_clip)
        self._optimizer = optimizer
        self._micro_batches = MicroBatches(optimizer, wrapper)
        initial = None if resume else self.instruments.initial()
        self._needs_rms = not resume and first_step == 0
        try:
            self._log = InspectorLog(Path(log), model, initial, first_step=first_step, resume=resume)
        except OSError:
            self.instruments.close()
            raise
        self._has_read_back = False
        self._norm: float | Tensor | None = None
        self._lr: float | None = None
        self._hooks = [
            optimizer.register_step_pre_hook(self._before_update),
            optimizer.register_step_post_hook(self._after_update),
        ]
        self._forget_exit = close_at_exit(self.close)
        self._begin_step()

    def step(
        self,
        *,
        loss: float | Tensor,
        lr: float | None = None,
        grad_norm: float | Tensor | None = None,
        batch: Tensor | None = None,
        **fields: Any,
    ) -> None:
        """A pass is over. If it made an optimizer step, the record of that is written, or on its way.

        Call it behind `optimizer.step()` (or `scaler.update()`, or where it would have stood), once for each
        step or once for each micro-batch. A pass without an update writes nothing: its loss goes into the
        mean of the step that it is a part of. Where a loss scaler has skipped the update of a step, which
        leaves gradients that are not finite or gone, that is a step too, counted in `skipped_updates`.

        Args:
            loss: mean training loss of the step's batch, or of this micro-batch, not yet divided by their
                number.
            lr: learning rate of the step; read from the optimizer otherwise.
            grad_norm: global norm before clipping, as `clip_grad_norm_` returns it.
            batch: the batch's tokens while still on the CPU, to trace a spike to its data.
            fields: more fields of the step record, named as in the schema.

        Raises:
            TypeError: a field that the log does not know.
        """
        if not self._is_open:
            return
        require_known(fields, STEP)
        now = time.time()
        norm = None if grad_norm is None else kept(grad_norm)
        hashed = None if batch is None else batch_hash(batch)
        given = {"loss": kept(loss)} | _given(lr=lr, batch_hash=hashed, grad_norm=norm)
        whole = self._micro_batches.add(given | fields)
        if whole is None:
            return
        given, has_updated = whole
        self.num_skipped += not has_updated
        has_norm = "grad_norm" in given or self._grad_clip is not None
        self._write_header("before clipping" if has_norm else None)
        self.instruments.report(given.get("grad_norm"))
        measured = self.instruments.read(self.num_steps)
        with self.instruments.timed("record"):
            record: Fields = {"kind": "step", "step": self.num_steps, "time": round(now, 3)}
            record |= {"loss": given.pop("loss"), "step_s": time.perf_counter() - self._started}
            record |= _given(lr=self._lr, skipped_updates=self.num_skipped or None)
            record |= given if "grad_norm" in given else self._norm_at_the_update(measured) | given
            self._log.step(record, measured)
        self.num_steps += 1
        self._begin_step()

    def initial(self, **fields: Any) -> None:
        """Facts of before the first step, for the initial record, which is written again if it is there."""
        require_known(fields, INITIAL)
        if self._is_open:
            self._log.add_to_initial(fields)

    def evaluation(self, *, val_loss: float | Tensor, **fields: Any) -> None:
        """The parameters after the steps so far have been evaluated.

        Raises:
            TypeError: a field that the log does not know.
        """
        if self._is_open:
            require_known(fields, EVALUATION)
            record = {"kind": "evaluation", "step": self.num_steps, "val_loss": float(val_loss)}
            self._write(record | self.instruments.at_evaluation() | fields)

    def checkpoint(self, path: str | Path, *, role: str = "periodic", val_loss: float | None = None) -> None:
        """A checkpoint of the parameters after the steps so far is on disk; role: periodic, last or best.

        The first that can be read is read back, and held against the model.
        """
        if self._is_open:
            fields: Fields = {"path": str(path), "role": role} | _given(val_loss=val_loss)
            if not self._has_read_back:
                fields |= read_back(self.instruments.model, Path(path))
                self._has_read_back = "read_back" in fields
            self._write({"kind": "checkpoint", "step": self.num_steps, **fields})

    def close(self, reason: str = "finished", message: str | None = None) -> None:
        """Every record is on disk, an exit record last, and nothing of the inspector is left on the model.

        `reason`: finished, interrupted, terminated, early_stopping or error. A second call does nothing.
        A process that ends without it closes the log on its way out, an uncaught exception as the reason.
        """
        if self._reporter is not None:
            self._reporter.close()
        if not self._is_open:
            return
        self._write({"kind": "exit", "step": self.num_steps, "reason": reason, **_given(message=message)})
        self._is_open = False
        self._forget_exit()
        for hook in self._hooks:
            hook.remove()
        self.instruments.close()
        self._log.close()

    def __enter__(self) -> Inspector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(*ending(error))

    def _begin_step(self) -> None:
        self._norm, self._lr = None, None
        self._started = time.perf_counter()
        self.instruments.before_step(self.num_steps, with_rms=self._needs_rms)
        self._needs_rms = False

    def _before_update(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> Any:
        """The gradient is there; or the step has been given a closure, and will be when that has run once."""
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if closure is None:
            return self._look_at_gradient(optimizer)

        def watched() -> Any:
            loss = closure()
            if self._norm is None:
                self._look_at_gradient(optimizer)
            return loss

        return args[:1], {**kwargs, "closure": watched}

    def _look_at_gradient(self, optimizer: torch.optim.Optimizer) -> None:
        """The gradient as the optimizer will use it."""
        with torch.no_grad(), self.instruments.timed("norm"):
            having = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
            gradients = [p.grad for p in having]
            norms = norms_of_each(gradients)
            norm = torch.linalg.vector_norm(norms) if norms is not None else None
            if norm is None and gradients:
                norm = global_norm(gradients)
            # A fused optimizer under a gradient scaler unscales inside its step.
            if norm is not None and isinstance(getattr(optimizer, "grad_scale", None), Tensor):
                norm = norm / optimizer.grad_scale  # type: ignore[attr-defined]
            # Arithmetic with one number of the host costs a tenth of that with a tensor of one element.
            self._norm = None if norm is None else kept(norm)
        self.instruments.after_backward(self.num_steps, grad_norm=self._norm, norms=norms, normed=having)

    def _after_update(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        """The learning rate is still that of this update: a scheduler steps later."""
        self._lr = float(optimizer.param_groups[0]["lr"])
        self._micro_batches.see_update()
        self.instruments.after_update(self.num_steps)

    def _norm_at_the_update(self, measured: list[Measured]) -> Fields:
        """A field, or one more that is measured."""
        if isinstance(self._norm, Tensor):
            clip = self._grad_clip
            late = Measured(self._norm.reshape(1), lambda numbers: _unless_clipped(numbers[0], clip))
            measured.append(late)
            return {}
        return {} if self._norm is None else _unless_clipped(self._norm, self._grad_clip)

    def _write_header(self, grad_norm_is: str | None = None) -> None:
        if self._log.needs_header:
            self._log.header(
                {"grad_norm_is": grad_norm_is or "at the update"}
                | header_facts(self.instruments.model, self._optimizer)
                | self.instruments.header()
                | self._header
            )

    def _write(self, record: Fields) -> None:
        self._write_header()
        self._log.write(record)


def _unless_clipped(norm: float, grad_clip: float | None) -> Fields:
    is_clipped = bool(grad_clip) and norm >= _CLIPPED_SHARE * float(grad_clip or 0)
    return {} if is_clipped else {"grad_norm": norm}


def _given(**fields: Any) -> Fields:
    return {name: value for name, value in fields.items() if value is not None}
