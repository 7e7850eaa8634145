"""Sentences of the verb corpus: twenty verbs, five tenses, five frames, a pronoun or a name in front.

A sentence knows the class of its verb and where the verb stands, so that the loss can be read by class
over whole sentences and over the verb's own tokens.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from flight_recorder.engine.data.lexicon import (
    END,
    IRREGULAR,
    NAMES,
    NOUNS,
    PLACES,
    PRONOUNS,
    REGULAR,
    SUFFIX_ED,
    SUFFIX_ING,
    SUFFIX_S,
)

CLASSES = ("regular", "irregular")
TENSES = ("present", "past", "future", "perfect", "continuous")
FRAMES = ("statement", "negation", "question", "company", "place")

SHARE_OF_NAMES = 0.5
"""Half of the sentences have a name for a subject, the other half one of the seven pronouns."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """Tokens with `<end>` last; `verb` holds the positions of the verb's own tokens."""

    tokens: tuple[str, ...]
    verb: tuple[int, ...]
    class_index: int


@dataclass(frozen=True, slots=True)
class _Subject:
    token: str
    person: int  # 1 for "i", 3 for he, she, it and names, 2 for everybody else


@dataclass(frozen=True, slots=True)
class _Predicate:
    """A finite part that can move before the subject, and what stays behind it.

    Where there is no auxiliary (`she walks`) the finite part is empty.
    """

    finite: tuple[str, ...]
    rest: tuple[str, ...]
    finite_is_verb: bool = False


def sentence(rng: random.Random) -> Sentence:
    """One sentence, every choice uniform."""
    verb = rng.choice((*REGULAR, *IRREGULAR))
    subject = _subject(rng)
    tense, frame = rng.choice(TENSES), rng.choice(FRAMES)
    predicate = _predicate(verb, tense, subject, inverted=frame in ("negation", "question"))
    words = _words(frame, subject, predicate, rng)
    verb_tokens = predicate.finite if predicate.finite_is_verb else predicate.rest
    at = _find(words, verb_tokens)
    return Sentence((*words, END), tuple(range(at, at + len(verb_tokens))), int(verb in IRREGULAR))


def _subject(rng: random.Random) -> _Subject:
    if rng.random() < SHARE_OF_NAMES:
        return _Subject(f"{rng.choice(NAMES)}:name", 3)
    pronoun = rng.choice(PRONOUNS)
    return _Subject(pronoun, {"i": 1, "he": 3, "she": 3, "it": 3}.get(pronoun, 2))


def _words(frame: str, subject: _Subject, predicate: _Predicate, rng: random.Random) -> tuple[str, ...]:
    finite, rest, who = predicate.finite, predicate.rest, (subject.token,)
    thing = ("the", f"{rng.choice(NOUNS)}:noun")
    place = ("in", "the", f"{rng.choice(PLACES)}:place")
    company = ("with", f"{rng.choice(NAMES)}:name")
    match frame:
        case "statement":
            return (*who, *finite, *rest, *thing, *place, ".")
        case "negation":
            return (*who, *finite, "not", *rest, *thing, ".")
        case "question":
            return (*finite, *who, *rest, *thing, *place, "?")
        case "company":
            return (*who, *finite, *rest, *company, *place, ".")
        case _:
            return (*who, *finite, *rest, *place, ".")


def _predicate(verb: str, tense: str, subject: _Subject, inverted: bool) -> _Predicate:
    third = subject.person == 3
    match tense:
        case "future":
            return _Predicate(("will",), _form(verb, "base"))
        case "perfect":
            return _Predicate(("has" if third else "have",), _form(verb, "participle"))
        case "continuous":
            return _Predicate((_present_of_be(subject),), _form(verb, "ing"))
    if verb == "be":  # the only verb that needs no "do" to be negated or asked
        past = "was" if subject.person in (1, 3) else "were"
        return _Predicate((past if tense == "past" else _present_of_be(subject),), (), finite_is_verb=True)
    if inverted:
        auxiliary = "did" if tense == "past" else "does" if third else "do"
        return _Predicate((auxiliary,), _form(verb, "base"))
    return _Predicate((), _form(verb, "past" if tense == "past" else "third" if third else "base"))


def _present_of_be(subject: _Subject) -> str:
    return {1: "am", 2: "are", 3: "is"}[subject.person]


def _form(verb: str, form: str) -> tuple[str, ...]:
    """Stem and suffix of a regular verb, the one token of an irregular one."""
    if verb in IRREGULAR:
        return (IRREGULAR[verb][("base", "third", "past", "participle", "ing").index(form)],)
    suffix = {"third": SUFFIX_S, "past": SUFFIX_ED, "participle": SUFFIX_ED, "ing": SUFFIX_ING}.get(form)
    return (verb, suffix) if suffix else (verb,)


def _find(words: tuple[str, ...], part: tuple[str, ...]) -> int:
    """Where `part` stands: its last place, since an auxiliary may be the same word ("has ... had")."""
    last = len(words) - len(part)
    return next(i for i in range(last, -1, -1) if words[i : i + len(part)] == part)
