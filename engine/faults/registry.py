"""Every fault by its name, and how one is asked for."""

from __future__ import annotations

import difflib
import math
from types import ModuleType
from typing import Any

from flight_recorder.engine.faults import (
    architecture,
    bookkeeping,
    data,
    gradients,
    initialisation,
    optimizer,
    precision,
    schedule,
)
from flight_recorder.engine.faults.fault import NAMED, Fault

_MODULES = (initialisation, schedule, gradients, optimizer, data, architecture, precision, bookkeeping)

FAMILIES: dict[str, ModuleType] = {module.__name__.rpartition(".")[2]: module for module in _MODULES}
"""The files that declare faults by their names, which are those of the families."""


class UnknownFault(ValueError):
    """No fault has this name, or its strength is no number; the message names the nearest right one."""


def _declared() -> dict[str, type[Fault]]:
    faults: dict[str, type[Fault]] = {}
    for module in FAMILIES.values():
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Fault) and value.__module__ == module.__name__:
                assert value.name not in faults, f"two faults are called {value.name}"
                faults[value.name] = value
    return faults


FAULTS: dict[str, type[Fault]] = _declared()
"""All faults by name, by family, in the order of declaration."""


def parse_fault(text: str | None) -> Fault:
    """The fault that NAME or NAME:STRENGTH asks for; None is a run without one.

    Two faults at once are written NAME[:STRENGTH]+NAME[:STRENGTH].

    Raises:
        UnknownFault: no such name, or the strength is no number.
    """
    if text is None:
        return Fault()
    if "+" in text and not _is_number(text.partition(":")[2]):
        from flight_recorder.engine.faults.several import Several

        return Several([parse_fault(part) for part in text.split("+")])
    name, _, strength = text.partition(":")
    if name not in FAULTS:
        near = difflib.get_close_matches(name, FAULTS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "`engine faults` lists those there are."
        raise UnknownFault(f"no fault is called {name!r}; {hint}")
    if strength and not _is_number(strength):
        raise UnknownFault(f"the strength of {name} must be a number, not {strength!r}.")
    return FAULTS[name](float(strength) if strength else None)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def family(fault: type[Fault]) -> str:
    """The name of the file that declares it: `schedule`."""
    return fault.__module__.rpartition(".")[2]


def faults_of(name: str) -> list[type[Fault]]:
    """The faults of a family."""
    return [fault for fault in FAULTS.values() if family(fault) == name]


def breaks(fault: type[Fault]) -> str:
    """What it breaks at its default strength, in one sentence."""
    return fault.breaks.format(strength=fault.default_strength)


def explain(fault: type[Fault]) -> dict[str, Any]:
    """What `engine faults` says about one fault."""
    signs = {"silent": "the log has fallen silent", "damaged": "a damaged line"}
    must = f"cause {fault.cause}" if fault.sign == NAMED else signs[fault.sign]
    explained = {
        "name": fault.name,
        "family": family(fault),
        "breaks": breaks(fault),
        "cause": fault.cause or "none",
        "default strength": f"{fault.default_strength:g}",
        "tried strengths": ", ".join(f"{s:g}" for s in fault.strengths or (fault.default_strength,)),
        "must be shown": f"{must}, at {fault.level} or above",
        "differs from step": fault.onset_step,
        "shown by step": fault.deadline_step,
    }
    if fault.also:
        explained["true as well"] = ", ".join(fault.also)
    if fault.needs:
        explained["needs"] = ", ".join(f"{key}={value}" for key, value in fault.needs.items())
    return explained
