"""Excuses hold whatever the bounds are, and readings that are excused stay the true numbers."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flight_recorder.tui.checks import tree
from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.leaf import LeafAtWork
from flight_recorder.tui.checks.rule import Leaf
from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.checks.verdict import Level
from tests.checks.builders import judged, log
from tests.checks.configurations import CASES, COSINE, Case
from tests.checks.dynamics import DYNAMICS

CHECKS = Path(inspect.getfile(tree)).parent
FOREIGN: dict[str, Any] = {"vocab_size": None, "origin": None, "baseline_loss": None, "grad_clip": None}


@cache
def _walk() -> list[float]:
    """A loss that wanders, and ends a third above its lowest mean."""
    for seed in range(200):
        source = np.random.default_rng(seed)
        walk = np.exp(np.cumsum(source.normal(size=1500)) * 0.5 / np.sqrt(1500))
        means = np.convolve(walk, np.ones(200) / 200, "valid")
        if 1.2 < means[-1] / means[200:].min() < 1.4:
            return [float(value) for value in walk * np.exp(0.05 * source.normal(size=1500))]
    raise AssertionError


def _excused_runs() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    source = np.random.default_rng(3)
    noise = np.exp(0.05 * source.normal(size=60))
    yield "a loss that wanders", log(header=FOREIGN, loss=_walk())
    yield "noise as large as the loss", log(loss=source.exponential(2, 1500).tolist())
    yield "slow and still falling", log(loss=[6.2 * float(np.exp(-row / 4000)) for row in range(800)])
    yield (
        "noisy evaluations",
        log(
            loss="6.2 *0.999x2900",
            evaluations={"val_loss": (1.5 * noise).tolist(), "train_loss": "2 *0.97x59"},
        ),
    )
    yield (
        "training rises with validation",
        log(
            loss="6.2 -0.01x400",
            evaluations={"val_loss": "3 2 1 2 3 4 5", "train_loss": "3 2 1 2 3 4 5"},
        ),
    )
    harder = [*(2 + 2 * np.exp(-np.arange(600) / 100)), *(2.8 + np.exp(-np.arange(900) / 100))]
    yield (
        "validation at its best",
        log(
            header=FOREIGN,
            loss=[float(v) for v in harder],
            evaluations={"val_loss": [3 * 0.97**n for n in range(29)]},
        ),
    )
    yield "learned before", log(loss="6.2 *0.99x299", evaluations={"val_loss": [5.0, 4.0, 7.0]})
    yield "the rate has decayed", log(loss="2x2200", lr=[1e-3] * 1000 + [5e-5] * 1200)
    yield "a steady rise without a jump", log(loss=[2 * float(np.exp(row / 150)) for row in range(300)])
    yield "a pause as long as one before", log(time="0 +1x99 +130x1 +1x60 +130x1 +1x9")
    yield "validation came late", log(loss="2x1100", evaluations={"val_loss": "_x20 2x2"})
    yield "units that come back", log(dead_units="10x20 300x20 10x80")
    yield "a tiny set is memorised", log(class_loss=[[0.1, 0.1]] * 210, evaluations={"val_loss": "4x4"})
    yield "a rate that reads zero", log(loss="6.2 *0.99x60", lr="0x60", header={"source": "jsonl"})
    yield "a second rate that rises", log(lr="0.002 0.003x9", header={"schedule": COSINE})
    yield "a warm-up", log(header=FOREIGN, loss="2x400", lr="0.00001 +0.00001x399")


RUNS = dict(_excused_runs())
ALL_CASES = (*CASES, *DYNAMICS)


def _tightened(leaf: Leaf) -> dict[str, float]:
    """The leaf's plain bounds moved by half of their size, towards alarming."""
    sides = {"above": -0.5, "below": 0.5}
    written = {side: getattr(leaf, side) for side in sides}
    return {
        side: bound + sides[side] * abs(bound)
        for side, bound in written.items()
        if isinstance(bound, int | float)
    }


TIGHTENED = Thresholds.checked(
    {
        check.id: {leaf.symptom: changed for leaf in check.leaves if (changed := _tightened(leaf))}
        for check in tree.walk()
        if any(_tightened(leaf) for leaf in check.leaves)
    }
)


def _leaves(judge: Judge) -> dict[tuple[str, str], LeafAtWork]:
    return {(node.check.id, leaf.leaf.symptom): leaf for node in judge._nodes for leaf in node.leaves}


def _alarms_at_excused_readings(records: Sequence[dict[str, Any]]) -> tuple[int, list[tuple[str, str, int]]]:
    """(number of excused stretches, calls within one of them once every bound is tightened)."""
    excused = {name: leaf.excused.spans for name, leaf in _leaves(judged(records)).items()}
    if not any(excused.values()):
        return 0, []
    tightened = _leaves(judged(records, TIGHTENED))
    found = [
        (*name, step)
        for name, spans in excused.items()
        for step in tightened[name].track.called
        if any(first <= step <= last for first, last in spans)
    ]
    return sum(map(len, excused.values())), found


@pytest.mark.parametrize("name", RUNS)
def test_tighter_bounds_turn_no_excused_reading_into_an_alarm(name: str) -> None:
    number, found = _alarms_at_excused_readings(RUNS[name])
    assert number and not found


@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: f"{case.check}-{case.symptom}")
def test_nor_do_they_in_the_logs_of_any_node(case: Case) -> None:
    assert not _alarms_at_excused_readings(case.sick)[1]
    assert not _alarms_at_excused_readings(case.well)[1]


def test_an_excused_rise_is_the_true_one_and_no_bound_makes_it_orange() -> None:
    records = log(header=FOREIGN, loss=_walk())
    for bound in (0.1, 0.05):
        thresholds = Thresholds.checked({"D5.5": {"loss drifts upwards": {"above": bound}}})
        judge = judged(records, thresholds)
        assert judge.level < Level.ORANGE
        found = next(one for one in judge.verdicts if one.check == "D5.5")
        losses = np.array(_walk())
        means = [losses[end - 200 : end].mean() for end in range(400, 1501, 20)]
        rises = [mean / min(means[: place + 1]) - 1 for place, mean in enumerate(means)]
        assert found.reading == pytest.approx(rises[-1]) and rises[-1] > 0.15
        excused = {span.level for span in found.excused_spans}
        assert Level.ORANGE in excused and Level.ORANGE not in {span.level for span in found.spans}


def _trees(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for path in sorted((CHECKS / folder).glob("*.py")):
            yield f"{folder}/{path.name}", ast.parse(path.read_text(encoding="utf-8"))


def _holds_a_number(node: ast.expr | None) -> bool:
    """Whether a value is a number, or arithmetic or a tuple with one."""
    if isinstance(node, ast.Tuple | ast.List):
        return any(map(_holds_a_number, node.elts))
    if isinstance(node, ast.BinOp):
        return _holds_a_number(node.left) or _holds_a_number(node.right)
    if isinstance(node, ast.UnaryOp):
        return _holds_a_number(node.operand)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def test_no_number_stands_outside_a_declaration_or_a_signature() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, module in _trees("rules", "signals", "schedules", ".")
        if name not in DECLARED
        for outer in module.body
        for node in (outer, *(outer.body if isinstance(outer, ast.ClassDef) else ()))
        if isinstance(node, ast.Assign) and _holds_a_number(node.value)
    ]
    assert not found


DECLARED = {
    "./rule.py": "the weights PROOF, STRONG, HINT that declarations are written with",
    "./verdict.py": "the numbers of the levels",
    "./facts.py": "the largest whole number that is exact",
    "./node.py": "how many readings are judged one by one, which changes no verdict",
}
"""Files whose numbers are no thresholds, and what they are."""


def _assigns_to_itself(method: ast.FunctionDef) -> bool:
    """Whether a method other than `__init__` sets an attribute of its object: state carried by hand."""
    targets = (
        target
        for node in ast.walk(method)
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign)
        for assigned in (node.targets if isinstance(node, ast.Assign) else [node.target])
        for target in ast.walk(assigned)
    )
    return method.name != "__init__" and any(
        isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id == "self"
        for one in targets
    )


def _carrying_state() -> list[str]:
    return [
        f"{name}:{node.name}"
        for name, module in _trees("rules", "signals", "schedules")
        for node in module.body
        if isinstance(node, ast.ClassDef)
        and any(_assigns_to_itself(part) for part in node.body if isinstance(part, ast.FunctionDef))
    ]


def test_few_classes_carry_a_state_by_hand() -> None:
    found = _carrying_state()
    assert len(found) <= 12, found


def test_every_rule_is_a_function_of_its_view() -> None:
    """What it carries from view to view lies in `View.kept`, made of the few classes that signals have."""
    assert not [check.id for check in tree.every_check() if isinstance(check.make, type)]
