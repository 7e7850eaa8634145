"""A little of scripts/fuzz, each time the tests are run; and that it would see what it looks for."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterable
from pathlib import Path

import pytest

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.sources.tables.scanned import ScannedParser
from scripts.fuzzing.driving import flaws
from scripts.fuzzing.forms import forms
from scripts.fuzzing.logs import log

CSV = b"step,loss\n" + b"".join(b"%d,%.3f\n" % (step, 3 - step / 100) for step in range(1, 60))
NUM_LOGS = 60


@pytest.fixture(autouse=True)
def _debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fuzzer asks for tracebacks in the environment: no other test should."""
    monkeypatch.setenv("TUI_DEBUG", "1")


@pytest.fixture
def rng() -> random.Random:
    return random.Random(0)


def test_a_log_is_the_same_for_the_same_seed_and_number_and_every_form_is_among_them() -> None:
    names = {log(5, number)[0] for number in range(len(forms()))}

    assert names == set(forms())
    assert log(5, 17) == log(5, 17)
    assert log(5, 17) != log(6, 17)


@pytest.mark.parametrize("name", forms())
def test_every_form_unchanged_is_read_without_a_flaw(name: str, tmp_path: Path) -> None:
    assert flaws(forms()[name](random.Random(3)), tmp_path, random.Random(3)) == []


@pytest.mark.parametrize("part", range(4))
def test_changed_logs_are_read_without_a_flaw(part: int, tmp_path: Path) -> None:
    found = [
        (number, flaw.name)
        for number in range(part, NUM_LOGS, 4)
        for flaw in flaws(log(11, number)[1], tmp_path, random.Random(number))
    ]
    assert found == []


def test_a_reader_that_raises_is_a_flaw(
    tmp_path: Path, rng: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(parser: ScannedParser, text: str) -> Iterable[Record]:
        raise KeyError("a slip")

    monkeypatch.setattr(ScannedParser, "records_in", failing)

    assert any("KeyError" in flaw.name for flaw in flaws(CSV, tmp_path, rng))


def test_a_warning_is_a_flaw(tmp_path: Path, rng: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    def warning(judge: Judge) -> None:
        warnings.warn("divided by zero", RuntimeWarning, stacklevel=1)

    monkeypatch.setattr(Judge, "update", warning)

    assert any("RuntimeWarning" in flaw.name for flaw in flaws(CSV, tmp_path, rng))


def test_a_difference_between_whole_and_pieces_is_a_flaw(
    tmp_path: Path, rng: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ScannedParser.feed

    def forgetful(parser: ScannedParser, data: bytes) -> list[Record]:
        return right(parser, data)[:5]

    monkeypatch.setattr(ScannedParser, "feed", forgetful)

    assert any(flaw.name.startswith("differs") for flaw in flaws(CSV, tmp_path, rng))
