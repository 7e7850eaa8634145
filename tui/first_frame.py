"""What stands on the terminal before the heavy imports: written with the standard library alone.

`tui watch` needs half a second of imports before it can draw. A person who opened it over SSH should know
after a few hundredths that it found the run, and how the run is doing.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

_TAIL_BYTES = 4096
_ROOM_FOR_WORDS, _LEAST_OF_A_PATH = 45, 16
"""Columns of what is said behind a path, and of a path at least."""


def write(paths: list[str]) -> None:
    """Clear the terminal and say in a line what is being opened; nothing when the output is no terminal."""
    if not sys.stdout.isatty() or os.environ.get("TERM") in (None, "dumb"):
        return
    width = shutil.get_terminal_size().columns
    room = max(_LEAST_OF_A_PATH, width // max(1, len(paths)) - _ROOM_FOR_WORDS)
    text = "  ".join(_line(path, room) for path in paths)
    sys.stdout.write("\x1b[2J\x1b[H" + text[: width - 1] + "\r\n")
    sys.stdout.flush()


def paths_among(words: list[str]) -> list[str]:
    """The words that are neither options nor their values; each option of watch has a value."""
    paths, is_value = [], False
    for word in words:
        is_option = word.startswith("-") and word != "-"
        if not (is_option or is_value):
            paths.append(word)
        is_value = is_option and "=" not in word
    return paths


def _line(path: str, room: int) -> str:
    """Name, size and newest step of one run, by a look at its last few kilobytes; a long path by its end."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in path)
    shown = shown if len(shown) <= room else "..." + shown[3 - room :]
    if path == "-":
        return "reading standard input ..."
    try:
        size = Path(path).stat().st_size
        if not size or not Path(path).is_file():  # reading a device of the kernel waits for its next message
            return f"{shown}: opening ..."
        with Path(path).open("rb") as file:
            file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read(_TAIL_BYTES)
    except OSError:
        return f"{shown}: waiting for it, nothing is there yet (Ctrl-C or q leaves) ..."
    _, found, rest = tail.rpartition(b'"step":')
    digits = rest.split(b",")[0].strip() if found else b""
    step = f"step {int(digits):,}, " if digits.isdigit() and len(digits) < 16 else ""
    return f"{shown}: {step}{size / 1e6:,.1f} MB, opening ..."
