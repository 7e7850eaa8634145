"""A checkpoint as bytes and back: everything that the next step depends on, and no code."""

from __future__ import annotations

import io
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch

FORMAT = 1


class CheckpointError(Exception):
    """A checkpoint cannot be read; the message says which and why."""


def serialized(state: dict[str, Any]) -> bytes:
    """The bytes of a checkpoint file that holds this state: plain values and tensors."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    return buffer.getvalue()


def random_state() -> dict[str, Any]:
    """State of every generator that dropout may draw from."""
    state: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def restore_random_state(state: dict[str, Any]) -> None:
    """The generators continue as they would have when `state` was taken."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    if "mps" in state and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state that `serialized` wrote, in host memory. Only plain values and tensors are accepted, no code.

    Raises:
        CheckpointError: missing, damaged, or of another format.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's own, about files that are refused below
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path} to resume from.") from None
    except pickle.UnpicklingError:  # torch's own words advise to load it all the same
        raise CheckpointError(
            f"cannot read the checkpoint {path}: it is damaged or holds more than values and tensors, which "
            "could be a program. Copy another checkpoint of the folder over it to go on from that one."
        ) from None
    except (OSError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"cannot read the checkpoint {path}: {reason}") from None
    if state.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of format {FORMAT}.")
    return state
