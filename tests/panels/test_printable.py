from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_recorder.tui.panels.printable import LONGEST, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("19-overfit", "19-overfit"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("two\nlines\tand\rmore", "two lines and more"),
        ("\x9b2J", "\ufffd2J"),
        ("right\u202eleft", "right\ufffdleft"),
        ("e\u0301te\u0301", "été"),
        ("z\u0335\u0335\u0335", "z\ufffd\ufffd\ufffd"),
        ("\x7f", "␡"),
        ("\udc80", "\ufffd"),
        ("模型 שלום", "模型 שלום"),
    ],
)
def test_text_is_shown_and_does_nothing(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_long_text_is_cut_and_says_so() -> None:
    assert printable("x" * 10_000) == "x" * LONGEST + "…"
    assert printable("x" * 10_000, 5) == "xxxxx…"


@given(st.text(st.characters(codec=None)))
def test_nothing_that_moves_colours_or_reorders_is_left(text: str) -> None:
    categories = {unicodedata.category(character) for character in printable(text)} - {"So"}
    assert not categories & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Mn", "Me"}


@given(st.text())
def test_what_is_printable_stays_as_it_is_when_shown_again(text: str) -> None:
    assert printable(printable(text)) == printable(text)
