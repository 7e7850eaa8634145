"""Signs in an encoding that lacks them: each as the ASCII letter that looks most like it, else as ?."""

from __future__ import annotations

import codecs

NAME = "flight_recorder.tui.plain_letters"
"""The name under which `codecs` knows this way of encoding."""

_ALIKE = {
    **dict.fromkeys("─━╌╴╶╸–—−", "-"),
    **dict.fromkeys("│┃┊╎", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛", "+"),
    **dict.fromkeys("△▲▴", "^"),
    **dict.fromkeys("■█▓▀▄▌▐", "#"),
    **dict.fromkeys("●○◌◍", "o"),
    "✓": "v",
    "◆": "*",
    "✖": "x",
    "×": "x",
    "→": ">",
    "…": "~",
    "·": ".",
    "≥": ">",
    "≤": "<",
}
_BRAILLE = range(0x2801, 0x2900)


def use() -> None:
    """Let streams encode with `errors=NAME`."""
    codecs.register_error(NAME, _replaced)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(map(_alike, letters)), error.end


def _alike(letter: str) -> str:
    return "*" if ord(letter) in _BRAILLE else _ALIKE.get(letter, "?")
