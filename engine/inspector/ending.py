"""How a loop that is not ours ended: by itself, by an exception, or with its process."""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections.abc import Callable
from typing import Any

UNCLOSED = "the process ended before the log was closed"


def ending(error: BaseException | None) -> tuple[str, str | None]:
    """Reason and message of the exit record of a loop that ended with this exception, or with none."""
    if error is None:
        return "finished", None
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", None
    if isinstance(error, SystemExit):
        return "terminated", None
    return "error", f"{type(error).__name__}: {error}"


def close_at_exit(close: Callable[..., Any]) -> Callable[[], None]:
    """`close` is called with reason and message should this process end first; returns what takes that back.

    An exception that nobody caught is the reason: Python keeps it until the end. The method's owner is not
    kept alive, and forked processes, which inherit the arrangement, leave the log alone.
    """
    process, method = os.getpid(), weakref.WeakMethod(close)

    def at_exit() -> None:
        alive = method()
        if alive is not None and os.getpid() == process:
            error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
            alive(*(("terminated", UNCLOSED) if error is None else ending(error)))

    atexit.register(at_exit)
    return lambda: atexit.unregister(at_exit)
