"""Lines that take a careless pattern minutes."""

from __future__ import annotations

import time

import pytest

from tui.follow.intake import Intake
from tui.sources.errors import CannotRead

LINES = {
    "digits": "loss " + "9" * 3000 + "gging",
    "dotted digits": "loss " + "9." * 1500 + "x",
    "letters": "a" * 3000 + " 1",
    "colons": "step:" + "a: 1" * 800 + "x",
    "bars": "iteration 1/2 | " + "a|" * 1500,
    "quotes": "{'" + "a'" * 1500,
    "blanks": "loss" + " " * 3000 + "x",
    "brackets": "[" * 3000,
    "percents": "1%|" * 1000,
}


@pytest.mark.parametrize("text", LINES.values(), ids=LINES.keys())
def test_a_hostile_line_takes_no_longer_than_its_length(text: str) -> None:
    intake = Intake("a log", None)
    started = time.process_time()
    try:
        intake.take((f"{text}\n" * 3).encode())
        intake.finish()
    except CannotRead:
        pass
    # A pattern that backtracks takes minutes for these; a second is a thousand times what they need.
    assert time.process_time() - started < 5.0
