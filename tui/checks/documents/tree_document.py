"""TREE.md: the whole tree, written from the declarations so that it cannot disagree with them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby

from flight_recorder.engine.runlog.shipped import CONFIGS
from flight_recorder.tui.checks.documents.explain import leaf_bounds, pass_band, when_in_words
from flight_recorder.tui.checks.excuses import EXCUSES
from flight_recorder.tui.checks.parameters import in_words
from flight_recorder.tui.checks.rule import Check
from flight_recorder.tui.checks.scope import SCOPES
from flight_recorder.tui.checks.signals.signal import SIGNALS
from flight_recorder.tui.checks.tree import every_check

ALARMS = CONFIGS / "thresholds" / "healthy-alarms.json"
"""How many healthy runs raise alarms, counted by scripts/healthy-alarms."""

_HEAD = """# The tree

Generated from the declarations in this folder by `render_tree()`; edit those, not this page.

The nodes are walked from top to bottom: the configuration first, then the exact probes, then the dynamics.
The first firing leaf is the headline, later ones are listed with it. Each node measures one number; bounds
are data, can be overridden with `--thresholds FILE`, and stand here once for the rule, the line on the panel
and the test. Another package adds nodes by an entry point of the group `training_flight_recorder.checks` that
names a module of such declarations.

States: `unknown` (not enough data yet), `not_measured` (the log lacks a field), `not_applicable` (the node
is not meant for such a run), `pass`, `amber` (outside the pass band, in no leaf), `pending` (a leaf holds,
not yet for long enough), `firing`, `resolved`, `excused` (beyond a bound, for a reason that is named),
`failed` (the check itself broke: a defect of this program, and no word on the run). A reading that is NaN
or infinite is compared with nothing: it is a violation of its own. Levels: green, yellow (watch it), orange
(act now), red (damage is happening), black (the run is lost).
"""


def render_tree() -> str:
    """The text of TREE.md."""
    shipped = [check for check in every_check() if check.shipped]
    literal = [check for check in every_check() if not check.shipped]
    parts = [_HEAD, *_sections(shipped)]
    if literal:
        parts.append(
            "## As written\n\nThe numbers of the first draft, off unless a thresholds file names them.\n"
        )
        parts += [_node(check) for check in literal]
    parts += _alarms()
    parts += _signals()
    parts += _names()
    parts += ["## Where the bounds differ from those of the first draft\n", *_differences(shipped)]
    return "\n".join(parts).rstrip() + "\n"


def _sections(checks: Iterable[Check]) -> Iterator[str]:
    for section, nodes in groupby(checks, key=lambda check: check.section):
        yield f"## {section.capitalize()}\n"
        yield from (_node(check) for check in nodes)


def _node(check: Check) -> str:
    lines = [
        f"### {check.id} {check.question}\n",
        f"{check.describe}\n",
        f"Reads {', '.join(f'`{name}`' for name in (*check.reads, *check.optional))}; "
        f"judged {when_in_words(check)}; panel `{check.panel}`; passes {pass_band(check)}.\n",
    ]
    if check.applies:
        lines.append(f"Applies to: {', '.join(f'`{scope.name}`' for scope in check.applies)}.\n")
    if check.parameters:
        lines.append(f"Parameters: {in_words(check.parameters)}.\n")
    if check.leaves:
        lines += ["| leaf | holds | level | causes | fix |", "|---|---|---|---|---|"]
        lines += [
            f"| {leaf.symptom} | {_cell(leaf_bounds(leaf))} | {leaf.level} | "
            f"{', '.join(f'`{cause}`' for cause in leaf.causes)} | {_cell(leaf.fix)} |"
            for leaf in check.leaves
        ]
        lines.append("")
    lines.append(f"Source: {check.source}.\n")
    return "\n".join(lines)


def _differences(checks: Iterable[Check]) -> Iterator[str]:
    yield "| node | first draft | now | why |"
    yield "|---|---|---|---|"
    for check in checks:
        if check.as_written:
            ours = "; ".join(f"{leaf.symptom}: {leaf_bounds(leaf)}" for leaf in check.leaves)
            yield f"| {check.id} | {_cell(check.as_written)} | {_cell(ours)} | {_cell(check.why)} |"


def _signals() -> Iterator[str]:
    """What is derived once per run and read by several nodes."""
    yield "## Signals\n"
    yield (
        "Series and objects that are derived from the records once. Their parameters are set "
        "in a thresholds file under `signals`.\n"
    )
    for signal in sorted(SIGNALS.values(), key=lambda signal: signal.name):
        yield f"### {signal.name}\n"
        reads = ", ".join(f"`{name}`" for name in (*signal.reads, *signal.optional))
        parameters = f" Parameters: {in_words(signal.parameters)}." if signal.parameters else ""
        yield f"{signal.describe} Reads {reads}.{parameters}\n"
        if signal.why:
            yield f"Why: {signal.why}.\n"
        if signal.reference:
            yield f"Reference: {signal.reference}\n"


def _names() -> Iterator[str]:
    """Scopes and excuses, by the names that nodes use."""
    yield "## Scopes\n\nFor which runs a node is meant; else it is not applicable, and says why.\n"
    yield "| scope | otherwise |"
    yield "|---|---|"
    yield from (f"| `{scope.name}` | {scope.otherwise} |" for scope in SCOPES)
    yield "\n## Excuses\n\nWhy a reading beyond a bound may be no fault; the reading stays the true number.\n"
    yield "| excuse | excused because |"
    yield "|---|---|"
    yield from (f"| `{name}` | {words} |" for name, words in EXCUSES.items())
    yield ""


def _alarms() -> Iterator[str]:
    """The table of false alarms on healthy runs, where they have been counted."""
    if not ALARMS.exists():
        return
    counted = json.loads(ALARMS.read_text(encoding="utf-8"))
    runs, shipped, written = counted["runs"], counted["shipped"], counted["as_written"]
    yield "## Alarms on healthy runs\n"
    yield (
        f"Of {len(runs)} healthy runs ({', '.join(runs)}), how many raise an alarm of orange or worse; "
        "counted by `scripts/healthy-alarms`.\n"
    )
    yield "| check | our bounds | as written |"
    yield "|---|---|---|"
    for check in dict.fromkeys(("any", *sorted({*shipped, *written}))):
        yield f"| {check} | {shipped.get(check, 0)} | {written.get(check, 0)} |"
    yield ""


def _cell(text: str) -> str:
    """Text that a table cell can hold."""
    return text.replace("|", "\\|")
