"""A JSON document that was not written to its end, as far as it goes."""

from __future__ import annotations

import re

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_CLOSING = {b"[": b"]", b"{": b"}"}

MAX_OPEN = 500
"""Lists and objects in one another; deeper than that no parser of JSON goes, and no history is."""


def until_cut(document: bytes) -> tuple[bytes, int] | None:
    """The document with everything closed behind its last whole list or object, and that byte's offset.

    Empty where nothing in it is whole; None for a document that is whole, and for what is none.
    """
    if document.lstrip()[:1] not in _CLOSING:
        return None
    open_ones: list[bytes] = []
    found = 0, b""
    for token in _TOKEN.finditer(document):
        mark = token[0]
        if mark in _CLOSING:
            open_ones.append(_CLOSING[mark])
            if len(open_ones) > MAX_OPEN:
                return None
        elif open_ones and mark == open_ones[-1]:
            open_ones.pop()
            if not open_ones:
                return None
            found = token.end(), b"".join(reversed(open_ones))
    return document[: found[0]] + found[1], found[0]
