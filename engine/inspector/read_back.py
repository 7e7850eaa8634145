"""read_back: a checkpoint's file read once and held against the model in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from flight_recorder.engine.probes.measured import Fields
from flight_recorder.engine.probes.points import unwrapped

MOST_BYTES = 1 << 30
"""Larger files are left unread."""

MOST_NAMES = 5
_INSIDE = ("model", "state_dict", "module", "model_state_dict")


@torch.no_grad()
def read_back(model: nn.Module, path: Path) -> Fields:
    """`read_back` of the file, or nothing where there is none, or none of this model's weights in it.

    Another precision of the file is no difference. A file in which most tensors differ holds other weights on
    purpose, such as an average.
    """
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            return {}
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # no file of torch's, or one that only its own program can read
        return {}
    own = unwrapped(model).state_dict(keep_vars=True)
    stored = _weights(loaded, own)
    if not stored:
        return {}
    shared = {id(value) for name, value in own.items() if name in stored}
    missing = [name for name, value in own.items() if name not in stored and id(value) not in shared]
    differ = [name for name, value in own.items() if name in stored and not _same(value, stored[name])]
    if len(differ) > len(stored) / 2:
        return {
            "read_back": {"reason": "most tensors of the file are others than those in memory: an average?"}
        }
    names = {"names": [*missing, *differ][:MOST_NAMES]} if missing or differ else {}
    return {"read_back": {"tensors": len(own), "missing": len(missing), "differ": len(differ)} | names}


def _weights(loaded: Any, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The stored tensors by our names, wherever in the file they are."""
    if not isinstance(loaded, Mapping):
        return {}
    for candidate in (loaded, *(loaded[name] for name in _INSIDE if isinstance(loaded.get(name), Mapping))):
        found = {str(name).removeprefix("module."): value for name, value in candidate.items()}
        found = {name: value for name, value in found.items() if name in own and isinstance(value, Tensor)}
        if len(found) > len(own) / 2:
            return found
    return {}


def _same(own: Tensor, stored: Tensor) -> bool:
    if own.shape != stored.shape:
        return False
    here = own.detach().cpu().to(stored.dtype)
    return bool(((here == stored) | (here.isnan() & stored.isnan())).all())
