"""A defect of ours, met while a run is looked at: it is named where it is, and takes nothing else with it."""

from __future__ import annotations

import os

DEBUG = "TUI_DEBUG"
"""Environment variable that lets a defect end the program with its traceback."""

_LONGEST = 200


def named(error: Exception) -> str:
    """The defect in a few words, "ZeroDivisionError: division by zero".

    Raises:
        Exception: the defect itself, where TUI_DEBUG is set.
    """
    if os.environ.get(DEBUG):
        raise error
    words = " ".join(str(error).split())[:_LONGEST]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
