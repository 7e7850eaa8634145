"""A checkpoint as bytes and back: everything that the next step depends on, and no code.

The file is a zip archive of torch's, and its comment is the digest of all bytes before it. So a single
flipped bit is seen, which torch itself would read as another number, and any program can still open the file.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import shlex
import warnings
import zipfile
from pathlib import Path
from typing import Any, cast

import torch

FORMAT = 1
PARTS: dict[str, type] = {
    "step": int, "model": dict, "optimizer": dict, "rng": list, "progress": dict, "instruments": dict
}  # fmt: skip
"""What a checkpoint holds beside its format."""

_LABEL = b"sha256:"
_COMMENT_BYTES = len(_LABEL) + 64
_END_OF_ZIP = b"PK\x05\x06"
_END_OF_ZIP_BYTES = 22
"""Of the record that ends a zip without a comment; its last two bytes are the length of the comment."""


class CheckpointError(Exception):
    """A checkpoint cannot be read; the message says which and why."""


def serialized(state: dict[str, Any]) -> bytes:
    """The bytes of a checkpoint file that holds this state: plain values and tensors, and their digest."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    buffer.seek(-2, io.SEEK_END)
    buffer.write(_COMMENT_BYTES.to_bytes(2, "little"))
    digest = hashlib.sha256(buffer.getbuffer()).hexdigest()
    buffer.write(_LABEL + digest.encode())
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
        is_sound = _is_sound(path)
        with warnings.catch_warnings(action="ignore"):  # torch's own, about files that are refused below
            state = torch.load(path, map_location="cpu", weights_only=True) if is_sound else None
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path} to resume from.") from None
    except pickle.UnpicklingError:  # torch's own words advise to load it all the same
        is_sound = False
    except OSError as error:
        raise CheckpointError(f"cannot read the checkpoint {path}: {error.strerror or error}.") from None
    except Exception:  # whatever torch meets in bytes that are none of its own
        is_sound = False
    if not is_sound:
        raise CheckpointError(
            f"cannot read the checkpoint {path}: it is damaged or holds more than values and tensors, which "
            f"could be a program; {_alternatives(path)}."
        )
    _require_parts(state, path)
    return cast("dict[str, Any]", state)


def does_not_fit(path: Path, reason: str) -> CheckpointError:
    """What to say of a checkpoint that is whole and not one of this run."""
    return CheckpointError(f"{path} is no checkpoint of this run: {reason}; {_alternatives(path)}.")


def _require_parts(state: Any, path: Path) -> None:
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of format {FORMAT}; {_alternatives(path)}.")
    for name, kind in PARTS.items():
        if type(state.get(name)) is not kind:
            raise does_not_fit(path, f"{name} is missing or of another kind")


def _is_sound(path: Path) -> bool:
    """Whether every byte is as it was written; a file without a digest, of before, has the sums of the zip.

    Raises:
        OSError: it cannot be read.
        Exception: it is no zip archive, in one of many ways.
    """
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - _COMMENT_BYTES))
        end = file.read()
        if end.startswith(_LABEL):
            return _digest(file, size - _COMMENT_BYTES) == end[len(_LABEL) :]
        if end[-_END_OF_ZIP_BYTES:][: len(_END_OF_ZIP)] != _END_OF_ZIP:  # cut, or its digest is damaged
            return False
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None


def _digest(file: io.BufferedReader, num_bytes: int) -> bytes:
    """Of the beginning of a file, a mebibyte at a time."""
    digest = hashlib.sha256()
    file.seek(0)
    while num_bytes > 0 and (block := file.read(min(num_bytes, 2**20))):
        digest.update(block)
        num_bytes -= len(block)
    return digest.hexdigest().encode()


def _alternatives(path: Path) -> str:
    """How to go on from the newest other checkpoint of the folder."""
    others = sorted(path.parent.glob("*.pt"), key=lambda other: other.stat().st_mtime, reverse=True)
    names = [other.name for other in others if other != path]
    if not names:
        return "the folder has no other, so start afresh with --out"
    copy = shlex.join(["cp", str(path.with_name(names[0])), str(path)])
    return f"the folder also has {', '.join(names[:3])}: to go on from {names[0]}, {copy}"
