"""Every bound of every node, from the registry: just inside, on it, just outside; and a table of them all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.leaf import resolve
from flight_recorder.tui.checks.node import Node
from flight_recorder.tui.checks.rule import Check, Leaf, Readings
from flight_recorder.tui.checks.tree import every_check
from flight_recorder.tui.checks.verdict import State
from flight_recorder.tui.checks.view import View
from flight_recorder.tui.series.recording import Recording
from tests.checks.builders import HEADER
from tests.checks.configurations import COSINE

TABLE = Path(__file__).with_name("bounds.txt")

HEADERS: tuple[dict[str, Any], ...] = (
    {**HEADER, "schedule": COSINE, "accumulation": 4, "config": {"model": {"normalization": "layer"}}},
    {**HEADER, "grad_clip": 0},
    {
        **HEADER,
        "schedule": COSINE,
        "accumulation": 4,
        "config": {"model": {"normalization": "layer"}},
        "dtype": "float16",
    },
    {**HEADER, "origin": "fine-tune"},
    {**HEADER, "vocab_size": None},
    {**HEADER, "planned_steps": None},
)
"""Runs among which every bound has a value in one."""


def _facts(leaf: Leaf) -> Facts:
    bounds = [bound for bound in (leaf.above, leaf.below, leaf.equals) if bound is not None]
    for header in HEADERS:
        facts = Facts(header, {})
        if all(resolve(bound, facts) is not None for bound in bounds) and all(
            scope.holds(facts) for scope in leaf.applies
        ):
            return facts
    raise AssertionError(f"no header gives {leaf.symptom} its bounds: add one to HEADERS")


def _leaves() -> Iterator[tuple[Check, Leaf]]:
    for check in every_check():
        for leaf in check.leaves:
            yield check, leaf


LEAVES = list(_leaves())
IDS = [f"{check.id}-{leaf.symptom}" for check, leaf in LEAVES]


def _holds(check: Check, leaf: Leaf, value: float, facts: Facts, repeat: int) -> bool:
    """Whether the leaf fires when its node reads this value again and again."""

    def measure(view: View) -> Readings:
        return Readings(view.steps, np.full(len(view), value))

    plain = replace(
        check,
        make=measure,
        parameters={},
        applies=(),
        reads=("loss",),
        optional=(),
        leaves=(leaf,),
        passes=(None, None),
        whole=False,
        at=None,
        by=None,
        after=None,
        window=1,
    )
    recording = Recording()
    recording.extend([{"kind": "step", "step": step, "loss": 1.0} for step in range(repeat)])
    node = Node(plain, facts)
    node.update(recording)
    return node.verdict(recording).state is State.FIRING


def _just(value: float, direction: float) -> float:
    return math.nextafter(value, direction)


@pytest.mark.parametrize(("check", "leaf"), LEAVES, ids=IDS)
def test_a_leaf_holds_just_outside_its_bound_and_neither_on_it_nor_inside(check: Check, leaf: Leaf) -> None:
    facts = _facts(leaf)
    above = None if leaf.above is None else resolve(leaf.above, facts)
    below = None if leaf.below is None else resolve(leaf.below, facts)
    if leaf.equals is not None:
        value = resolve(leaf.equals, facts)
        assert value is not None
        expected = {value: True, _just(value, math.inf): False, _just(value, -math.inf): False}
    else:
        expected = {}
        if above is not None:
            expected |= {_just(above, math.inf): True, above: False, _just(above, -math.inf): False}
        if below is not None:
            expected |= {_just(below, -math.inf): True, below: False, _just(below, math.inf): False}
    assert expected
    for value, holds in expected.items():
        assert _holds(check, leaf, value, facts, leaf.hold) is holds, value


@pytest.mark.parametrize(("check", "leaf"), LEAVES, ids=IDS)
def test_a_leaf_fires_at_its_hold_and_not_one_reading_before(check: Check, leaf: Leaf) -> None:
    facts = _facts(leaf)
    bounds = [resolve(b, facts) for b in (leaf.above, leaf.below, leaf.equals) if b is not None]
    inside = [bound for bound in bounds if bound is not None]
    value = sum(inside) / 2 if len(inside) == 2 else inside[0]
    if leaf.equals is None and len(inside) == 1:
        value += (1 if leaf.above is not None else -1) * (abs(value) + 1)
    assert _holds(check, leaf, value, facts, leaf.hold)
    if leaf.hold > 1:
        assert not _holds(check, leaf, value, facts, leaf.hold - 1)


@pytest.mark.parametrize(("check", "leaf"), LEAVES, ids=IDS)
def test_no_leaf_compares_what_is_not_finite(check: Check, leaf: Leaf) -> None:
    facts = _facts(leaf)
    node = Node(replace(check, leaves=(leaf,)), facts)
    for at_work in node.leaves:
        assert not at_work.holds(np.array([np.nan, np.inf, -np.inf])).any()


def _line(check: Check, leaf: Leaf) -> str:
    facts = _facts(leaf)
    sides = {"above": leaf.above, "below": leaf.below, "equals": leaf.equals}
    bounds = " ".join(
        f"{side} {resolve(bound, facts):.6g}" for side, bound in sides.items() if bound is not None
    )
    latch = " latch" if leaf.latch else ""
    return f"{check.id} | {leaf.symptom} | {bounds} | hold {leaf.hold} keep {leaf.keep}{latch} | {leaf.level}"


def table_of_bounds() -> str:
    """Every shipped bound, one line a leaf; to be written into bounds.txt when one is changed on purpose."""
    lines = []
    for check in every_check():
        passes = [None if b is None else resolve(b, Facts(HEADERS[0], {})) for b in check.passes]
        band = " ".join("-" if value is None else f"{value:.6g}" for value in passes)
        lines.append(f"{check.id} passes {band} amber after {check.amber_hold}")
        lines += [_line(check, leaf) for leaf in check.leaves]
    return "\n".join(lines) + "\n"


def test_no_threshold_changes_unnoticed() -> None:
    assert table_of_bounds() == TABLE.read_text(encoding="utf-8"), "see table_of_bounds()"
