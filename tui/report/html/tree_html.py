"""The tree on the page: what fires as cards, every node as a row."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.verdict import Level, State, Verdict
from flight_recorder.tui.numbers import number
from flight_recorder.tui.report.wording import html_text
from flight_recorder.tui.vocabulary import LEVEL_SIGNS, counts, sign_of, state_words, when


def firing_first(judge: Judge) -> list[Verdict]:
    """What fires now, headline first, then the gravest; then what is outside its band, broke, or fired."""
    order = {State.FIRING: 0, State.AMBER: 1, State.PENDING: 2, State.FAILED: 3, State.RESOLVED: 4}
    headline = judge.headline.check if judge.headline else None
    found = [verdict for verdict in judge.verdicts if verdict.state in order]
    return sorted(found, key=lambda v: (order[v.state], v.check != headline, -v.level))


def cards_html(judge: Judge) -> str:
    """A card for each node that fires, has fired or broke; a calm sentence where there is none."""
    shown = firing_first(judge)
    if not shown:
        judged = sum(verdict.state is State.PASS for verdict in judge.verdicts)
        return f'<p class="muted">Nothing fires. {judged} nodes of the tree were judged and passed.</p>'
    return f'<div class="cards">{"".join(_card(verdict) for verdict in shown)}</div>'


def _card(verdict: Verdict) -> str:
    firing = verdict.state is State.FIRING
    sign = sign_of(verdict)
    level = verdict.level if firing else (Level.YELLOW if verdict.state is State.AMBER else Level.GREEN)
    state = "" if firing else f"{state_words(verdict)}, "
    fix = f'<p class="fix">{html_text(verdict.fix)}</p>' if verdict.fix else ""
    return (
        f'<article class="card {level}"><h3><span class="badge">{sign} {html_text(verdict.check)}</span> '
        f"{html_text(verdict.symptom or verdict.question)}</h3>"
        f"<p>{html_text(verdict.evidence)}</p>{fix}"
        f'<p class="muted">{html_text(state + when(verdict))} · {html_text(verdict.question)}'
        f"{_bound(verdict)}</p></article>"
    )


def _bound(verdict: Verdict) -> str:
    reading = "" if verdict.reading is None else f" · reading {number(verdict.reading)}"
    return html_text(f"{reading} · bound {verdict.bound_text}" if verdict.bound_text else reading)


def map_html(judge: Judge) -> str:
    """The whole tree at a glance, a row a section, as the eighth panel."""
    rows = ""
    for section, members in groupby(judge.verdicts, key=lambda verdict: verdict.section):
        nodes = "".join(_node(verdict) for verdict in members)
        rows += f"<dt>{html_text(section)}</dt><dd>{nodes}</dd>"
    level = judge.level
    return (
        f'<section class="panel" id="tree" tabindex="0" aria-label="Tree: {level}"><header><h3>Tree</h3>'
        f'<span class="health {level}">{LEVEL_SIGNS[level]} {level}</span></header>'
        f'<p class="question">{html_text(counts(judge.verdicts))}</p><dl class="map">{rows}</dl></section>'
    )


def _node(verdict: Verdict) -> str:
    firing = verdict.state is State.FIRING
    sign = sign_of(verdict)
    level = f" firing {verdict.level}" if firing else f" {verdict.state}"
    title = html_text(f"{verdict.question} {state_words(verdict)}")
    text = f"{sign} {html_text(verdict.check)}"
    return f'<a class="node{level}" href="#{_anchor(verdict)}" title="{title}">{text}</a> '


def _anchor(verdict: Verdict) -> str:
    return "node-" + "".join(character for character in verdict.check if character.isalnum())


def table_html(verdicts: Iterable[Verdict]) -> str:
    """Every node of the tree in walking order; what could not be judged is shown as such."""
    body = ""
    for section, members in groupby(verdicts, key=lambda verdict: verdict.section):
        body += f'<tr class="section"><th colspan="6" scope="rowgroup">{html_text(section)}</th></tr>'
        body += "".join(_row(verdict) for verdict in members)
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("Node", "State", "Question", "Reading", "Bound", "Evidence")
    )
    table = f'<table class="nodes"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def _row(verdict: Verdict) -> str:
    silent = ' class="silent"' if verdict.state in (State.NOT_MEASURED, State.UNKNOWN) else ""
    sign = sign_of(verdict)
    level = verdict.level if verdict.state is State.FIRING else Level.GREEN
    happened = " · ".join(part for part in (verdict.symptom, when(verdict), verdict.evidence) if part)
    return (
        f'<tr{silent} id="{_anchor(verdict)}"><td class="num">{html_text(verdict.check)}</td>'
        f'<td class="{level}"><span class="state">{sign} {state_words(verdict)}</span></td>'
        f"<td>{html_text(verdict.question)}</td>"
        f'<td class="num">{"" if verdict.reading is None else number(verdict.reading)}</td>'
        f"<td>{html_text(verdict.bound_text)}</td><td>{html_text(happened)}</td></tr>"
    )
