"""A card says why a reading beyond its bound is no fault, and why a rule is not meant for a run."""

from __future__ import annotations

from flight_recorder.tui.checks.verdict import Level, Span, State, Verdict
from flight_recorder.tui.screen.drawing.card import card_lines
from flight_recorder.tui.screen.drawing.spans import plain
from flight_recorder.tui.screen.drawing.tree_view import tree_cell, tree_rows
from tests.screen.builders import healthy_verdicts, verdict

EXCUSED = verdict(
    "D4.2",
    "overfitting",
    State.EXCUSED,
    symptom="validation loss rises",
    reading=0.031,
    bound_text="2 %",
    evidence="validation is 3.1 % over its best",
    first_step=300,
    last_step=400,
    excused_by="within_noise",
    excused_spans=(Span(300, 400, Level.ORANGE),),
)
NOT_MEANT = verdict(
    "D5.1", "level", State.NOT_APPLICABLE, evidence="the log does not say how many classes there are"
)


def card(one: Verdict) -> str:
    return "\n".join(plain(line) for line in card_lines(one, None, [one], 400, 84))


def test_the_card_of_an_excused_reading_has_the_true_number_and_the_excuse() -> None:
    text = card(EXCUSED)
    assert "D4.2  excused" in text
    assert "reading     0.031 against 2 %" in text
    assert "excused     the noise of the run explains it" in text


def test_the_card_of_a_rule_that_is_not_meant_says_why() -> None:
    text = card(NOT_MEANT)
    assert "D5.1  not applicable" in text
    assert "why not     the log does not say how many classes there are" in text


def test_rules_that_are_not_meant_are_one_line_of_the_cell_and_rows_of_the_tree() -> None:
    verdicts = [*healthy_verdicts(), NOT_MEANT, EXCUSED]
    cell = "\n".join(plain(line) for line in tree_cell(verdicts, None, 60, 20))
    assert "1 rule does not apply to such a run" in cell and "D5.1" not in cell
    rows = "\n".join(plain(line) for line in tree_rows(verdicts, 0, 110, 30))
    assert "D5.1" in rows and "not applicable" in rows
    assert "~ D4.2" in rows and "excused: the noise of the run explains it" in rows
