"""Checkpoints that are whole or absent: written beside their name, synced, then renamed over it."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

FORMAT = 1


class CheckpointError(Exception):
    """A checkpoint cannot be read; the message says which and why."""


def serialized(
    model: nn.Module, optimizer: Optimizer, step: int, progress: dict[str, Any], instruments: dict[str, Any]
) -> bytes:
    """Everything that the next step depends on, as the bytes of a checkpoint file.

    `progress` holds plain values of the loop: best loss so far, evaluations without a new best;
    `instruments` what the measurements carry from step to step.
    """
    buffer = io.BytesIO()
    state = {
        "format": FORMAT,
        "step": step,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": random_state(),
        "progress": progress,
        "instruments": instruments,
    }
    torch.save(state, buffer)
    return buffer.getvalue()


def random_state() -> dict[str, Any]:
    """State of every generator that dropout may draw from."""
    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def restore_random_state(state: dict[str, Any]) -> None:
    """The generators continue as they would have when `state` was taken."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.device_count() == len(state["cuda"]):
        torch.cuda.set_rng_state_all(state["cuda"])
    if "mps" in state and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])


def write_atomically(path: Path, content: bytes) -> None:
    """The file has exactly this content or is as it was before, even if the power fails.

    Raises:
        OSError: it could not be written; nothing half-written is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """The state that `serialized` wrote. Only plain values and tensors are accepted, no code.

    Raises:
        CheckpointError: missing, damaged, or of another format.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path} to resume from.") from None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"cannot read the checkpoint {path}: {reason}") from None
    if state.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of format {FORMAT}.")
    return state
