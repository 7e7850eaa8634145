"""Why a file that is no log was not read, in half a sentence, where its beginning tells."""

from __future__ import annotations

from collections.abc import Iterable

from flight_recorder.tui.sources.naming.choice import named_loss
from flight_recorder.tui.sources.naming.names import number
from flight_recorder.tui.sources.naming.words import is_held_out
from flight_recorder.tui.sources.text import plain_text

_PICKLE = "is a pickle, which is never opened for it could run anything; write the numbers as CSV or JSON."
_MAGIC = {
    **dict.fromkeys((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), _PICKLE),
    b"\x1f\x8b": "is compressed with gzip; unpack it into the monitor: zcat FILE | tui watch -.",
    b"BZh": "is compressed with bzip2; unpack it into the monitor: bzcat FILE | tui watch -.",
    b"\xfd7zXZ": "is compressed with xz; unpack it into the monitor: xzcat FILE | tui watch -.",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd; unpack it into the monitor: zstdcat FILE | tui watch -.",
    b"PAR1": "is a Parquet file, which I do not read; write it as CSV first.",
    b"PK\x03\x04": "is a zip archive (or a checkpoint of PyTorch), not a training log.",
    b"\x89HDF": "is an HDF5 file, not a training log.",
    b"\x7fELF": "is a program, not a training log; pipe what it prints: PROGRAM | tui watch -.",
}
HEAD_BYTES = 64
MAX_LISTED = 20
MAX_LINES = 500
"""Lines that are looked at."""


def why_unread(head: bytes, names: Iterable[str] = ()) -> str:
    """What the file is, with what to do about it; empty where its beginning and its names do not tell."""
    for magic, words in _MAGIC.items():
        if head.startswith(magic):
            return words
    if b"\0" in head:
        return "is a binary file and no training log that I know."
    lines = [line for line in plain_text(head.decode("utf-8", errors="replace")).splitlines() if line.strip()]
    if lines and all(number(line) is not None for line in lines[:MAX_LINES]):
        return (
            'is a plain list of numbers; put "loss" in a line of its own in front if that is what they are.'
        )
    if len(lines) > 1 and all(_are_numbers(line) for line in lines[:2]):
        return "has rows of numbers without a row of names; put one in front: step,loss,lr."
    named = list(dict.fromkeys(name for name in names if name))
    return _no_loss_among(named) if named else ""


def is_surely_none(head: bytes) -> bool:
    """Whether no record can follow a beginning of HEAD_BYTES: waiting for one would be in vain.

    NUL bytes at the very beginning are the hole that is left when a log is emptied under its writer.
    """
    first_line = head[:HEAD_BYTES].lstrip(b"\0").splitlines()[:1]
    return head.startswith(tuple(_MAGIC)) or any(b"\0" in line for line in first_line)


def _are_numbers(line: str) -> bool:
    fields = line.replace(";", ",").replace("\t", ",").split(",")
    return len(fields) > 1 and all(number(field) is not None for field in fields)


def _no_loss_among(named: list[str]) -> str:
    listed = ", ".join(named[:MAX_LISTED]) + (", ..." if len(named) > MAX_LISTED else "")
    likely = [name for name in named if named_loss(name)] or (named if len(named) == 1 else [])
    training = next((name for name in likely if not is_held_out(name)), "THEIR_NAME")
    held_out = next((name for name in likely if is_held_out(name)), "")
    both = f"--map loss={_quoted(training)}" + (f" --map val_loss={_quoted(held_out)}" if held_out else "")
    return f"has the numbers {listed}, and none of them is surely a loss; say which one is: {both}."


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name
