"""A check at work on one run: what it has measured so far, and the verdict that follows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.leaf import NOT_FINITE, OUTSIDE, LeafAtWork, Sample, resolve
from flight_recorder.tui.checks.rule import Check, Readings, When
from flight_recorder.tui.checks.verdict import Level, Span, State, Verdict
from flight_recorder.tui.checks.view import SignalsRead, Stream, View
from flight_recorder.tui.defect import named_or_raised
from flight_recorder.tui.series.recording import Recording

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_EARLY_TEXTS = 200
"""Words of the first records, among which a probe that cannot measure says why."""

_FEW = 3
"""Readings up to which they are judged one by one."""


class Node:
    """A check, the readings that it has taken in, and where its leaves stand.

    A check that raises is `failed` and says no more until the log is replayed; the others go on.

    Attributes:
        is_once: whether it is judged at one step only; `done` says that it has been.
        version: moves with each change of the verdict's inputs.
    """

    def __init__(self, check: Check, facts: Facts, signals: SignalsRead | None = None) -> None:
        self.check = check
        self.facts = facts
        self._signals = signals
        self.stream = Stream(check.reads, check.optional, check.num_window, signals)
        self.version = 0
        self.is_once = check.at is not None or check.by is not None
        self._verdict: tuple[int, Verdict] | None = None
        self.done = False
        self._after: float | None = None
        self._once: float | None = None
        self._lacks = self._failed = ""
        self._not_meant = check.not_meant_for(facts)
        self._silence_all()
        if self._not_meant:
            return
        try:
            self._restart()
            self._after = _when(check.after, facts)
            self._once = _when(check.at if check.at is not None else check.by, facts)
            self._lacks = self._missing_facts()
        except Exception as error:
            self._fail(error)

    def _silence_all(self) -> None:
        """No reading, and no leaf that has a word."""
        self.leaves: list[LeafAtWork] = []
        self.not_finite = LeafAtWork(NOT_FINITE, self.facts)
        self.amber = LeafAtWork(OUTSIDE, self.facts, self.check.amber_hold)
        self._low: float | None = None
        self._high: float | None = None
        self._newest: Sample | None = None

    def _fail(self, error: Exception) -> None:
        self._failed = f"could not be judged: {named_or_raised(error)}"
        self.version += 1
        self._silence_all()

    def _restart(self) -> None:
        check, facts = self.check, self.facts
        self._silence_all()
        self._failed = ""
        self._measure = check.measure()
        self.leaves = [leaf for leaf in (LeafAtWork(leaf, facts) for leaf in check.leaves) if leaf.can_judge]
        self._low, self._high = (None if b is None else resolve(b, facts) for b in check.passes)

    @property
    def num_rows(self) -> int:
        """Rows measured so far."""
        return self.stream.num_rows

    def update(self, recording: Recording) -> None:
        """Measure and judge the rows that are new."""
        if self.done or self._not_meant or self._lacks or self._failed:
            return
        try:
            self._update(recording)
        except Exception as error:
            self._fail(error)

    def _update(self, recording: Recording) -> None:
        view = self.stream.take(recording, self.facts)
        if view is None:
            return
        self.version += 1
        if self.check.at is not None:
            self._judge_once_at(view)
            return
        readings = self._measure(view)
        if self.check.by is not None:
            self._judge_first_after(readings)
        else:
            first = 0 if self._after is None else int(np.searchsorted(readings.steps, self._after))
            self._judge(readings, first, len(readings.steps))

    def rebuild(self, recording: Recording) -> None:
        """Measure all of a recording again, for a check of the whole."""
        if self._lacks or self._not_meant:
            return
        self.version += 1
        try:
            self._restart()
            empty = np.empty(0, np.int64)
            readings = self._measure(View(recording, self.facts, empty, {}, signals=self._signals))
            self._judge(readings, 0, len(readings.steps))
        except Exception as error:
            self._fail(error)

    def _judge_once_at(self, view: View) -> None:
        assert self._once is not None
        row = int(np.searchsorted(view.steps, self._once))
        if row == len(view):
            return
        self.done = True
        if view.steps[row] > self._once + 1:
            self._lacks = f"the log has no step {int(self._once)}: it goes on at {int(view.steps[row])}"
            return
        readings = self._measure(view.only(slice(row, row + 1)))
        self._judge(readings, 0, len(readings.steps))

    def _judge_first_after(self, readings: Readings) -> None:
        assert self._once is not None
        row = int(np.searchsorted(readings.steps, self._once))
        if row < len(readings.steps):
            self.done = True
            self._judge(readings, row, row + 1)

    def _judge(self, readings: Readings, first: int, end: int) -> None:
        if first >= end:
            return
        if end - first <= _FEW:
            self._judge_few(readings, first, end)
            return
        values, steps = readings.values[first:end], readings.steps[first:end]
        outside = self._outside(values)
        judged = [(self.not_finite, ~np.isfinite(values))]
        for leaf in self.leaves:
            holds = leaf.holds(values)
            outside &= ~holds
            judged.append((leaf, self._unexcused(leaf, readings, first, holds)))
        for leaf, holds in (*judged, (self.amber, outside)):
            leaf.track.consume(steps, holds)
            if holds.any():
                leaf.newest = _sample(readings, first + int(np.flatnonzero(holds)[-1]))
        self._newest = _sample(readings, end - 1)

    def _unexcused(self, leaf: LeafAtWork, readings: Readings, first: int, holds: Flags) -> Flags:
        """Where the leaf holds and no excuse does; the readings that are excused are kept."""
        end = first + len(holds)
        accepted = [name for name in leaf.leaf.unless if name in readings.excused]
        excused = np.zeros(len(holds), np.bool_)
        for name in accepted:
            excused |= holds & readings.excused[name][first:end]
        leaf.excused.consume(readings.steps[first:end], excused)
        if excused.any():
            row = first + int(np.flatnonzero(excused)[-1])
            leaf.newest_excused = _sample(readings, row)
            leaf.excused_by = leaf.excuse_at(row, readings.excused)
        return holds & ~excused

    def _judge_few(self, readings: Readings, first: int, end: int) -> None:
        """The same, one reading at a time: for a live run that is a tenth of the cost of arrays of one."""
        for row in range(first, end):
            step, value = int(readings.steps[row]), float(readings.values[row])
            is_finite = math.isfinite(value)
            low, high = self._low, self._high
            outside = (low is not None and value < low) or (high is not None and value > high)
            judged = [(self.not_finite, not is_finite)]
            for leaf in self.leaves:
                holds = is_finite and leaf.holds_at(value)
                outside = outside and not holds
                excuse = leaf.excuse_at(row, readings.excused) if holds else ""
                leaf.excused.advance(step, bool(excuse))
                if excuse:
                    leaf.newest_excused, leaf.excused_by = _sample(readings, row), excuse
                judged.append((leaf, holds and not excuse))
            for leaf, holds in (*judged, (self.amber, outside)):
                leaf.track.advance(step, holds)
                if holds:
                    leaf.newest = _sample(readings, row)
        self._newest = _sample(readings, end - 1)

    def _outside(self, values: Floats) -> Flags:
        flags = np.zeros(len(values), np.bool_)
        if self._low is not None:
            flags |= values < self._low
        if self._high is not None:
            flags |= values > self._high
        return flags

    def _missing_facts(self) -> str:
        for name in self.check.reads:
            kind, _, field = name.partition(".")
            source = {"header": self.facts.header, "initial": self.facts.initial}.get(kind)
            if field and source is not None and source.get(field) is None:
                return f"the log has no {field}" if kind == "header" else f"the log has no initial {field}"
        if self.is_once and self._once is None:
            return "the log does not say at which step"
        if self.check.leaves and not self.leaves and self._low is None and self._high is None:
            return self.check.exempt
        return ""

    # What follows from it

    def verdict(self, recording: Recording) -> Verdict:
        """The verdict on the records so far."""
        if self._newest is None:
            return self._silent_verdict(recording)
        if self._verdict is None or self._verdict[0] != self.version:
            self._verdict = self.version, self._fresh_verdict(self._newest)
        return self._verdict[1]

    def _silent_verdict(self, recording: Recording) -> Verdict:
        check = self.check
        state, why = self._silence(recording)
        return Verdict(
            check.id, check.section, check.question, state, Level.GREEN, evidence=why, panel=check.panel
        )

    def _fresh_verdict(self, newest: Sample) -> Verdict:
        check, leaf = self.check, self.deciding_leaf()
        base = Verdict(
            check=check.id,
            section=check.section,
            question=check.question,
            state=State.PASS,
            level=Level.GREEN,
            last_step=newest.step,
            reading=newest.value,
            evidence=newest.evidence,
            panel=check.panel,
            spans=self._spans(),
            excused_spans=self._excused_spans(),
        )
        if leaf is None:
            return base
        if leaf.track.state is State.PASS or (leaf.track.state is State.RESOLVED and _is_excused(leaf)):
            return self._excused_verdict(base, leaf)
        state, sample = leaf.track.state, leaf.newest or newest
        return replace(
            base,
            state=State.AMBER if leaf is self.amber else state,
            level=self.level_of(leaf) if state is State.FIRING else Level.GREEN,
            symptom=leaf.leaf.symptom,
            causes=leaf.leaf.causes,
            first_step=leaf.track.first_step,
            last_step=leaf.track.last_step,
            reading=sample.value,
            bound=leaf.bound,
            bound_text=leaf.bound_text,
            evidence=sample.evidence,
            fix=leaf.leaf.fix,
        )

    @property
    def passes(self) -> bool:
        """Whether it has measured and nothing has ever been wrong; what is excused is no fault."""
        leaf = self.deciding_leaf()
        return self._newest is not None and (leaf is None or leaf.track.state is State.PASS)

    def deciding_leaf(self) -> LeafAtWork | None:
        """The leaf that the verdict is about: the worst firing, else pending, amber, the worst resolved."""
        leaves = [*self.leaves, self.not_finite]
        for state in (State.FIRING, State.PENDING):
            standing = [leaf for leaf in leaves if leaf.track.state is state]
            if standing:
                return max(standing, key=self.level_of)
            if state is State.FIRING and self.amber.track.state is State.FIRING:
                return self.amber
        excused = [leaf for leaf in self.leaves if _is_excused(leaf)]
        if excused:
            return max(excused, key=self.level_of)
        resolved = [leaf for leaf in leaves if leaf.track.state is State.RESOLVED]
        return max(resolved, key=self.level_of, default=None)

    def _excused_verdict(self, base: Verdict, leaf: LeafAtWork) -> Verdict:
        sample = leaf.newest_excused
        assert sample is not None
        return replace(
            base,
            state=State.EXCUSED,
            symptom=leaf.leaf.symptom,
            first_step=leaf.excused.first_step,
            last_step=leaf.excused.last_step,
            reading=sample.value,
            bound=leaf.bound,
            bound_text=leaf.bound_text,
            evidence=sample.evidence,
            excused_by=leaf.excused_by,
        )

    def level_of(self, leaf: LeafAtWork) -> Level:
        """How bad it is when this leaf fires."""
        return self.check.nonfinite if leaf is self.not_finite else leaf.leaf.level

    def _spans(self) -> tuple[Span, ...]:
        spans = [
            Span(first, last, self.level_of(leaf))
            for leaf in (*self.leaves, self.not_finite)
            for first, last in leaf.track.spans
        ]
        return tuple(sorted(spans, key=lambda span: (span.first_step, span.last_step, span.level)))

    def _excused_spans(self) -> tuple[Span, ...]:
        return tuple(
            Span(first, last, leaf.leaf.level) for leaf in self.leaves for first, last in leaf.excused.spans
        )

    def _silence(self, recording: Recording) -> tuple[State, str]:
        """Why there is no reading: the check broke, not enough data yet, or the log lacks what it reads."""
        if self._failed:
            return State.FAILED, self._failed
        if self._not_meant:
            return State.NOT_APPLICABLE, self._not_meant
        table = self.stream.table(recording)
        started = len(recording.steps) > 0 or recording.exit is not None
        if self._lacks:
            return (State.NOT_MEASURED, self._lacks) if started else (State.UNKNOWN, "nothing recorded yet")
        missing = self.stream.missing(recording)
        if missing and (len(table) or recording.exit is not None):
            return State.NOT_MEASURED, _reason(recording, missing) or f"the log has no {missing}"
        return State.UNKNOWN, "not enough steps yet"


def _reason(recording: Recording, missing: str) -> str:
    """Why a fact was not measured, where its probe has said so."""
    name = missing.partition("/")[0]
    early = recording.texts[:_EARLY_TEXTS]
    said = (told.get("reason") for _, field, told in early if field == name and isinstance(told, dict))
    return str(next((reason for reason in said if reason), ""))


def _is_excused(leaf: LeafAtWork) -> bool:
    """Whether the newest reading is beyond the leaf's bound, and excused."""
    return leaf.excused.state is State.FIRING


def _when(when: When | None, facts: Facts) -> float | None:
    return when(facts) if callable(when) else when


def _sample(readings: Readings, row: int) -> Sample:
    value = float(readings.values[row])
    if value != value:
        value = math.nan  # one object, so that two verdicts on the same NaN are equal
    return Sample(int(readings.steps[row]), value, readings.evidence(row) if readings.evidence else "")
