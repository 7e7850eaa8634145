"""Named numbers in a line of print: every number, with the words left of it as its name.

    Epoch: [3][20/500]  Time 2.2 (2.4)  Loss 2.78 (3.03)     epoch 3, 20 of 500, Time 2.2, Loss 2.78
    2024-01-01 10:00:00 INFO valid | epoch 3 | loss 3.9      epoch 3, loss 3.9, of the split "valid"

What a line says depends on the text between its numbers, its *shape*, which a program prints again and again:
names and roles are worked out once for each shape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from flight_recorder.tui.sources.naming.words import SPLITS, is_held_out, is_of_training, split_of, words_of

_DIGITS = (
    r"(?>(?:[1-9]\d{0,2}(?:,\d{3})++(?![\d,])|\d++)(?:\.\d*+)?(?:[eE][-+]?\d++)?|\.\d++(?:[eE][-+]?\d++)?)"
)
SPLIT_AT_NUMBERS = re.compile(
    rf"(?<![A-Za-z0-9_.@])([-+]?(?:{_DIGITS}|(?<!/)(?<!of )(?:nan|inf(?:inity)?)(?![A-Za-z_-]|/[A-Za-z])))",
    re.IGNORECASE,
)
"""Splits a line into text, number, text, ... number, text."""

_NO_NUMBERS = re.compile(
    r"(?P<glog>^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ \S+\])"
    r"|(?<!\d)(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/]\d{1,2}[-/](?:\d{4}|\d\d(?=[ T]\d)))(?!\d)"
    r"|(?<![\w.])\d{1,3}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?:\s*[APap][Mm]\b)?(?![\w.])"
    r"|(?:^|(?<=[\s'\"(=<\[]))[.~]?/[\w./~-]+|\b\w[\w-]*\.(?:py|cpp|cc|cu|pt|pth|ckpt|json|txt|csv|h5|pkl|yaml|log)\b(?::\d+)?"
    r"|\b[\w-]+\.[a-z]{1,4}:\d+|\d+-(?=\d+[A-Za-z])"
    r"|\b(?:pid|line|port|job|device|gpu|cuda|seed|rank|worker|node)s?\W{0,3}\d+"
    r"|\d+(?:\.\d+){2,}|(?<![A-Za-z0-9_.])\d+[A-Za-z_]+\d\w*",
    re.IGNORECASE,
)
"""What has digits and is no number: dates, clock times, files, processes, versions, identifiers."""

STAMP = re.compile(r"(?<!\d)\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?!\d)")
"""The writer's local time, which is taken for ours: only the time between two lines is judged."""
_LEVEL = re.compile(r"^.{0,80}?\b(?:INFO|DEBUG|WARNING|WARN|ERROR|NOTICE)\b(?:\s*[\]:|>-]+|\s)")
_UNIT = re.compile(r"^(?:%|[A-Za-zµ]+(?:/[A-Za-z]+)?%?)")
_PARENTHESISED = re.compile(r"\(([^\W\d][^()]*)\)(\s*[:=]*\s*)$")
_WRAPPER = re.compile(r"(?<=[:=])\s*[A-Za-z][\w.]*$")
"""What Python writes around a number: `tensor(0.5)`, its parenthesis taken off already."""
_SEPARATOR = re.compile(r"[,;|│┃\t\[\](){}<>]|\s[-–—/]\s|\s{3,}|[.!?]\s|[:=](?=.*[^\s:=])|->|=>|\|")
_EDGE = " \t'\"*:=~#>-–—├└─│┃╰╭╮╯•·\\➜→"
_VERBS = re.compile(r"(?:\s+|^)(?:is|was|are|of|so far is)$", re.IGNORECASE)
_AT_COUNTER = re.compile(
    r"^(.*\S)\s+(?:at|after|for|in|on|during)\s+(?:the\s+)?(\S+(?:\s\S+)?)$", re.IGNORECASE
)
_FRACTION = re.compile(r"^\s*(?:/|of|out of)\s*$")
_BETWEEN = re.compile(r"^[\s\[\](),:-]*$")
_SECTION = re.compile(r"[\[\]:,;|]")
_LENGTHS = frozenset({"steps", "iterations", "iters", "updates", "batches"})
_AFTER = {"epoch": "epoch", "iter": "step", "step": "step", "steps": "step", "batch": "step"}
"""Counters whose name stands behind them: "3epoch"."""
_OF_SAMPLES = re.compile(r"Train(?:ing)? Epoch: *\d+ *\[ *\d+/\d+ *\( *\d+(?:\.\d*)?%\)\]")
_BAR = re.compile(r"\d%\s*\||\[[=>.\s]{8,}\]|━{3,}")

MAX_WORDS = 6
"""A longer name is prose."""

MAX_LENGTH = 6000
"""Characters of a line that are looked at: nobody prints a longer line about one step."""

_STEP_WORDS = frozenset(
    [
        "step",
        "steps",
        "iter",
        "iters",
        "iteration",
        "iterations",
        "it",
        "update",
        "upd",
        "up",
        "updates",
        "batch",
        "batches",
        "s",
        "i",
    ]
)
_EPOCH_WORDS = frozenset(["epoch", "epochs", "round", "ep", "episode", "episodes", "e"])
_OF_COUNTER = frozenset(
    [
        "global",
        "current",
        "curr",
        "cur",
        "num",
        "number",
        "n",
        "no",
        "train",
        "training",
        "opt",
        "optim",
        "optimizer",
        "trainer",
        "and",
        "inner",
        "micro",
    ]
)
_OF_HEADINGS = (
    _STEP_WORDS
    | _EPOCH_WORDS
    | _OF_COUNTER
    | SPLITS
    | frozenset(
        [
            "metrics",
            "metric",
            "results",
            "result",
            "summary",
            "start",
            "starting",
            "begin",
            "beginning",
            "running",
            "end",
            "of",
            "in",
            "on",
            "for",
            "the",
            "set",
            "stage",
            "net",
        ]
    )
)
"""Words of a line that only says where the next ones are, or of which split."""
_NO_COUNTER = frozenset(
    [
        "total",
        "max",
        "per",
        "warmup",
        "eval",
        "save",
        "log",
        "every",
        "each",
        "best",
        "last",
        "remaining",
        "all",
        "of",
    ]
)


@dataclass(slots=True)
class Shape:
    """What the numbers of all lines with the same text between them are.

    `metrics` are (place in the line, name, unit), `counters` (place, "step", "epoch" or "inner", place of its
    end or -1, name). `split` is that of the words in front of the first metric, `kind` tells this sort of
    line from others that print numbers of the same names. `again` is where a counter comes a second time,
    behind metrics, with its name: another record begins there.
    """

    metrics: list[tuple[int, str, str]] = field(default_factory=list)
    counters: list[tuple[int, str, int, str]] = field(default_factory=list)
    split: str = ""
    kind: str = ""
    is_bar: bool = False
    counts_samples: bool = False
    stamp: slice | None = None
    is_heading: bool = False
    is_pure: bool = False
    is_indented: bool = False
    again: tuple[int, str] | None = None


def shape_of(text: str, parts: list[str]) -> Shape:
    """Work out a shape from one line that has it, split at its numbers."""
    return _Reading(text, parts).shape()


class _Reading:
    """One line on its way to a shape, number by number from the left."""

    def __init__(self, text: str, parts: list[str]) -> None:
        self._text, self._parts = text, list(parts)
        self._masked = self._masks()
        self._shape = Shape(is_bar=_BAR.search(text) is not None, is_indented=text[:1] in " \t")
        self._roles: dict[int, str] = {}
        self._pending = ""
        self._context = ""
        self._section = ""

    def _masks(self) -> set[int]:
        """Places of what is no number; the text there is painted over, so that no name has a part in it."""
        spans = [found.span() for found in _NO_NUMBERS.finditer(self._text)]
        if prefix := _LEVEL.match(self._text):
            spans.append(prefix.span())
        if not spans:
            return set()
        masked, at, clean = set(), 0, self._text
        for start, end in spans:
            clean = clean[:start] + "|" * (end - start) + clean[end:]
        for place, part in enumerate(self._parts):
            if place % 2 and any(start <= at < end for start, end in spans):
                masked.add(place)
            self._parts[place] = part if place % 2 else clean[at : at + len(part)]
            at += len(part)
        return masked

    def shape(self) -> Shape:
        shape = self._shape
        if found := STAMP.search(self._text):
            shape.stamp = slice(*found.span())
        shape.counts_samples = _OF_SAMPLES.search(self._text) is not None
        for place in range(1, len(self._parts), 2):
            if place not in self._masked:
                self._number(place)
            else:
                self._roles[place] = ""
                if not shape.metrics:
                    self._context += self._parts[place - 1]
        if not shape.metrics:
            self._context += self._parts[-1]
        said = _NO_NUMBERS.sub(" ", _LEVEL.sub("", self._context))
        shape.split = split_of(said)
        first = shape.metrics[0][0] if shape.metrics else len(self._parts)
        shape.kind = "".join(dict.fromkeys(kind[0] for at, kind, _, _ in shape.counters if at < first))
        shape.is_pure = _OF_HEADINGS.issuperset(words_of(said)) and all(
            name or end >= 0 or not self._parts[at - 1].strip(" -") for at, _, end, name in shape.counters
        )
        shape.is_heading = not shape.metrics and bool(shape.counters or shape.split)
        return shape

    def _number(self, place: int) -> None:
        if self._shape.again:
            return
        before, raw = self._parts[place - 1], self._parts[place]
        unit = _UNIT.match(self._parts[place + 1])
        unit_text = unit[0] if unit else ""
        if place > 1 and (own := _UNIT.match(before)):
            before = before[own.end() :]
        last = self._roles.get(place - 2, "")
        is_first = not self._shape.metrics
        if is_first:
            self._context += before
        self._section_in(before)
        name, is_bracketed = _name_in(before)
        if unit_text.lower() in _AFTER and raw.isdigit():
            self._counter(place, _AFTER[unit_text.lower()], unit_text)
            return
        if ".." in name:
            self._roles[place] = ""  # "train_iters ........ 1000": an argument
        elif not name:
            self._nameless(place, before, raw, unit_text, last, is_bracketed)
        else:
            self._named(place, name, raw, unit_text)

    def _nameless(self, place: int, before: str, raw: str, unit: str, last: str, is_bracketed: bool) -> None:
        is_whole = raw.isdigit()
        if _FRACTION.match(before) and last:
            self._end(place, last)
        elif self._pending:
            self._metric(place, self._pending, unit)
            self._pending = ""
        elif (
            is_whole
            and not unit
            and (
                (
                    last in ("step", "epoch", "inner", "end")
                    and _BETWEEN.match(before)
                    and not self._shape.metrics
                )
                or (is_bracketed and not self._shape.metrics and before.rstrip()[-1:] == "[")
                or (self._is_followed_by_end(place) and (not self._shape.metrics or self._shape.is_bar))
                or re.fullmatch(r"\s*-{3,}\s*", before)
                or (place == 1 and not before.strip() and self._parts[2].startswith(":"))
            )
        ):
            self._counter(place, "inner", "")
        else:
            self._roles[place] = ""

    def _is_followed_by_end(self, place: int) -> bool:
        parts = self._parts
        return place + 2 < len(parts) and parts[place + 1].strip() == "/" and parts[place + 2].isdigit()

    def _end(self, place: int, last: str) -> None:
        """The number behind a slash: the end of a counter, or the whole of a fraction, which is no metric."""
        if last in ("step", "epoch", "inner"):
            at, kind, _, name = self._shape.counters[-1]
            self._shape.counters[-1] = at, kind, place, name
            self._roles[place] = "end"
        else:
            if self._shape.metrics and self._shape.metrics[-1][0] == place - 2:
                self._shape.metrics.pop()
            self._roles[place] = ""

    def _named(self, place: int, name: str, raw: str, unit: str) -> None:
        if found := _AT_COUNTER.match(name):
            counter = _counter_kind(found[2])
            if counter and not unit:
                self._pending = found[1] if len(words_of(found[1])) <= MAX_WORDS else ""
                self._counter(place, counter, found[2])
                return
        kind = _counter_kind(name)
        if name.lower() in _LENGTHS and self._shape.metrics and self._shape.counters:
            kind = ""  # how long this episode was
        if kind and not unit and (len(name) > 1 or raw.isdigit()):
            self._counter(place, kind, name)
        elif not kind and (
            name.endswith("#") or (" " in name and "number" not in name and _counter_kind(name.split()[-1]))
        ):
            self._roles[place] = ""
        elif (
            self._is_of_split_only(name)
            and raw.isdigit()
            and (self._is_followed_by_end(place) or self._parts[place + 1].strip() == "[")
        ):
            self._counter(place, "inner", "")
        elif len(name.split()) <= MAX_WORDS:
            self._metric(place, name.rstrip("#"), unit)
        else:
            self._roles[place] = ""

    def _section_in(self, before: str) -> None:
        """A split that stands alone, "[valid]" or "|| dev:", holds for the names that follow."""
        if self._shape.metrics or "[" in before:
            words = words_of("".join(_SECTION.split(before)[-2:-1]))
            if words and SPLITS.issuperset(words):
                self._section = split_of(words[-1])

    def _is_of_split_only(self, name: str) -> bool:
        return len(words_of(name)) == 1 and (is_held_out(name) or is_of_training(name))

    def _metric(self, place: int, name: str, unit: str) -> None:
        if not self._shape.metrics and self._context.rstrip(_EDGE).endswith(name):
            self._context = self._context.rstrip(_EDGE)[: -len(name)]
        if self._section and not is_held_out(name) and not is_of_training(name):
            name = f"{self._section}/{name}"
        self._shape.metrics.append((place, name, unit))
        self._roles[place] = "metric"

    def _counter(self, place: int, kind: str, name: str) -> None:
        shape = self._shape
        if (
            name
            and shape.metrics
            and not shape.again
            and (kind, name) in {(k, n) for _, k, _, n in shape.counters}
        ):
            shape.again = place, name
        self._shape.counters.append((place, kind, -1, name))
        self._roles[place] = kind


def _name_in(before: str) -> tuple[str, bool]:
    """The name at the end of the text in front of a number, and whether the number stands in brackets."""
    text = before.rstrip()
    is_bracketed = text[-1:] in ("[", "(")
    if is_bracketed:
        text = text[:-1].rstrip()
    if before.rstrip().endswith("("):
        text = _WRAPPER.sub("", text)
    text = _PARENTHESISED.sub(r" \1", text)
    text = _VERBS.sub("", text.rstrip(_EDGE.replace("#", "")))
    text = text.rstrip(" \t'\":=~*-")
    cut = 0
    for found in _SEPARATOR.finditer(text):
        cut = found.end()
    name = " ".join(text[cut:].strip(_EDGE.replace("#", "")).split())
    return (name if any(map(str.isalpha, name)) else ""), is_bracketed


def _counter_kind(name: str) -> str:
    """ "step" or "epoch" for the name of a counter, words of prose in front of it allowed; else empty."""
    words = [word.lower() for word in words_of(name)]
    if not words or ("/" in name.strip("/") and len(words) > 3):
        return ""
    if words[-1] in SPLITS:
        words = [*words[-1:], *words[:-1]]
    head, rest = words[-1], words[:-1]
    kind = "step" if head in _STEP_WORDS else "epoch" if head in _EPOCH_WORDS else ""
    if not kind or _NO_COUNTER & set(rest):
        return ""
    if len(head) <= 2 and (rest or (head in ("s", "i", "e") and len(name) > 1)):
        return ""
    if all(word in _OF_COUNTER | SPLITS | _STEP_WORDS | _EPOCH_WORDS for word in rest):
        return "epoch" if set(words) & _EPOCH_WORDS and "and" in rest else kind
    is_prose = " " in name.strip() and name.strip().split()[-1].lower().strip(_EDGE) == head
    return kind if is_prose and not head.endswith("s") else ""
