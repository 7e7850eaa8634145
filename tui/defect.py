"""A defect of this program, met while it looks at a run: named where it is, it takes nothing else with it."""

from __future__ import annotations

import os
import traceback

DEBUG = "TUI_DEBUG"
"""Environment variable: set to 1, a defect shows where in the code it is."""

_LONGEST = 200


def is_debugging() -> bool:
    """Whether a defect shows its traceback: TUI_DEBUG=1."""
    return os.environ.get(DEBUG, "") not in ("", "0")


def named(error: BaseException) -> str:
    """The defect in a few words that are harmless to a terminal, "ZeroDivisionError: division by zero"."""
    words = " ".join(str(error).split())[:_LONGEST]
    said = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return "".join(letter if letter.isprintable() else "?" for letter in said)


def named_or_raised(error: Exception) -> str:
    """The same, for who goes on without what broke.

    Raises:
        Exception: the defect itself, where TUI_DEBUG is set.
    """
    if is_debugging():
        raise error
    return named(error)


def sentence(error: BaseException) -> str:
    """What to say of a defect that ended the program."""
    return f"it failed by an error of its own ({named(error)}); {DEBUG}=1 shows where. Logs are untouched."


def with_traceback(error: BaseException) -> str:
    """What to say of one that ended a part of it; with TUI_DEBUG=1 where it was."""
    if is_debugging():
        return f"{named(error)}\n{''.join(traceback.format_exception(error)).rstrip()}"
    return f"{named(error)} (run again with {DEBUG}=1 for the traceback, and please report it)"
