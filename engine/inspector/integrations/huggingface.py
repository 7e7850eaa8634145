"""One line in a Hugging Face Trainer: `Trainer(..., callbacks=[InspectorCallback()])`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from flight_recorder.engine.inspector.ending import close_at_exit
from flight_recorder.engine.inspector.inspector import Inspector
from flight_recorder.engine.inspector.integrations.data_overlap import data_overlap
from flight_recorder.engine.inspector.integrations.schedules import of_arguments
from flight_recorder.engine.probes.points import unwrapped
from flight_recorder.engine.probes.setup import innermost, rank
from flight_recorder.engine.runlog.schema import LOG_NAME

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise ImportError(
        "the callback for the Hugging Face Trainer needs transformers and accelerate: "
        "pip install 'training-flight-recorder[huggingface]'"
    ) from error


class InspectorCallback(TrainerCallback):  # type: ignore[misc]
    """Writes the log of a Trainer's run, one record for each optimizer step.

    The loss is what the model returned, with the micro-batches of a step put together as the Trainer does,
    not the mean since the last line that the Trainer prints. The gradient norm is the one the Trainer logged
    before clipping, at its logging steps; at others the norm at the update, left out where it was clipped.

    Args:
        log: file or folder of the log; the Trainer's output_dir otherwise.
        inspector: more arguments for engine.inspector.inspector.Inspector: cadence, points, header fields.
    """

    def __init__(self, log: str | Path | None = None, **inspector: Any) -> None:
        self._log = log
        self._arguments = inspector
        self._inspector: Inspector | None = None
        self._losses = _StepLoss()
        self._grad_norm: float | None = None
        self._epoch: float | None = None
        self._is_over = False
        self._has_compared = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The log is begun, or continued where the Trainer resumes from a checkpoint."""
        if not state.is_world_process_zero or rank() != 0:
            return
        model, optimizer = kwargs["model"], innermost(kwargs["optimizer"])
        path = Path(self._log) if self._log is not None else Path(args.output_dir)
        self._inspector = Inspector(
            model,
            optimizer,
            log=path,
            first_step=state.global_step,
            resume=state.global_step > 0 and _log_file(path).exists(),
            **(_header(args, state, model, optimizer) | self._arguments),
        )
        self._losses.attach(model)
        # Later than the inspector's own, hence called before it: a step that is over has its record first.
        self._forget_exit = close_at_exit(self._close)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The step before is whole: the Trainer would have logged its gradient norm by now."""
        self._flush()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The update is made; its record waits for what the Trainer may log about it."""
        self._is_over, self._epoch = True, state.epoch

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """The Trainer's own line: the one place where it tells the norm before clipping."""
        if logs and self._is_over and "grad_norm" in logs:
            self._grad_norm = float(logs["grad_norm"])

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """An evaluation record, where the metrics have an eval_loss."""
        self._flush()
        if self._inspector is not None and not self._has_compared:
            self._has_compared = True  # before, the Trainer does not tell of its evaluation data
            loaders = kwargs.get("train_dataloader"), kwargs.get("eval_dataloader")
            training, validation = (getattr(loader, "dataset", None) for loader in loaders)
            num_workers = args.dataloader_num_workers
            self._inspector.initial(**data_overlap(training, validation, num_workers=num_workers))
        if self._inspector is not None and metrics and "eval_loss" in metrics:
            seconds = metrics.get("eval_runtime")
            fields = {} if seconds is None else {"eval_s": float(seconds)}
            self._inspector.evaluation(val_loss=float(metrics["eval_loss"]), **fields)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A checkpoint record, as the best one where the Trainer keeps it for that."""
        self._flush()
        if self._inspector is not None:
            name = f"checkpoint-{state.global_step}"
            is_best = Path(state.best_model_checkpoint or "").name == name
            self._inspector.checkpoint(name, role="best" if is_best else "periodic")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The log has its exit record."""
        self._close("early_stopping" if state.global_step < state.max_steps else "finished")

    def _close(self, reason: str, message: str | None = None) -> None:
        """The Trainer calls nothing when an exception ends it; then the process does, on its way out."""
        if self._inspector is None:
            return
        self._flush()
        self._losses.remove()
        self._inspector.close(reason, message)
        self._inspector = None
        self._forget_exit()

    def _flush(self) -> None:
        if self._inspector is None or not self._is_over:
            return
        loss = self._losses.take()
        epoch: dict[str, Any] = {} if self._epoch is None else {"epoch": float(self._epoch)}
        told = float("nan") if loss is None else loss
        self._inspector.step(loss=told, grad_norm=self._grad_norm, **epoch)
        self._is_over, self._grad_norm = False, None


class _StepLoss:
    """The loss of one optimizer step, from what the model returns in its training passes."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []
        self._are_shares = False
        self._handle: Any = None

    def attach(self, model: nn.Module) -> None:
        self._handle = model.register_forward_hook(self._see, with_kwargs=True)

    def remove(self) -> None:
        if self._handle is not None:
            self._handle.remove()

    def _see(self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], output: Any) -> None:
        if not torch.is_grad_enabled():
            return
        loss = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
        if isinstance(loss, Tensor):
            self._losses.append(loss.detach().mean())
            # Told the number of targets in the whole step, the model divides by it: the losses of the
            # micro-batches are then shares of the step's loss. Otherwise each is a mean of its own.
            self._are_shares = kwargs.get("num_items_in_batch") is not None

    def take(self) -> Tensor | None:
        losses, self._losses = self._losses, []
        if not losses:
            return None
        total = torch.stack(losses)
        return total.sum() if self._are_shares else total.mean()


def _header(args: Any, state: Any, model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What the Trainer knows for certain."""
    config = getattr(model, "config", None)
    facts = {
        "name": getattr(args, "run_name", None) or Path(args.output_dir).name,
        "config": {"training": args.to_sanitized_dict(), "model": _plain(config)},
        "planned_steps": state.max_steps,
        "schedule": of_arguments(args, optimizer, state.max_steps),
        "grad_clip": float(args.max_grad_norm or 0.0),
        "seed": args.seed,
        "accumulation": args.gradient_accumulation_steps,
        "eval_every": int(state.eval_steps or 0),
        "ckpt_every": int(state.save_steps or 0),
        "vocab_size": _vocab_size(model),
        "origin": _origin(model),
        "dtype": "bfloat16" if args.bf16 else "float16" if args.fp16 else None,
        "batch_size": args.per_device_train_batch_size * max(1, args.n_gpu),
        "planned_epochs": float(args.num_train_epochs) if args.max_steps <= 0 else None,
        "pad_id": _token(config, "pad_token_id"),
        "eos_id": _token(config, "eos_token_id"),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _token(config: Any, name: str) -> int | None:
    """An id of the model's config, where it is one number."""
    found = getattr(config, name, None)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def _vocab_size(model: nn.Module) -> int | None:
    """V, where the loss is one over the vocabulary: a classifier has a V too, and predicts something else."""
    head = getattr(unwrapped(model), "get_output_embeddings", lambda: None)()
    size = getattr(getattr(model, "config", None), "vocab_size", None)
    weight = getattr(head, "weight", None)
    return size if isinstance(weight, Tensor) and len(weight) == size else None


def _origin(model: nn.Module) -> str | None:
    """scratch while the gains of each norm are still all alike, as no training leaves them.

    Otherwise a model that names where it came from is a fine-tune, and any other is not known.
    """
    norms = [module for module in model.modules() if "norm" in type(module).__name__.lower()]
    gains = [gain for norm in norms if isinstance(gain := getattr(norm, "weight", None), Tensor)]
    if not gains:
        return None
    if all(bool((gain == gain.flatten()[0]).all()) for gain in gains):
        return "scratch"
    return "fine-tune" if getattr(getattr(model, "config", None), "_name_or_path", "") else None


def _plain(config: Any) -> dict[str, Any] | None:
    """A model's config as values that JSON has."""
    if not hasattr(config, "to_dict"):
        return None
    return {name: value for name, value in config.to_dict().items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return isinstance(value, str | int | float | bool)


def _log_file(path: Path) -> Path:
    return path if path.suffix else path / LOG_NAME
