"""Files that come with the program and have a name: `engine train healthy`, `--thresholds as-written`."""

from __future__ import annotations

from pathlib import Path

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
"""The shipped configs, and in `thresholds/` the shipped bounds: in a checkout and in an installed package."""


class NothingOfThatName(ValueError):
    """There is neither a file of that name nor a shipped one; the message lists the shipped ones."""


def shipped_or_own(given: Path, folder: Path = CONFIGS) -> Path:
    """The user's file if there is one, else the YAML file of `folder` that has this name, `.yaml` or not.

    Raises:
        NothingOfThatName: neither is there.
    """
    if _is_there(given):
        return given
    known = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    found = known.get(str(given).removesuffix(".yaml"))
    if found is None:
        raise NothingOfThatName(f"there is no file {given}; known by name are {', '.join(known)}.")
    return found


def _is_there(path: Path) -> bool:
    """Whether something lies at the path, readable or not: what is wrong with it says whoever opens it."""
    try:
        return path.exists()
    except OSError:
        return True
