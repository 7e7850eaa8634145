"""Why a file that is no log was not read, in half a sentence, where its beginning tells."""

from __future__ import annotations

from flight_recorder.engine.runlog.codec import DamagedLine, decode
from flight_recorder.tui.sources.naming.names import number
from flight_recorder.tui.sources.naming.words import is_held_out
from flight_recorder.tui.sources.tables.aligned_table import names_of
from flight_recorder.tui.sources.tables.csv_table import columns_of
from flight_recorder.tui.sources.tables.json_lines import flat
from flight_recorder.tui.sources.tables.printed import names_beside_a_place
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
    b"\xff\xfe": "is UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8 FILE | tui check -.",
    b"\xfe\xff": "is UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8 FILE | tui check -.",
}
HEAD_BYTES = 64
MAX_LISTED = 20
MAX_LINES = 500
"""Lines that are looked at."""

_LIKELY = ("loss", "bpb", "bits_per", "nll", "elbo", "entropy", "rmse", "mse", "error")


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
    if lines and all(number(line) is not None for line in lines[:MAX_LINES]):
        return (
            'is a plain list of numbers; put "loss" in a line of its own in front if that is what they are.'
        )
    if len(lines) > 1 and (names := columns_of(lines[0], lines[1])):
        if all(number(name) is not None for name in names):
            return "has rows of numbers without a row of names; put one in front: step,loss,lr."
        return _no_loss_among("columns", names)
    if names := _numbers_in(lines[:MAX_LINES]):
        return _no_loss_among("numbers", names)
    tables = (names for line in lines[:MAX_LINES] if _likely(names := names_of(line)))
    if names := next(tables, []):
        return _no_loss_among("columns", names)
    printed = list(dict.fromkeys(name for line in lines[:MAX_LINES] for name in names_beside_a_place(line)))
    return _no_loss_among("numbers", printed) if _likely(printed) else ""


def _no_loss_among(what: str, names: list[str]) -> str:
    named = [name for name in names if name]
    listed = ", ".join(named[:MAX_LISTED]) + (", ..." if len(named) > MAX_LISTED else "")
    likely = _likely(named) or (named if len(named) == 1 else [])
    training = next((name for name in likely if not is_held_out(name)), "THEIR_NAME")
    held_out = next((name for name in likely if is_held_out(name)), "")
    both = f"--map loss={_quoted(training)}" + (f" --map val_loss={_quoted(held_out)}" if held_out else "")
    return f"has the {what} {listed}, and none of them is a loss that I know; say which one is: {both}."


def _likely(names: list[str]) -> list[str]:
    """Names that may well be those of a loss."""
    return [name for name in names if any(part in name.lower() for part in _LIKELY)]


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name


def _numbers_in(lines: list[str]) -> list[str]:
    """Names of all numbers in the objects among these lines, in order."""
    names: dict[str, None] = {}
    for line in lines:
        try:
            items = flat(decode(line.strip().encode()))
        except DamagedLine:
            continue
        names |= {name: None for name, value in items if number(value) is not None}
    return list(names)
