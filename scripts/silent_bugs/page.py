"""The page of the suite, made from what came of its programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from statistics import median

from scripts.silent_bugs.case import EXACT, Case
from scripts.silent_bugs.contract_fields import differences
from scripts.silent_bugs.healthy import healthy_cases
from scripts.silent_bugs.mechanisms import MECHANISMS
from scripts.silent_bugs.real_bugs import REAL_BUGS
from scripts.silent_bugs.runner import Outcome
from scripts.silent_bugs.suite import contracts, everything, twins
from scripts.silent_bugs.traincheck import TRAINCHECK

Outcomes = Mapping[str, Outcome | None]

HEAD = """# Silent bugs of others

Made by `scripts/silent-bugs`; not written by hand.

Real bugs with which training succeeds and is wrong, each as a small program that keeps the mechanism, with
the Inspector in three lines at its default cadence, and `tui check` over its log. *Said* is the likeliest
cause that is named; *right* means that one of the expected causes is named at all, *first* that it is named
first. *At* is the step since which it is said, beside the first step whose record can show the bug. *Also*
counts causes that are named beside the right ones. *Cost* is the CPU time of the median step with the
Inspector over that without it, on networks whose step takes a few milliseconds.
"""

FIGURES_OF_OTHERS = """## Beside others

TrainCheck ([OSDI 2025](https://github.com/OrderLab/TrainCheck)) finds 18 of its 20 errors, all but TC-19 and
TC-20, by invariants inferred from traces of healthy runs. That is its authors' figure, of the original
programs on GPUs; ours are of the mechanism in small, and need no healthy run.
"""


def page(outcomes: Outcomes) -> str:
    """The whole page."""
    groups = {
        "TrainCheck's errors": TRAINCHECK,
        "Mechanisms from issue trackers": MECHANISMS,
        "Real bugs, 2023 to 2026": REAL_BUGS,
    }
    parts = [HEAD, _summary(groups, outcomes), FIGURES_OF_OTHERS]
    parts += [f"## {name}\n\n{_bugs(cases, outcomes)}" for name, cases in groups.items()]
    parts += [f"## Not had\n\n{_left_out(everything().values())}"]
    parts += [f"## Healthy twins\n\n{_calm(twins(), outcomes)}"]
    parts += [f"## Healthy loops\n\n{_calm(healthy_cases(), outcomes)}"]
    parts += [f"## What the loss asks for\n\n{_contracts(outcomes)}"]
    return "\n".join(parts).rstrip() + "\n"


def rows_of(cases: Iterable[Case], outcomes: Outcomes) -> str:
    """The rows of some programs, in the table that they belong to."""
    chosen = {case.id for case in cases}
    bugs = [case for case in everything().values() if case.id in chosen and case.is_bug]
    calm = [case for case in (*twins(), *healthy_cases()) if case.id in chosen]
    tables = [_bugs(bugs, outcomes)] if bugs else []
    tables += [_calm(calm, outcomes, is_whole=True)] if calm else []
    tables += [_contracts(outcomes, chosen)] if chosen & {case.id for case in contracts()} else []
    return "\n".join(tables)


def as_json(outcomes: Outcomes) -> str:
    """What came of each program that was run."""
    return json.dumps({name: asdict(outcome) for name, outcome in outcomes.items() if outcome}, indent=1)


def is_right(case: Case, outcome: Outcome | None) -> bool:
    """Whether an expected cause is named."""
    return bool(outcome and outcome.judged and outcome.judged.first_said(case.causes) is not None)


def is_first(case: Case, outcome: Outcome | None) -> bool:
    """Whether an expected cause is the likeliest that is named."""
    if outcome is None or outcome.judged is None:
        return False
    return bool(set(outcome.judged.named[:1]) & set(case.causes))


def is_calm(outcome: Outcome | None) -> bool:
    """Green, and nothing on its way."""
    return bool(
        outcome
        and not outcome.error
        and outcome.judged
        and not outcome.judged.said
        and not outcome.judged.pending
    )


def _summary(groups: Mapping[str, Sequence[Case]], outcomes: Outcomes) -> str:
    lines = [
        "## Figures\n",
        "| | programs | right cause named | first | delay in steps, median |",
        "|---|---|---|---|---|",
    ]
    for name, cases in groups.items():
        tried = [case for case in cases if case.is_bug and case.says == EXACT]
        right = [case for case in tried if is_right(case, outcomes[case.id])]
        first = [case for case in tried if is_first(case, outcomes[case.id])]
        delays = [delay for case in right if (delay := _delay(case, outcomes[case.id])) is not None]
        typical = f"{median(delays):g}" if delays else "-"
        lines.append(f"| {name}, exact | {len(tried)} | {len(right)} | {len(first)} | {typical} |")
    calm = [*twins(), *healthy_cases()]
    lines += [
        "",
        "| healthy programs | nothing said | losses bit-equal |",
        "|---|---|---|",
        *(
            _calm_line(name, cases, outcomes)
            for name, cases in (("twins", twins()), ("loops", healthy_cases()))
        ),
        "",
        f"{_num_equal(outcomes)} With the Inspector a healthy step takes {_cost(calm, outcomes)}, median.",
        "",
    ]
    return "\n".join(lines)


def _calm_line(name: str, cases: Sequence[Case], outcomes: Outcomes) -> str:
    ran = [case for case in cases if outcomes[case.id]]
    num_calm = sum(is_calm(outcomes[case.id]) for case in ran)
    num_same = sum(bool(outcome and outcome.is_same) for outcome in (outcomes[case.id] for case in ran))
    return f"| {name} | {num_calm} of {len(ran)} | {num_same} of {len(ran)} |"


def _num_equal(outcomes: Outcomes) -> str:
    tried = {name: one.is_same for name, one in outcomes.items() if one and one.is_same is not None}
    other = [name for name, is_same in tried.items() if not is_same]
    return (
        f"Losses are bit-equal with and without the Inspector on {len(tried) - len(other)} of {len(tried)}."
        + (f" Not on {', '.join(other)}." if other else "")
    )


def _cost(cases: Iterable[Case], outcomes: Outcomes) -> str:
    shares = [_share(outcomes[case.id]) for case in cases]
    known = [share for share in shares if share is not None]
    return f"{median(known):.2f} x" if known else "-"


def _share(outcome: Outcome | None) -> float | None:
    if outcome is None or not outcome.step_s or not outcome.watched_step_s:
        return None
    return outcome.watched_step_s / outcome.step_s


def _delay(case: Case, outcome: Outcome | None) -> int | None:
    step = outcome.judged.first_said(case.causes) if outcome and outcome.judged else None
    return None if step is None else max(0, step - case.acts_at)


def _bugs(cases: Sequence[Case], outcomes: Outcomes) -> str:
    lines = [
        "| id | mechanism | expected | said | level | right | first | at / acts | also | cost |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case in cases:
        if case.is_bug:
            lines.append(_bug(case, outcomes[case.id]))
    return "\n".join(lines) + "\n"


def _bug(case: Case, outcome: Outcome | None) -> str:
    name = f"[{case.id}]({case.reference.split()[0]})" if case.reference else case.id
    if outcome is None or outcome.judged is None:
        error = outcome.error if outcome else "never run"
        return f"| {name} | {case.mechanism} | {' or '.join(case.causes)} | {error} | | no | no | | | |"
    judged = outcome.judged
    at = judged.first_said(case.causes)
    share = _share(outcome)
    cells = [
        name,
        case.mechanism + (" (symptom)" if case.says != EXACT else ""),
        " or ".join(case.causes),
        judged.named[0] if judged.said and judged.named else "-",
        judged.level,
        "yes" if is_right(case, outcome) else "no",
        "yes" if is_first(case, outcome) else "no",
        f"{'-' if at is None else at} / {case.acts_at}",
        str(len(set(judged.named) - set(case.causes)) if judged.said else 0),
        "-" if share is None else f"{share:.2f}",
    ]
    return f"| {' | '.join(cells)} |" + (f" {outcome.error}" if outcome.error else "")


def _left_out(cases: Iterable[Case]) -> str:
    return (
        "\n".join(f"- {case.id}, {case.mechanism}: {case.left_out}." for case in cases if case.left_out)
        + "\n"
    )


def _calm(cases: Sequence[Case], outcomes: Outcomes, is_whole: bool = False) -> str:
    ran = {case.id: outcome for case in cases if (outcome := outcomes[case.id]) is not None}
    lines = ["| program | said | bit-equal | cost |", "|---|---|---|---|"]
    for name, outcome in ran.items():
        if is_whole or not (is_calm(outcome) and outcome.is_same):
            share = _share(outcome)
            same = {None: "-", True: "yes", False: "no"}[outcome.is_same]
            lines.append(
                f"| {name} | {_noise(outcome)} | {same} | {'-' if share is None else f'{share:.2f}'} |"
            )
    intro = f"{len(ran)} of {len(cases)} were run."
    if len(lines) == 2:
        return f"{intro} Nothing is said of any of them.\n"
    return f"{intro} Here are those of which something is said.\n\n" + "\n".join(lines) + "\n"


def _noise(outcome: Outcome) -> str:
    if outcome.judged is None:
        return outcome.error
    said = [f"{one.level} {one.check} {one.symptom} at {one.first_step}" for one in outcome.judged.said]
    said += [f"pending {check}" for check in outcome.judged.pending]
    return "; ".join(dict.fromkeys([*said, *([outcome.error] if outcome.error else [])])) or "-"


def _contracts(outcomes: Outcomes, chosen: set[str] | None = None) -> str:
    cases = [case for case in contracts() if case.id in (chosen or outcomes) and outcomes[case.id]]
    lines = ["| program | loss | differs from what is expected |", "|---|---|---|"]
    num_right = 0
    for case in cases:
        outcome = outcomes[case.id]
        found = _contract(outcome)
        num_right += found == "-"
        lines.append(f"| {case.id} | {case.mechanism} | {found} |")
    intro = f"{len(cases)} of {len(contracts())} were run, {num_right} are as expected."
    return f"{intro}\n\n" + "\n".join(lines) + "\n"


def _contract(outcome: Outcome | None) -> str:
    if outcome is None or outcome.judged is None or outcome.expected is None:
        return outcome.error if outcome else "never run"
    return "; ".join(differences(outcome.expected, outcome.judged.contract)) or "-"
