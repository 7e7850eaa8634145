"""The one way for foreign text, of a log or a path, to a terminal: as text that can do nothing there."""

from __future__ import annotations

import unicodedata

LONGEST = 300
"""Characters of one text that are shown: enough for any name, too few to push the rest off the screen."""

UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Me", "Mn"})
"""Categories of Unicode whose characters have no width of their own."""


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


def _visible(character: str) -> str:
    code = ord(character)
    if character in "\t\n\r":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return "\ufffd" if unicodedata.category(character) in UNSEEN else character
