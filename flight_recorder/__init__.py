"""A flight recorder for training runs: what users import.

    from flight_recorder import Inspector

Nothing heavy is imported before it is asked for: a machine that only watches has no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_recorder.version import __version__

if TYPE_CHECKING:
    from flight_recorder.engine.inspector.inspector import Inspector

__all__ = ["Inspector", "__version__"]


def __getattr__(name: str) -> object:
    if name == "Inspector":
        from flight_recorder.engine.inspector.inspector import Inspector

        return Inspector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
