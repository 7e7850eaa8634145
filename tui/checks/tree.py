"""The order in which the tree is walked: the configuration first, then the exact probes, then the dynamics.

The first firing leaf on this walk is the headline. The order is that of the ids, Q before P before D. Every
file in rules/ declares nodes and every file in signals/ signals, by being imported. So does a module of
another package that its entry points name:

    [project.entry-points."training_flight_recorder.checks"]
    my_checks = "my_package.my_checks"
"""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from flight_recorder.tui.checks import rules, signals
from flight_recorder.tui.checks.rule import REGISTRY, Check
from flight_recorder.tui.checks.signals.signal import SIGNALS
from flight_recorder.tui.defect import named_or_raised

GROUP = "training_flight_recorder.checks"
"""Entry points of modules that declare nodes and signals of other packages."""

for _package in (signals, rules):
    for _module in iter_modules(_package.__path__, f"{_package.__name__}."):
        import_module(_module.name)


@cache
def every_check() -> tuple[Check, ...]:
    """Every declared node in walking order, those that only a thresholds file switches on last."""
    _take_in_plug_ins()
    return tuple(sorted(REGISTRY.values(), key=_place))


def _take_in_plug_ins() -> None:
    """Import what other packages declare; one that is broken is left out, and a sentence says so."""
    from importlib.metadata import entry_points

    for entry in sorted(entry_points(group=GROUP)):
        checks, derived = dict(REGISTRY), dict(SIGNALS)
        try:
            entry.load()
        except Exception as error:
            REGISTRY.clear()
            REGISTRY.update(checks)
            SIGNALS.clear()
            SIGNALS.update(derived)
            print(f"The checks of {entry.value} are left out: {named_or_raised(error)}.", file=sys.stderr)


def _place(check: Check) -> tuple[bool, int, list[int], str]:
    """Where a node is walked: "Q3.1a" among the questions, by its numbers 3 and 1, then its letter."""
    letter = check.id[0]
    numbers = [int(number) for number in re.findall(r"\d+", check.id)]
    return not check.shipped, "QPD".index(letter) if letter in "QPD" else 3, numbers, check.id


def walk() -> tuple[Check, ...]:
    """The nodes that are on as shipped, in walking order."""
    return tuple(check for check in every_check() if check.shipped)
