"""dashboard.html: a run as one page that asks nobody for anything.

The charts are inline SVG made from the same figures as the screen; a small script of our own adds the cursor.
The page forbids itself every request (Content-Security-Policy: default-src 'none'), and its style and its
script run by their hashes, so that nothing a log may contain could run beside them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files

import numpy as np

from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.verdict import Verdict
from flight_recorder.tui.numbers import count, number, percent
from flight_recorder.tui.panels.figure import Figure
from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.panels.view import View
from flight_recorder.tui.report.html.panel_html import cursor_data, drawable, panel_html, plain_name
from flight_recorder.tui.report.html.tree_html import cards_html, map_html, table_html
from flight_recorder.tui.report.markdown.run_facts import MOST_SETTINGS, run_facts, settings
from flight_recorder.tui.report.wording import html_text
from flight_recorder.tui.run import Run
from flight_recorder.tui.vocabulary import (
    LEVEL_MEANINGS,
    LEVEL_SIGNS,
    counts,
    level_words,
    main_verdict,
    title,
    when,
)

COLUMNS = 800
"""Columns that a curve is reduced to; each keeps its smallest, largest and last value."""

LONG_FACT = 28
"""Characters from which a fact takes the room of two."""


@np.errstate(all="ignore")  # a log may hold any number
def page(run: Run) -> str:
    """The whole page."""
    figures = [drawable(panel, panel.figure(run, View(width_dots=COLUMNS))) for panel in PANELS]
    style, script = _asset("dashboard.css"), _asset("dashboard.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    level = run.judge.level
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">'
        f"<title>{LEVEL_SIGNS[level]} {html_text(plain_name(run.name))}</title>"
        f"<style>{style}</style></head>\n<body>"
        '<a class="skip unseen" href="#panels">to the panels</a>'
        f"{_bar(run)}<main>{_verdict(run)}{_facts(run)}"
        f'<h2 id="panels">Panels</h2>{_panels(run, figures)}'
        f"<h2>What fires, and what to do</h2>{cards_html(run.judge)}"
        f"<details open><summary>Every node of the tree</summary>{table_html(run.judge.verdicts)}</details>"
        f"{_config(run)}{_footer(run)}</main>\n"
        f'<script type="application/json" id="data">{_json(figures)}</script>\n'
        f"<script>{script}</script></body></html>\n"
    )


@cache
def _asset(name: str) -> str:
    return files("flight_recorder.tui.report.html").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(figures: list[Figure]) -> str:
    """The cursor's numbers; no character of it can end the script element."""
    data = json.dumps(cursor_data(figures), separators=(",", ":"))
    return data.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _bar(run: Run) -> str:
    level = run.judge.level
    return (
        f'<div class="bar"><div><bdi>{html_text(plain_name(run.name))}</bdi>'
        f'<span class="badge {level}">{level_words(level)}</span>'
        '<span class="at value" id="place">newest values</span>'
        '<span class="keys"><kbd>←</kbd> <kbd>→</kbd> <kbd>Home</kbd> <kbd>End</kbd> '
        "read every panel at a step <kbd>n</kbd> next violation <kbd>Esc</kbd></span>"
        '<button type="button" id="theme" hidden>theme: auto</button>'
        '<span class="unseen" id="spoken" role="status" aria-live="polite"></span></div></div>'
    )


def _verdict(run: Run) -> str:
    judge = run.judge
    level, headline = judge.level, judge.headline
    if headline is not None:
        heading = title(headline)
        words = f"<p>{html_text(headline.evidence)}</p>"
        words += f'<p class="fix">{html_text(headline.fix)}</p>' if headline.fix else ""
        words += _worse(judge, headline)
    else:
        heading = f"{LEVEL_MEANINGS[level].capitalize()}."
        words = f"<p>Checks: {counts(judge.verdicts)}.</p>"
    broke = "; ".join(f"{verdict.check} {verdict.evidence}" for verdict in judge.failed)
    words += f"<p><b>{html_text(broke)}</b></p>" if broke else ""
    causes = ", ".join(cause for cause, _ in judge.causes[:3])
    likely = f"<p>Likeliest cause first: {html_text(causes)}</p>" if causes else ""
    return (
        f'<section class="verdict {level}"><div class="level">{level_words(level)}</div>'
        f"<h1>{html_text(heading)}</h1><div>{words}{likely}</div></section>"
    )


def _worse(judge: Judge, headline: Verdict) -> str:
    """What gives the run its level, where the first finding of the walk is not the gravest."""
    worst = main_verdict(judge.verdicts, headline)
    if worst is None or worst is headline:
        return ""
    words = f"{title(worst)}, {when(worst)}: {worst.evidence}"
    return f"<p><b>{str(worst.level).capitalize()} because of {html_text(words)}</b></p>"


def _facts(run: Run) -> str:
    pairs = [*_best(run), *run_facts(run)]
    items = "".join(
        f"<div{' class=long' if len(value) > LONG_FACT else ''}><dt>{html_text(name)}</dt>"
        f"<dd><bdi>{html_text(value)}</bdi></dd></div>"
        for name, value in pairs
    )
    return f'<dl class="facts">{items}</dl>'


def _best(run: Run) -> list[tuple[str, str]]:
    """What the evaluations say, in the words of a reader who wants to use the model."""
    overfit = run.judge.overfit
    if not overfit:
        return []
    interval = overfit.get("t_val_min_interval")
    facts = [("best val loss", f"{number(overfit['val_min'])} at step {count(overfit['t_val_min'])}")]
    if interval and interval[0] != interval[1]:
        facts.append(("as good as the best", f"steps {count(interval[0])} to {count(interval[1])}"))
    if overfit.get("onset") is not None:
        facts.append(("overfit since t*", f"step {count(overfit['onset'])}"))
    if overfit.get("gap_final") is not None:
        facts.append(("final gap, val − train", number(overfit["gap_final"])))
    if overfit.get("wasted_fraction"):
        facts.append(("steps after the best", percent(overfit["wasted_fraction"])))
    if overfit.get("nearest_checkpoint_step") is not None:
        facts.append(("checkpoint nearest to it", f"step {count(overfit['nearest_checkpoint_step'])}"))
    return facts


def _panels(run: Run, figures: list[Figure]) -> str:
    """The panels that the log fills, or that broke, and the tree beside them."""
    shown = [pair for pair in zip(PANELS, figures, strict=True) if pair[1].note != pair[0].missing]
    sections = [panel_html(panel, figure) for panel, figure in shown]
    return f'<div class="panels">{"".join(sections)}{map_html(run.judge)}</div>'


def _config(run: Run) -> str:
    pairs = settings(run.recording.header.get("config"))
    if not pairs:
        return ""
    shown = list(pairs.items())[:MOST_SETTINGS]
    rows = "".join(
        f"<tr><td><code>{html_text(name)}</code></td><td><code>{html_text(value)}</code></td></tr>"
        for name, value in shown
    )
    more = f" (the first {MOST_SETTINGS} of {len(pairs):,})" if len(pairs) > MOST_SETTINGS else ""
    return (
        f"<details><summary>Configuration{more}</summary>"
        f'<div class="scroll"><table class="config"><tbody>{rows}</tbody></table></div></details>'
    )


def _footer(run: Run) -> str:
    reset = run.recording.num_out_of_order
    dropped = f" {reset:,} records out of order were left out." if reset else ""
    return (
        f"<footer>Made from <bdi><code>{html_text(run.path)}</code></bdi>. Each column of a curve keeps its "
        f"smallest, largest and last value.{dropped}</footer>"
    )
