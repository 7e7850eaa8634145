"""Tables of single faults, of families of them, and of two at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from flight_recorder.engine.faults.fault import NAMED
from flight_recorder.engine.faults.registry import family
from scripts.fault_suite.score import Case


def missed(cases: Sequence[Case]) -> str:
    """Faults that were not found by their deadline."""
    late = [case for case in cases if not case.found]
    if not late:
        return ""
    lines = ["## Not found by the deadline\n", "| fault | run | named at | causes |", "|---|---|---|---|"]
    for case in late:
        when = "never" if case.step is None else f"step {case.step} (deadline {case.fault.deadline_step})"
        lines.append(f"| {case.fault} | {_run_name(case)} | {when} | {_causes(case)} |")
    return "\n".join(lines) + "\n"


def misnamed(cases: Sequence[Case]) -> str:
    """Runs of which something else was named first."""
    wrong = [case for case in cases if case.fault.sign == NAMED and not case.right_first]
    if not wrong:
        return ""
    lines = ["## Another cause named first\n", "| fault | run | causes |", "|---|---|---|"]
    lines += [f"| {case.fault} | {_run_name(case)} | {_causes(case)} |" for case in wrong]
    return "\n".join(lines) + "\n"


def pairs(cases: Sequence[Case]) -> str:
    """Where both causes of two faults at once stand in the list of causes."""
    runs: dict[str, list[Case]] = {}
    for case in cases:
        if len(case.planned.parsed) > 1:
            runs.setdefault(case.planned.name, []).append(case)
    if not runs:
        return ""
    lines = [
        "## Two faults at once\n",
        "Places are those of the two causes in the list of causes, 1 for the first.\n",
        "| faults | configuration | found | places |",
        "|---|---|---|---|",
    ]
    for both in runs.values():
        planned, found = both[0].planned, sum(case.found for case in both)
        places = " and ".join(str(case.place or "none") for case in both)
        names = " and ".join(planned.faults)
        lines.append(f"| {names} | {planned.configuration} | {found} of {len(both)} | {places} |")
    return "\n".join(lines) + "\n"


def by_family(cases: Sequence[Case]) -> str:
    """Delays against their deadlines, one line a family."""
    lines = [
        "## Every family of faults\n",
        "Delays are steps from the onset of a fault to the first verdict that names its cause. The last",
        "column is the longest of them as a share of what the deadline of that fault allows.\n",
        "| family | found | right cause first | delay median | worst | worst of its deadline |",
        "|---|---|---|---|---|---|",
    ]
    for name, group in _grouped(cases, lambda case: family(type(case.fault))).items():
        shares = [case.delay / max(1, _allowed(case)) for case in group if case.delay is not None]
        worst = f"{max(shares):.0%}" if shares else "-"
        lines.append(f"| {name} | {_found(group)} | {_first(group)} | {_delays(group)} | {worst} |")
    return "\n".join(lines) + "\n"


def by_fault(cases: Sequence[Case]) -> str:
    """Delays against the deadline, one line a fault and strength; without the runs of two faults."""
    lines = [
        "## Every fault\n",
        "| fault | cause | found | right cause first | delay median | worst | deadline |",
        "|---|---|---|---|---|---|---|",
    ]
    alone = [case for case in cases if len(case.planned.parsed) == 1]
    for name, group in _grouped(alone, lambda case: str(case.fault)).items():
        fault = group[0].fault
        cause = fault.cause if fault.sign == NAMED else fault.sign
        about = f"| {name} | {cause} | {_found(group)} | {_first(group)} | {_delays(group)}"
        lines.append(f"{about} | {_allowed(group[0])} |")
    return "\n".join(lines) + "\n"


def typical(delays: Sequence[int]) -> str:
    """The median, in words of a table."""
    return f"{median(delays):g}" if delays else "-"


def _grouped(cases: Iterable[Case], key: Callable[[Case], str]) -> dict[str, list[Case]]:
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(key(case), []).append(case)
    return groups


def _allowed(case: Case) -> int:
    return case.fault.deadline_step - case.fault.onset_step


def _found(group: Sequence[Case]) -> str:
    return f"{sum(case.found for case in group)} of {len(group)}"


def _first(group: Sequence[Case]) -> str:
    named = [case for case in group if case.fault.sign == NAMED]
    return f"{sum(case.right_first for case in named)} of {len(named)}" if named else "-"


def _delays(group: Sequence[Case]) -> str:
    """Two cells: median and longest."""
    delays = [case.delay for case in group if case.delay is not None and case.fault.sign == NAMED]
    return f"{typical(delays)} | {max(delays) if delays else '-'}"


def _run_name(case: Case) -> str:
    together = f", with {' and '.join(case.planned.faults)}" if len(case.planned.faults) > 1 else ""
    return f"{case.planned.configuration}, seed {case.planned.seed}{together}"


def _causes(case: Case) -> str:
    return ", ".join(case.judged.causes[:4]) or "none"
