"""The figures of the suite as a page of Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import fill

from scripts.fault_suite.by_fault import by_family, by_fault, misnamed, missed, pairs, typical
from scripts.fault_suite.judging import LITERAL, Judged
from scripts.fault_suite.plan import CONFIGURATIONS, Planned
from scripts.fault_suite.score import Case, Figures, baseline_figures, cases_of, figures

JudgedRuns = Sequence[tuple[Planned, Judged]]

HEAD = """# What the diagnosis is worth

Made by `scripts/fault-suite --fresh` from the plan in `scripts/fault_suite/plan.py`; not written by hand.

Each run is really broken in the way that its name says, and its log declares what the config says. A fault
counts as found if its cause is named by the step, and at the level, that `engine faults explain NAME` states.
Whether a run without a fault is healthy is decided from its losses before any check sees it.

Thresholds and drills may be chosen by looking at runs of the reference and of the wide configuration. The
held-out configuration differs from both in depth, width, heads, context, activation, vocabulary, corpus,
batch, learning rate and schedule, betas, eps, decay, clip, warm-up, accumulation and evaluations; it was
declared with its seeds before anything ran on it, and was never run before this table was made.

It took the place of another one, which had been judged in the same way, once: recall 0.942 there and 0.973
over all, one alarm on 109 healthy runs. It showed units of ReLU that are silent in the first steps only (the
alarm), a sudden drop that a declared WSD excused, one dead head of twenty that is called yellow where the
drill asks for orange, and a drill of a slow loader that hardly waits where batches are accumulated. All but
the third were mended before this one was declared.

Why what is missed below is missed. loss_spike: the gradient norm rises fourfold there, and a spike counts
from tenfold on. instability:30: one seed is over so soon that it is an outlier. overfit:200: called 16 steps
late, since a rise must exceed what the noise of the evaluations explains. plateau: a rate that is too low
explains a loss that stands still as well, and comes before it. dead_units come first on held-out where units
of ReLU are really silent. The two alarms: an inverse square root without a warm-up falls by 29 % in its first
step, which was taken for step decay; this alone was mended after the table was made.
"""


WIDTH = 110
"""Characters in a line of text; those of a table are as long as they must be."""


@dataclass(frozen=True)
class Made:
    """How the runs of a page were made."""

    num_runs: int
    num_steps: int
    num_kept: int
    minutes: float
    broken: tuple[str, ...]
    num_processes: int
    cuts: int

    def __str__(self) -> str:
        runs = f"{self.num_runs} runs, {self.num_steps:,} steps together"
        if self.num_kept:
            runs += f"; {self.num_kept} of them were there already, made by the same engine"
        else:
            runs += f"; trained and judged in {self.minutes:.0f} minutes without a break"
            runs += f" by {self.num_processes} processes, and two for what mostly sleeps"
        if self.broken:
            runs += f"; not made, since their training failed: {', '.join(self.broken)}"
        return fill(f"{runs}.", WIDTH) + "\n"


def page(runs: JudgedRuns, aside: Mapping[str, str], made: Made) -> str:
    """The whole page."""
    healthy = [said for run, said in runs if run.is_healthy and run.name not in aside]
    cases = cases_of((run, said) for run, said in runs if not run.is_healthy)
    parts = [
        HEAD,
        str(made),
        _summary(runs, cases, healthy, aside),
        _live(runs, made),
        _baselines(cases, healthy),
        _bare(cases, healthy),
        missed(cases),
        misnamed(cases),
        _false_alarms(runs, aside),
        _aside(aside),
        pairs(cases),
        by_family(cases),
        by_fault(cases),
    ]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def _summary(
    runs: JudgedRuns, cases: Sequence[Case], healthy: Sequence[Judged], aside: Mapping[str, str]
) -> str:
    columns: dict[str, Figures] = {"all": figures(cases, healthy)}
    for name in CONFIGURATIONS:
        own = [case for case in cases if case.planned.configuration == name]
        calm = [
            said
            for run, said in runs
            if run.is_healthy and run.configuration == name and run.name not in aside
        ]
        columns[name] = figures(own, calm)
    rows = [
        ("faults tried", [f"{f.num_cases}" for f in columns.values()]),
        ("recall", [f"{f.recall:.3f}" for f in columns.values()]),
        ("precision", [f"{f.precision:.3f}" for f in columns.values()]),
        ("right cause first", [f"{f.right_first:.3f}" for f in columns.values()]),
        ("healthy runs", [f"{f.num_healthy}" for f in columns.values()]),
        ("healthy runs with an alarm", [f"{f.num_false_alarms}" for f in columns.values()]),
        ("95 % upper bound of false alarms a run", [f"{f.upper_bound:.3f}" for f in columns.values()]),
        ("steps to the name, median", [typical(f.delays) for f in columns.values()]),
        (
            "steps to the name, configuration faults, median",
            [f"{f.median_configuration_delay:g}" for f in columns.values()],
        ),
    ]
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(values)} |" for name, values in rows]
    records, seconds = (sum(getattr(said, name) for _, said in runs) for name in ("num_records", "seconds"))
    cost = f"\nReading and judging costs {1e6 * seconds / max(1, records):.0f} µs of CPU a record."
    return "## Figures\n\n" + "\n".join(lines) + "\n" + cost + "\n"


def _baselines(cases: Sequence[Case], healthy: Sequence[Judged]) -> str:
    ours = figures(cases, healthy)
    lines = [
        "## Beside others, on the same logs\n",
        "For a baseline any alarm after the onset counts as found, whatever it says; it names no cause.\n",
        "| detector | recall | precision | healthy runs with an alarm | 95 % bound |",
        "|---|---|---|---|---|",
        f"| the tree | {ours.recall:.3f} | {ours.precision:.3f} | {ours.num_false_alarms} of "
        f"{len(healthy)} | {ours.upper_bound:.3f} |",
    ]
    names = list(cases[0].judged.baselines) if cases else [LITERAL]
    for name in names:
        recall, precision, false, bound = baseline_figures(name, cases, healthy)
        lines.append(f"| {name} | {recall:.3f} | {precision:.3f} | {false} of {len(healthy)} | {bound:.3f} |")
    return "\n".join(lines) + "\n"


def _bare(cases: Sequence[Case], healthy: Sequence[Judged]) -> str:
    """The same figures where the log holds what nearly every program prints."""
    poorer = [replace(case, judged=case.judged.bare) for case in cases if case.judged.bare]
    calm = [said.bare for said in healthy if said.bare]
    if not poorer:
        return ""
    bare = figures(poorer, calm)
    lost = ", ".join(sorted({str(case.fault) for case in poorer if not case.found}))
    return f"""## With less in the log

The same runs, judged by loss, learning rate, gradient norm and validation loss alone, beside the vocabulary
size, the clip value and the declared schedule:

| recall | precision | right cause first | healthy runs with an alarm |
|---|---|---|---|
| {bare.recall:.3f} | {bare.precision:.3f} | {bare.right_first:.3f} | {bare.num_false_alarms} of {len(calm)} |

{fill(f"Not always found by their deadline then: {lost}.", WIDTH)}
"""


def _false_alarms(runs: JudgedRuns, aside: Mapping[str, str]) -> str:
    lines = [
        f"| {run.name} | {call.check} {call.symptom} | {call.level} | {call.step} |"
        for run, said in runs
        if run.is_healthy and run.name not in aside
        for call in said.alarms
    ]
    if not lines:
        return ""
    head = "## Alarms of healthy runs\n\n| run | alarm | level | step |\n|---|---|---|---|\n"
    return head + "\n".join(lines) + "\n"


def _aside(aside: Mapping[str, str]) -> str:
    if not aside:
        return ""
    lines = [f"- {name}: {reason}" for name, reason in aside.items()]
    return "## Planned as healthy, and not healthy by their losses\n\n" + "\n".join(lines) + "\n"


def _live(runs: JudgedRuns, made: Made) -> str:
    different = [run.name for run, said in runs if said.num_differences]
    named = f": {', '.join(different)}" if different else ""
    return f"""## Live and afterwards

Each of the {len(runs)} logs was judged as a whole, and twice as it grew, cut at random into bytes and into
records (seed {made.cuts}). Verdicts, causes or calls differ for {len(different)} of them{named}.
"""
