"""Every program of the suite by its id: bugs, their healthy twins, healthy loops, loss contracts."""

from __future__ import annotations

from functools import cache

from scripts.silent_bugs.case import Case
from scripts.silent_bugs.contracts import contract_programs
from scripts.silent_bugs.healthy import healthy_cases
from scripts.silent_bugs.mechanisms import MECHANISMS
from scripts.silent_bugs.real_bugs import REAL_BUGS
from scripts.silent_bugs.traincheck import TRAINCHECK

BUGS: tuple[Case, ...] = (*TRAINCHECK, *MECHANISMS, *REAL_BUGS)


@cache
def twins() -> tuple[Case, ...]:
    """The healthy twins of the bugs, each once."""
    programs = {case.twin_id: case.twin for case in BUGS if case.twin is not None}
    return tuple(
        Case(id=name, mechanism=(program.__doc__ or "").strip(), program=program)
        for name, program in programs.items()
    )


@cache
def contracts() -> tuple[Case, ...]:
    """The programs whose loss is known."""
    return tuple(
        Case(
            id=f"L-{number:02}-{program.__name__}", mechanism=(program.__doc__ or "").strip(), program=program
        )
        for number, program in enumerate(contract_programs(), 1)
    )


@cache
def everything() -> dict[str, Case]:
    """All of them."""
    return {case.id: case for case in (*BUGS, *twins(), *healthy_cases(), *contracts())}
