"""Why a file that is no log was not read, in half a sentence, where its beginning tells."""

from __future__ import annotations

from engine.runlog.codec import DamagedLine, decode
from tui.sources.csv_table import columns_of
from tui.sources.json_lines import flat
from tui.sources.names import number
from tui.sources.text import plain_text

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
    b"\xff\xfe": "is UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8 FILE | tui check -.",
    b"\xfe\xff": "is UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8 FILE | tui check -.",
}
HEAD_BYTES = 64
MAX_LISTED = 20


def why_unread(head: bytes) -> str:
    """What the file is, with what to do about it; empty where its beginning does not tell."""
    for magic, words in _MAGIC.items():
        if head.startswith(magic):
            return words
    if b"\0" in head:
        return "is a binary file and no training log that I know."
    return _of_text(head)


def is_surely_none(head: bytes) -> bool:
    """Whether no record can follow a beginning of HEAD_BYTES: waiting for one would be in vain.

    NUL bytes at the very beginning are the hole that is left when a log is emptied under its writer.
    """
    first_line = head[:HEAD_BYTES].lstrip(b"\0").splitlines()[:1]
    return head.startswith(tuple(_MAGIC)) or any(b"\0" in line for line in first_line)


def _of_text(head: bytes) -> str:
    lines = [line for line in plain_text(head.decode("utf-8", errors="replace")).splitlines() if line.strip()]
    if len(lines) > 1 and (names := columns_of(lines[0], lines[1])):
        if all(number(name) is not None for name in names):
            return "has rows of numbers without a row of names; put one in front: step,loss,lr."
        return _no_loss_among("columns", names)
    names = [name for name, value in _object_in(lines) if number(value) is not None]
    return _no_loss_among("numbers", names) if names else ""


def _no_loss_among(what: str, names: list[str]) -> str:
    named = [name for name in names if name]
    listed = ", ".join(named[:MAX_LISTED]) + (", ..." if len(named) > MAX_LISTED else "")
    likely = next((name for name in named if "loss" in name.lower()), "THEIR_NAME")
    return (
        f"has the {what} {listed}, and none of them is a loss that I know; "
        f"say which one is: --map loss={likely}."
    )


def _object_in(lines: list[str]) -> list[tuple[str, object]]:
    for line in lines:
        try:
            return flat(decode(line.strip().encode()))
        except DamagedLine:
            continue
    return []
