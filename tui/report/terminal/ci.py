"""What `tui check --format` prints for CI: GitHub's annotations, JUnit's XML, or a page of Markdown.

Each takes the objects of `--json`, one a run, so that it says what that says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from flight_recorder.tui.checks.verdict import Level, State

Document = dict[str, Any]

_NOT_JUDGED = {str(state) for state in (State.UNKNOWN, State.NOT_MEASURED, State.NOT_APPLICABLE)}
_FORBIDDEN_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def github(documents: Sequence[Document], level: Level) -> str:
    """Workflow commands: an error for each verdict at `level` or above, a warning for each below.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    """
    return "\n".join(line for document in documents for line in _annotations(document, level))


def _annotations(document: Document, level: Level) -> Iterator[str]:
    path = document["source"]["path"]
    if document["level"] is None:
        yield f"::error file={_property(path)},title=not read::{_escaped(document['error'])}"
        return
    for verdict in _firing(document):
        command = "error" if _level(verdict) >= level else "warning"
        title = f"{verdict['check']} {verdict['symptom']}"
        message = f"{_since(verdict)}: {verdict['evidence']} What to do: {verdict['fix']}"
        yield f"::{command} file={_property(path)},title={_property(title)}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def junit(documents: Sequence[Document], level: Level) -> str:
    """A test suite a run, a test case a node: failed at `level` or above, skipped where it was not judged.

    https://github.com/testmoapp/junitxml
    """
    suites = ElementTree.Element("testsuites")
    for document in documents:
        suite = ElementTree.SubElement(suites, "testsuite", name=_xml(document["source"]["path"]))
        counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
        for verdict in document.get("verdicts", ()):
            counts["tests"] += 1
            kind = _test_case(suite, verdict, level)
            if kind:
                counts[kind] += 1
        if document["level"] is None:
            counts["tests"] = counts["errors"] = 1
            case = ElementTree.SubElement(suite, "testcase", classname="log", name="is read")
            ElementTree.SubElement(case, "error", message=_xml(document["error"]))
        suite.attrib |= {name: str(count) for name, count in counts.items()}
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True)


def _test_case(suite: ElementTree.Element, verdict: Document, level: Level) -> str:
    """The case of a node; which count it belongs to, empty for one that passes."""
    name = _xml(f"{verdict['check']} {verdict['question']}")
    case = ElementTree.SubElement(suite, "testcase", classname=verdict["section"], name=name)
    if verdict["state"] == State.FIRING and _level(verdict) >= level:
        failure = ElementTree.SubElement(
            case, "failure", message=_xml(f"{verdict['symptom']} {_since(verdict)}")
        )
        failure.text = _xml(f"{verdict['evidence']}\n{verdict['fix']}")
        return "failures"
    if verdict["state"] == State.FAILED:
        ElementTree.SubElement(case, "error", message=_xml(verdict["evidence"]))
        return "errors"
    if verdict["state"] in _NOT_JUDGED:
        ElementTree.SubElement(case, "skipped", message=verdict["state"])
        return "skipped"
    return ""


def _xml(text: str) -> str:
    """Characters that XML 1.0 has no place for are replaced."""
    return _FORBIDDEN_IN_XML.sub("\ufffd", text)


def markdown(documents: Sequence[Document], level: Level) -> str:
    """A page for a job's summary: a table of the runs, and what is wrong with each."""
    rows = ["| run | level | what | since step |", "| --- | --- | --- | ---: |"]
    for document in documents:
        headline = document.get("headline") or {}
        what = document.get("error") or (f"{headline['check']} {headline['symptom']}" if headline else "")
        since = headline.get("first_step", "")
        level_word = document["level"] or "not read"
        rows.append(f"| {_cell(document['source']['path'])} | {level_word} | {_cell(what)} | {since} |")
    parts = ["# Training runs", "", *rows]
    for document in documents:
        lines = list(_items(document))
        if lines:
            parts += ["", f"## {_cell(document['source']['path'])}", "", *lines]
    return "\n".join(parts)


def _items(document: Document) -> Iterator[str]:
    for verdict in _firing(document):
        title = f"{verdict['level']}: {verdict['check']} {verdict['symptom']}, {_since(verdict)}"
        yield f"- **{_cell(title)}**. {_cell(verdict['evidence'])} What to do: {_cell(verdict['fix'])}"


def _cell(text: str) -> str:
    """Text that Markdown does not read: a log's names are not ours."""
    return re.sub(r"([\\`*_{}\[\]<>|#!~])", r"\\\1", " ".join(text.split()))


def _firing(document: Document) -> list[Document]:
    found = [verdict for verdict in document.get("verdicts", ()) if verdict["state"] == State.FIRING]
    return sorted((one for one in found if _level(one) > Level.GREEN), key=_level, reverse=True)


def _level(verdict: Document) -> Level:
    return Level[verdict["level"].upper()]


def _since(verdict: Document) -> str:
    first, last = verdict["first_step"], verdict["last_step"]
    return f"step {first}" if first == last else f"steps {first} to {last}"


FORMATS: dict[str, Callable[[Sequence[Document], Level], str]] = {
    "github": github,
    "junit": junit,
    "markdown": markdown,
}
"""By the name that --format knows them by."""
