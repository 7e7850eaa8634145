"""One line in a Lightning Trainer: `Trainer(..., callbacks=[InspectorCallback("run")])`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flight_recorder.engine.inspector.ending import ending
from flight_recorder.engine.inspector.inspector import Inspector
from flight_recorder.engine.inspector.integrations.data_overlap import data_overlap
from flight_recorder.engine.inspector.integrations.schedules import of_scheduler
from flight_recorder.engine.probes.measured import Fields
from flight_recorder.engine.probes.setup import rank
from flight_recorder.engine.runlog.schema import LOG_NAME

try:
    from lightning.pytorch.callbacks import Callback
except ImportError:
    try:
        from pytorch_lightning.callbacks import Callback
    except ImportError as error:
        raise ImportError(
            "the callback for Lightning needs lightning: pip install 'training-flight-recorder[lightning]'"
        ) from error


class InspectorCallback(Callback):  # type: ignore[misc]
    """Writes the log of a Lightning run, one record for each optimizer step.

    For automatic optimization with one optimizer: the first is measured. The gradient norm is taken before
    Lightning clips.

    Args:
        log: file or folder of the log; the Trainer's default_root_dir otherwise.
        val_loss: name under which the module logs its validation loss.
        inspector: more arguments for engine.inspector.inspector.Inspector: cadence, points, header fields.
    """

    def __init__(
        self, log: str | Path | None = None, *, val_loss: str = "val_loss", **inspector: Any
    ) -> None:
        self._log = log
        self._val_loss = val_loss
        self._arguments = inspector
        self._inspector: Inspector | None = None
        self._grad_norm: Tensor | None = None
        self._losses: list[Tensor] = []
        self._error: BaseException | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """The log is begun, or continued where Lightning resumes from a checkpoint."""
        if rank() != 0 or not trainer.optimizers:
            return
        path = Path(self._log if self._log is not None else trainer.default_root_dir)
        self._inspector = Inspector(
            pl_module,
            trainer.optimizers[0],
            log=path,
            first_step=trainer.global_step,
            resume=trainer.global_step > 0 and (path if path.suffix else path / LOG_NAME).exists(),
            **(_header(trainer, pl_module) | self._arguments),
        )
        if trainer.global_step == 0:
            self._inspector.initial(**_overlap(trainer))

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        """Gradients are whole and unscaled, and not yet clipped."""
        gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
        if self._inspector is not None and gradients:
            with torch.no_grad():
                self._grad_norm = torch.nn.utils.get_total_norm(gradients)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """A micro-batch is over, and perhaps a step: then its record is written."""
        if self._inspector is None:
            return
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if isinstance(loss, Tensor):
            self._losses.append(loss.detach())
        if trainer.global_step > self._inspector.num_steps:
            # Lightning divides each loss by the number of micro-batches: their sum is the step's mean.
            total = torch.stack(self._losses).sum() if self._losses else float("nan")
            self._inspector.step(loss=total, grad_norm=self._grad_norm)
            self._losses, self._grad_norm = [], None

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """An evaluation record, where the module logs a validation loss; not for the sanity check."""
        value = trainer.callback_metrics.get(self._val_loss)
        if self._inspector is not None and value is not None and not trainer.sanity_checking:
            self._inspector.evaluation(val_loss=float(value))

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Training broke off: the exit record says with what."""
        if self._inspector is not None:
            self._inspector.close(*ending(exception))
            self._inspector = None

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """The log has its exit record."""
        if self._inspector is not None:
            self._inspector.close("finished")
            self._inspector = None


def _header(trainer: Any, pl_module: Any) -> dict[str, Any]:
    """What Lightning knows for certain; a clip value for single elements is no bound on the norm."""
    estimated = trainer.estimated_stepping_batches
    planned = int(estimated) if estimated != float("inf") else None
    clips_norm = str(trainer.gradient_clip_algorithm or "norm").rpartition(".")[2].lower() == "norm"
    facts = {
        "config": {name: str(value) for name, value in dict(pl_module.hparams).items()},
        "planned_steps": planned,
        "schedule": _schedule(trainer, planned),
        "grad_clip": float(trainer.gradient_clip_val or 0.0) if clips_norm else None,
        "accumulation": trainer.accumulate_grad_batches,
        "dtype": next(
            (name for mark, name in _DTYPES.items() if str(trainer.precision).startswith(mark)), None
        ),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _overlap(trainer: Any) -> Fields:
    """Of one loader of each kind; several are several data sets, of which each would need its own answer."""
    validation = trainer.val_dataloaders
    if isinstance(validation, list | tuple) and len(validation) == 1:
        (validation,) = validation
    loaders = trainer.train_dataloader, validation
    training, evaluated = (getattr(loader, "dataset", None) for loader in loaders)
    num_workers = max(getattr(loader, "num_workers", 0) or 0 for loader in loaders)
    return data_overlap(training, evaluated, num_workers=num_workers)


_DTYPES = {"bf16": "bfloat16", "16": "float16"}


def _schedule(trainer: Any, planned: int | None) -> Fields | None:
    """That of the one scheduler, where it is stepped from step 0 on and at every step or epoch."""
    configs = trainer.lr_scheduler_configs
    if len(configs) != 1 or configs[0].frequency != 1 or trainer.global_step:
        return None
    steps_per_call = 1
    if configs[0].interval == "epoch":
        batches, accumulation = trainer.num_training_batches, trainer.accumulate_grad_batches
        if batches == float("inf"):
            return None
        steps_per_call = -(-int(batches) // accumulation)
    return of_scheduler(configs[0].scheduler, planned, steps_per_call=steps_per_call)
