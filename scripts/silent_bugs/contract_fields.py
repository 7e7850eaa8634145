"""The loss contract of a log beside the one that a program expects of itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

NAMES = {
    "shift": "shift",
    "counted": "counted",
    "padding": "padding",
    "eos": "eos",
    "weights": "weights",
    "equal": "equal",
}
"""Fields of the record's `contract`, by our names."""

REASON = "reason"
ROUNDING = 0.01
"""Relative; in bfloat16 the sum of weights is right to a few thousandths."""


def differences(expected: Mapping[str, Any], contract: Mapping[str, Any]) -> list[str]:
    """In words; nothing where all agree."""
    if not contract:
        return ["no contract in the log"]
    if not expected.get("measured", True):
        return [] if contract.get(REASON) else ["claims to be measured"]
    if contract.get(REASON):
        return [f"not measured: {contract[REASON]}"]
    found = {name: contract.get(field) for name, field in NAMES.items()}
    return [
        f"{name} {found[name]}, expected {value}"
        for name, value in expected.items()
        if not _agree(value, found[name])
    ]


def _agree(expected: Any, found: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, int | float):
        return math.isclose(expected, found, rel_tol=ROUNDING)
    return bool(expected == found)
