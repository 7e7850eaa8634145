"""The one way for text out of a log to a terminal: as text that can do nothing there."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 300
"""Characters of one text that are shown: enough for any name, too few to push the rest off the screen."""

_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Me", "Mn"})
_BEYOND = re.compile("[\x7f-\U0010ffff]")


def printable(text: str, longest: int = LONGEST) -> str:
    """The text on one line, cut to length, with nothing in it that moves, colours, reorders or stacks.

    Control characters show as their pictures (ESC as ␛), everything else without a width of its own, such as
    marks that turn the direction of writing, as a replacement character.
    """
    if text.isascii() and text.isprintable() and len(text) <= longest:
        return text
    # Composed first, so that an accent typed as a letter and a mark stays the accented letter.
    shown = unicodedata.normalize("NFC", text[:longest])
    return "".join(_visible(character) for character in shown) + ("…" if len(text) > longest else "")


def escaped(json_text: str) -> str:
    """The same JSON, with every character that is not seen or that moves others written as an escape."""
    return (
        json_text if json_text.isascii() and json_text.isprintable() else _BEYOND.sub(_as_escape, json_text)
    )


def _as_escape(match: re.Match[str]) -> str:
    if unicodedata.category(match[0]) not in _UNSEEN:
        return match[0]
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _visible(character: str) -> str:
    code = ord(character)
    if character in "\t\n\r":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return "\ufffd" if unicodedata.category(character) in _UNSEEN else character
