"""The suite of silent bugs: what it holds, how a program is run and judged, and what the page says of it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.silent_bugs.case import EXACT, Case
from scripts.silent_bugs.contract_fields import differences
from scripts.silent_bugs.healthy import healthy_cases
from scripts.silent_bugs.judging import Judged, Said, same_losses
from scripts.silent_bugs.mechanisms import MECHANISMS
from scripts.silent_bugs.page import is_calm, is_first, is_right, page
from scripts.silent_bugs.runner import Outcome, kept, run
from scripts.silent_bugs.suite import BUGS, contracts, everything, twins
from scripts.silent_bugs.traincheck import TRAINCHECK
from scripts.silent_bugs.training import Training, known

pytestmark = pytest.mark.torch

TABLE = Path(__file__).parents[2] / "scripts/silent_bugs/TABLE.md"

SHIFTED = Said("P9", "labels shifted twice", "orange", 0, ("label_shift",))
NOTE = Said("Q6.1a", "vectors decay", "green", 0, ("decay_on_all_parameters",))
CALM = Judged("green", (), (), (), (), {})


def test_the_suite_holds_what_its_figures_are_made_of() -> None:
    number = {case.id.partition("-")[2].rstrip("bc") for case in MECHANISMS}
    assert len(number) == 24
    assert len({case.id.rstrip("b") for case in TRAINCHECK}) == 21
    assert len(healthy_cases()) == 60
    assert len(contracts()) == 40
    assert len(everything()) == len(BUGS) + len(twins()) + 60 + 40


def test_every_bug_is_another_program_than_its_healthy_twin_and_says_what_is_expected() -> None:
    for case in BUGS:
        if case.is_bug:
            assert case.twin is not None and case.program is not case.twin, case.id
            assert case.causes, case.id
            assert 0 <= case.acts_at <= case.program.num_steps, case.id
            assert case.program.ranks == case.twin.ranks, case.id
        else:
            assert case.left_out, case.id


def test_the_page_has_a_row_for_every_bug() -> None:
    page = TABLE.read_text(encoding="utf-8")
    assert [case.id for case in BUGS if case.id not in page] == []


def test_a_program_is_run_twice_judged_and_kept(tmp_path: Path) -> None:
    case = everything()["A-18"]
    outcome = run(case, tmp_path)
    assert not outcome.error
    assert outcome.is_same
    assert is_right(case, outcome)
    assert kept(case, tmp_path) == outcome


def test_a_program_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = everything()["T-Training"]
    monkeypatch.setattr(Training, "limit_s", 0.1)
    started = time.monotonic()
    outcome = run(case, tmp_path)
    assert outcome.judged is None
    assert outcome.error
    assert time.monotonic() - started < 60


def test_a_cause_counts_wherever_it_is_named_and_first_only_as_the_likeliest() -> None:
    case = Case(id="X", mechanism="", causes=("label_shift",), says=EXACT)
    first = Outcome(replace(CALM, level="orange", causes=("label_shift", "plateau"), said=(SHIFTED,)))
    plateau = replace(SHIFTED, causes=("plateau",))
    second = Outcome(
        replace(CALM, level="orange", causes=("plateau", "label_shift"), said=(SHIFTED, plateau))
    )
    other = Outcome(replace(CALM, level="orange", causes=("plateau",), said=(plateau,)))
    assert [is_right(case, one) for one in (first, second, other, None)] == [True, True, False, False]
    assert [is_first(case, one) for one in (first, second, other, None)] == [True, False, False, False]
    noted = Outcome(
        replace(CALM, causes=("decay_on_all_parameters", "label_shift"), said=(SHIFTED,), notes=(NOTE,))
    )
    assert is_first(case, noted)


def test_nothing_is_said_of_a_run_with_a_green_note_and_something_of_one_that_waits() -> None:
    assert is_calm(Outcome(replace(CALM, notes=(NOTE,), causes=NOTE.causes)))
    assert not is_calm(Outcome(replace(CALM, pending=("Q3.1d",))))
    assert not is_calm(Outcome(replace(CALM, said=(SHIFTED,))))
    assert not is_calm(Outcome(CALM, error="not done after 90 s"))
    assert not is_calm(None)


def test_the_page_counts_what_was_run_and_says_what_was_not() -> None:
    outcomes: dict[str, Outcome | None] = {name: None for name in everything()}
    assert "never run" in page(outcomes)
    shifted = replace(CALM, level="orange", causes=("label_shift",), said=(SHIFTED,))
    outcomes |= {"A-04": Outcome(shifted, is_same=True, step_s=0.01, watched_step_s=0.0102)}
    row = next(line for line in page(outcomes).splitlines() if line.startswith("| [A-04]"))
    assert row.endswith("| label_shift | label_shift | orange | yes | yes | 0 / 0 | 0 | 1.02 |")
    outcomes |= {"A-05": Outcome(replace(CALM, level="yellow", said=(replace(SHIFTED, causes=()),)))}
    row = next(line for line in page(outcomes).splitlines() if line.startswith("| [A-05]"))
    assert row.endswith("| label_shift | - | yellow | no | no | - / 0 | 0 | - |")


def test_losses_are_compared_bit_for_bit() -> None:
    nan = float("nan")
    assert same_losses([1.0, nan], [1.0, nan])
    assert not same_losses([1.0, 2.0], [1.0, 2.0000000000000004])
    assert same_losses([1.0], [1.0, 2.0])
    assert not same_losses([], [1.0])


def test_a_contract_that_is_not_measured_must_say_why() -> None:
    assert differences({"measured": False}, {"reason": "the loss is no cross-entropy of labels"}) == []
    assert differences({"measured": False}, {"shift": 1}) == ["claims to be measured"]
    assert differences({"shift": 1}, {}) == ["no contract in the log"]
    assert differences({"shift": 2}, {"shift": 1}) == ["shift 1, expected 2"]
    assert differences({"weights": 4.0}, {"weights": 4.004}) == []
    assert differences({"counted": 154}, {"counted": 155}) == ["counted 155, expected 154"]


def test_the_inspector_is_told_only_what_it_has_a_name_for() -> None:
    assert known({"planned_steps": 10, "the_weather": "fine"}) == {"planned_steps": 10}
