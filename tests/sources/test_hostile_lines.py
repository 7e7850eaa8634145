"""Lines that take a careless pattern minutes."""

from __future__ import annotations

import pytest

from flight_recorder.tui.follow.intake import Intake
from flight_recorder.tui.sources.errors import CannotRead

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


@pytest.mark.timeout(60)  # a pattern that backtracks takes minutes for one of these
@pytest.mark.parametrize("text", LINES.values(), ids=LINES.keys())
def test_a_hostile_line_has_no_loss_and_does_not_hold_the_reader_up(text: str) -> None:
    intake = Intake("a log", None)
    try:
        intake.take((f"{text}\n" * 3).encode())
        intake.finish()
    except CannotRead:
        return
    batch = intake.batch(1000, 0.0, 0)
    assert batch is None or not [record for record in batch.records if "loss" in record]
