"""Everything that is judged of one run, kept up to date as records come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from flight_recorder.tui.checks.diagnosis.causes import ranked_causes
from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.leaf import NOT_FINITE
from flight_recorder.tui.checks.node import Node
from flight_recorder.tui.checks.signals.run_kind import RunKind, run_kind
from flight_recorder.tui.checks.signals.signal import Signals
from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.checks.tree import every_check
from flight_recorder.tui.checks.verdict import Level, State, Threshold, Verdict
from flight_recorder.tui.series.recording import Recording

T = TypeVar("T")


def _standing(verdict: Verdict) -> int:
    if verdict.symptom == NOT_FINITE.symptom:
        return 2
    return 0 if verdict.level >= Level.ORANGE else 1


def _is_note(verdict: Verdict) -> bool:
    """Whether this is true of honest runs by default, and only worth knowing."""
    return verdict.level is Level.GREEN


class Judge:
    """The verdicts on a recording. `update` after each growth of it; everything else only reads.

    What is said depends on the records so far and on nothing else: not on how they arrived, not on time.
    """

    def __init__(self, recording: Recording, thresholds: Thresholds | None = None) -> None:
        self.recording = recording
        thresholds = thresholds or Thresholds()
        self._checks = thresholds.in_force(every_check())
        self._signal_changes = thresholds.signals
        self._signals = Signals(Facts({}))
        self._nodes: list[Node] = []
        self._basis: Any = None
        self._whole_basis: Any = None
        self._cached: dict[str, tuple[Any, Any]] = {}
        self._num_updates = 0
        self.update()

    # A log may hold any number: sums that overflow and quotients by zero are inf and NaN, and judged as such.
    @np.errstate(all="ignore")
    def update(self) -> None:
        """Judge what is new; all of it again where rows were dropped or the run's facts have changed."""
        basis = self._current_basis()
        if basis != self._basis:
            self._basis, self._whole_basis = basis, None
            facts = Facts(dict(self.recording.header), self.recording.initial, self.kind)
            self._signals = Signals(facts, self._signal_changes)
            self._nodes = [Node(check, facts, self._signals) for check in self._checks]
        self._signals.update(self.recording)
        for node in self._nodes:
            if not node.check.whole:
                node.update(self.recording)
        self._update_whole()
        self._num_updates += 1

    def _current_basis(self) -> tuple[Any, ...]:
        recording = self.recording
        # A list that grows, or gets other names, is another thing to judge from its first row on: what was
        # measured of the shorter one must not depend on when the longer one came.
        num_items = recording.steps.num_items + recording.evaluations.num_items
        kind = self.kind.name
        return recording.num_resets, dict(recording.header), id(recording.initial), num_items, kind

    @property
    def kind(self) -> RunKind:
        """What kind of run it is, by what was recorded so far."""
        names = (*self.recording.steps.repeated_names, *self.recording.evaluations.repeated_names)
        return run_kind(self.recording.header, names)

    def _update_whole(self) -> None:
        recording = self.recording
        basis = (
            len(recording.evaluations),
            len(recording.checkpoints),
            len(recording.resumes),
            recording.exit,
            recording.silence and (recording.silence, recording.last_step),
        )
        if basis == self._whole_basis:
            return
        self._whole_basis = basis
        for node in self._nodes:
            if node.check.whole:
                node.rebuild(recording)

    @property
    def num_rows_measured(self) -> int:
        """Rows handed to measures so far; none is handed to the same check twice.

        Checks that are judged once stop asking, at a row that depends on how the log came: they are left out.
        """
        return sum(node.num_rows for node in self._nodes if not node.is_once)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One verdict for each node, in walking order."""
        return self._once("verdicts", lambda: tuple(node.verdict(self.recording) for node in self._nodes))

    @property
    def level(self) -> Level:
        """The worst level of what is firing, or amber, now."""
        return max((verdict.level for verdict in self.verdicts), default=Level.GREEN)

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The checks that broke, which say nothing of the run."""
        return tuple(verdict for verdict in self.verdicts if verdict.state is State.FAILED)

    @property
    def headline(self) -> Verdict | None:
        """The first firing leaf in walking order that asks for action.

        Remarks (yellow) come after it: they are normal in honest runs, and must not hide damage behind them.
        A reading that is not finite speaks for D1, further down the walk, and comes last.
        """
        firing = [one for one in self.verdicts if one.state is State.FIRING and not _is_note(one)]
        return min(firing, key=_standing, default=None)

    @property
    def causes(self) -> list[tuple[str, tuple[str, ...]]]:
        """(cause, ids of the checks that speak for it), likeliest first."""
        return self._once("causes", lambda: ranked_causes(self._nodes))

    @property
    def overfit(self) -> dict[str, Any] | None:
        """The summary of overfitting in numbers, None without evaluations."""
        from flight_recorder.tui.checks.rules.overfitting import overfit_summary

        return self._once("overfit", lambda: overfit_summary(self.recording))

    @property
    def schedule(self) -> dict[str, Any] | None:
        """The declared schedule, and the one found in the learning rates alone; None without any."""
        from flight_recorder.tui.checks.schedules.detective import schedule_report

        return self._once("schedule", lambda: schedule_report(self.recording))

    def thresholds(self, panel: str) -> tuple[Threshold, ...]:
        """Bounds that are lines on this panel: constant over the run and in the unit of its y axis."""
        lines = {
            (leaf.bound, leaf.leaf.level): Threshold(panel, leaf.bound, leaf.label, leaf.leaf.level)
            for node in self._nodes
            if node.check.panel == panel and node.check.drawn
            for leaf in node.leaves
            if leaf.bound is not None
        }
        return tuple(lines.values())

    def events(self) -> list[tuple[int, Verdict]]:
        """(first step, verdict of the node) of every stretch in which a leaf fired, by step."""
        found = [(span.first_step, verdict) for verdict in self.verdicts for span in verdict.spans]
        return sorted(found, key=lambda event: event[0])

    def calls(self) -> list[tuple[int, str, str, Level]]:
        """(step at which it was called, check, symptom, level) of every leaf that ever fired, by step."""
        found = [
            (step, node.check.id, leaf.leaf.symptom, node.level_of(leaf))
            for node in self._nodes
            for leaf in (*node.leaves, node.not_finite)
            for step in leaf.track.called
        ]
        return sorted(found)

    def _once(self, name: str, compute: Callable[[], T]) -> T:
        kept = self._cached.get(name)
        if kept is None or kept[0] != self._num_updates:
            with np.errstate(all="ignore"):
                kept = self._cached[name] = self._num_updates, compute()
        value: T = kept[1]
        return value
