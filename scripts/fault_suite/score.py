"""From judged runs to figures. What counts as found is declared with each fault, not here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from flight_recorder.engine.faults.fault import DAMAGED, NAMED, Fault
from flight_recorder.engine.faults.registry import family
from flight_recorder.tui.checks.verdict import Level
from scripts.fault_suite.judging import Judged
from scripts.fault_suite.plan import Planned

CONFIGURATION_FAMILIES = ("initialisation", "schedule", "gradients", "optimizer", "architecture")
"""Families whose faults are there from the start; those that begin later are left out by their onset."""

AT_ONCE = 2
"""A fault whose onset is at most this step is one of the configuration."""


@dataclass(frozen=True)
class Case:
    """One fault in one run, and what was said of it."""

    planned: Planned
    fault: Fault
    judged: Judged

    @property
    def step(self) -> int | None:
        """The step at which its cause was first named loudly enough."""
        return self.judged.called(self.fault.cause, Level[self.fault.level.upper()])

    @property
    def found(self) -> bool:
        """Named by its deadline, or shown by the sign that was declared."""
        if self.fault.sign == DAMAGED:
            return self.judged.num_damaged > 0
        if self.fault.sign != NAMED:
            return self.judged.pulse in ("stalled", "crashed")
        return self.step is not None and self.step <= self.fault.deadline_step

    @property
    def delay(self) -> int | None:
        """Steps from the onset to the first naming."""
        return None if self.step is None else max(0, self.step - self.fault.onset_step)

    @property
    def place(self) -> int | None:
        """Place of its cause in the list of causes, 1 for the first; None if it is not on it."""
        causes = self.judged.causes
        return causes.index(self.fault.cause) + 1 if self.fault.cause in causes else None

    @property
    def right_first(self) -> bool:
        """Whether the first cause of the list is true of this run."""
        first = self.judged.causes[:1]
        true = {cause for fault in self.planned.parsed for cause in (fault.cause, *fault.also)}
        return bool(first) and first[0] in true

    @property
    def is_configuration(self) -> bool:
        """Whether the fault is one of the configuration: there from the start."""
        return (
            family(type(self.fault)) in CONFIGURATION_FAMILIES
            and self.fault.onset_step <= AT_ONCE
            and self.fault.sign == NAMED
        )


@dataclass(frozen=True)
class Figures:
    """The figures over some runs; shares from 0 to 1, NaN over nothing."""

    num_cases: int
    recall: float
    precision: float
    right_first: float
    num_healthy: int
    num_false_alarms: int
    upper_bound: float
    """95 % upper bound of false alarms per healthy run."""
    delays: tuple[int, ...]
    configuration_delays: tuple[int, ...]

    @property
    def median_configuration_delay(self) -> float:
        """Steps; NaN without any."""
        return median(self.configuration_delays) if self.configuration_delays else math.nan


def cases_of(judged: Iterable[tuple[Planned, Judged]]) -> list[Case]:
    """One case for each fault of each run."""
    return [Case(planned, fault, said) for planned, said in judged for fault in planned.parsed]


def figures(cases: Sequence[Case], healthy: Sequence[Judged]) -> Figures:
    """Recall by the deadline, precision over runs that alarm, first cause, false alarms, delays.

    A run that alarms at orange or above without naming a cause that is true of it counts against the
    precision as a healthy run that alarms does.
    """
    named = [case for case in cases if case.fault.sign == NAMED]
    false = sum(bool(said.alarms) for said in healthy)
    alarmed = [case for case in cases if case.judged.alarms]
    true = sum(_is_true_alarm(case) for case in alarmed)
    return Figures(
        num_cases=len(cases),
        recall=_share(sum(case.found for case in cases), len(cases)),
        precision=_share(true, len(alarmed) + false),
        right_first=_share(sum(case.right_first for case in named), len(named)),
        num_healthy=len(healthy),
        num_false_alarms=false,
        upper_bound=upper_bound(false, len(healthy)),
        delays=_delays(cases),
        configuration_delays=_delays(case for case in cases if case.is_configuration),
    )


def baseline_figures(
    name: str, cases: Sequence[Case], healthy: Sequence[Judged]
) -> tuple[float, float, int, float]:
    """Recall, precision, false alarms and their 95 % bound; any alarm after the onset counts as found."""
    said = [(case, case.judged.baselines[name]) for case in cases]
    found = sum(step is not None and step >= case.fault.onset_step for case, step in said)
    false = sum(judged.baselines[name] is not None for judged in healthy)
    alarmed = sum(step is not None for _, step in said)
    return (
        _share(found, len(cases)),
        _share(found, alarmed + false),
        false,
        upper_bound(false, len(healthy)),
    )


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """Clopper-Pearson's one-sided upper bound of a share; 3 / n for no event (the rule of three)."""
    if trials == 0 or events >= trials:
        return 1.0
    low, high = events / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        at_most = sum(
            math.comb(trials, k) * middle**k * (1 - middle) ** (trials - k) for k in range(events + 1)
        )
        low, high = (middle, high) if at_most > 1 - confidence else (low, middle)
    return high


def _is_true_alarm(case: Case) -> bool:
    """Whether what alarms speaks for something that is true of the run."""
    true = {cause for fault in case.planned.parsed for cause in (fault.cause, *fault.also)}
    return any(true & set(call.causes) for call in case.judged.alarms)


def _delays(cases: Iterable[Case]) -> tuple[int, ...]:
    return tuple(case.delay for case in cases if case.delay is not None)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
