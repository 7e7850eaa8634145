"""A node of the tree in words: question, measure, bounds, fixes, source."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from flight_recorder.tui.checks.parameters import in_words
from flight_recorder.tui.checks.rule import BoundLike, Check, Leaf
from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.checks.tree import every_check


class UnknownCheck(ValueError):
    """No node has this id; the message names the nearest."""


def explain(check_id: str) -> str:
    """The node, all nodes whose id begins so ("Q3.1" is Q3.1a, b and c), or what names this cause.

    Raises:
        UnknownCheck: there is none.
    """
    return explanation(check_id)


def explanation(check_id: str, thresholds: Thresholds | None = None) -> str:
    """The same with the bounds that a thresholds file has put in force.

    Raises:
        UnknownCheck: there is none.
    """
    wanted = check_id.strip().lower()
    in_force = (thresholds or Thresholds()).applied
    exact = [check for check in every_check() if check.id.lower() == wanted]
    family = [check for check in every_check() if wanted and is_part_of(check, wanted)]
    if not (exact or family):
        if lines := list(_lines_on_cause(wanted)):
            return "\n".join(lines)
        ids = {check.id.lower(): check.id for check in every_check()}
        near = difflib.get_close_matches(wanted, list(ids), n=1, cutoff=0.0)
        hint = f"; the nearest is {ids[near[0]]}" if near else ""
        raise UnknownCheck(f"no check is called {check_id!r}{hint}")
    return "\n\n".join("\n".join(_lines(in_force(check))) for check in exact or family)


def is_part_of(check: Check, prefix: str) -> bool:
    """Whether the check is one of those into which a question is split: Q3.1a of q3.1, D2.1 of d2."""
    id = check.id.lower()
    return id.startswith(prefix) and (id[len(prefix) :].startswith(".") or id[len(prefix) :].isalpha())


def _lines_on_cause(cause: str) -> Iterator[str]:
    """The leaves that name this cause, in walking order; nothing for what is no cause."""
    named = [(check, leaf) for check in every_check() for leaf in check.leaves if cause in leaf.causes]
    if named:
        yield f"{cause} is a cause; what speaks for it (tui explain NODE says more):"
    for check, leaf in named:
        yield f"{check.id:6}{leaf.level!s:8}{leaf.symptom}"
        yield f"      {check.question}"


def _lines(check: Check) -> Iterator[str]:
    yield f"{check.id}  {check.question}"
    yield f"  section   {check.section}, shown on panel {check.panel}"
    yield f"  measure   {check.describe}"
    yield f"  reads     {', '.join((*check.reads, *check.optional))}"
    yield f"  judged    {when_in_words(check)}"
    yield f"  passes    {pass_band(check)}"
    if check.applies:
        yield f"  applies   {', '.join(scope.name.replace('_', ' ') for scope in check.applies)}"
    if check.parameters:
        yield f"  constants {in_words(check.parameters)}"
    for leaf in check.leaves:
        yield f"  {leaf.level!s:8}  {leaf.symptom}: {leaf_bounds(leaf)}"
        if leaf.causes:
            yield f"            cause: {', '.join(leaf.causes)}"
        if leaf.fix:
            yield f"            fix: {leaf.fix}"
    yield f"  source    {check.source}"
    if check.as_written:
        yield f"  drafted   {check.as_written}"
    if check.why:
        yield f"  why       {check.why}"
    if not check.shipped:
        yield "  off       only a thresholds file switches it on"


def bound_words(bound: BoundLike) -> str:
    """A bound without a run: its number, or what it is made of."""
    return f"{bound:g}" if isinstance(bound, int | float) else bound.text


def pass_band(check: Check) -> str:
    """The band of readings that pass, in words."""
    low, high = check.passes
    if low is None and high is None:
        return "unless a leaf holds"
    if low is None or high is None:
        bound, word = (high, "up to") if low is None else (low, "from")
        return "" if bound is None else f"{word} {bound_words(bound)}"
    return f"{bound_words(low)} to {bound_words(high)}"


def leaf_bounds(leaf: Leaf) -> str:
    """When a leaf holds and for how long it must, in words."""
    sides = (("above", leaf.above), ("below", leaf.below), ("exactly", leaf.equals))
    words = " and ".join(f"{side} {bound_words(bound)}" for side, bound in sides if bound is not None)
    held = f", {leaf.hold} readings in a row" if leaf.hold > 1 else ""
    excuses = f", unless {' or '.join(name.replace('_', ' ') for name in leaf.unless)}" if leaf.unless else ""
    scopes = f", if {' and '.join(scope.name.replace('_', ' ') for scope in leaf.applies)}"
    only = scopes if leaf.applies else ""
    return f"{words}{held}{', for good' if leaf.latch else ''}{only}{excuses}"


def when_in_words(check: Check) -> str:
    """At which records the check is judged."""
    if check.at is not None:
        return "once, at step 0" if check.at == 0 else "once, at a step that the header gives"
    if check.by is not None:
        return f"once, at step {check.by}" if isinstance(check.by, int) else "once, at a step of the header"
    if check.whole:
        return "when one of the facts that it reads is new"
    every = (
        "each evaluation" if check.reads[0].startswith("evaluation.") else "each step that has these fields"
    )
    if isinstance(check.after, int):
        return f"{every}, from step {check.after} on"
    return every + (", after the warm-up" if check.after else "")
