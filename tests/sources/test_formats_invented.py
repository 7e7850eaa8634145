"""Formats that nobody showed to the reader, and texts that are no logs."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sources.formats_invented.invented import Format, Series, Truth, all_logs, all_texts
from tests.sources.formats_invented.outcome import Outcome, Reading, outcomes, wrong_main, wrong_validation

# What holds today. Raise them when the reader learns more; never lower them.
LOGS_READ_RIGHT = 36
TEXTS_NOT_TAKEN_FOR_LOGS = 59

ALL = [*all_logs(), *all_texts()]


def test_logs_are_read_right() -> None:
    _at_least(LOGS_READ_RIGHT, outcomes()[0])


def test_texts_are_not_taken_for_logs() -> None:
    _at_least(TEXTS_NOT_TAKEN_FOR_LOGS, outcomes()[1])


def _at_least(num_right: int, found: list[Outcome]) -> None:
    wrong = [outcome for outcome in found if outcome.wrong]
    assert len(found) - len(wrong) >= num_right, "\n".join(f"{bad.name}: {bad.wrong}" for bad in wrong)


def test_nothing_makes_the_program_crash() -> None:
    assert [bad for found in outcomes() for bad in found if bad.wrong.startswith("crashed")] == []


def test_the_lists_are_as_they_were_written() -> None:
    assert (len(all_logs()), len(all_texts())) == (40, 60)
    assert len({text.name for text in ALL}) == 100


@pytest.mark.parametrize("text", ALL, ids=lambda text: text.name)
def test_a_seed_says_what_is_written(text: Format, tmp_path: Path) -> None:
    first, again, other = (_bytes(text.write(tmp_path / str(i), seed)[0]) for i, seed in enumerate((3, 3, 4)))
    assert first == again
    assert first != other or text in all_texts()


def _bytes(path: Path) -> bytes:
    return b"".join(part.read_bytes() for part in ([path] if path.is_file() else sorted(path.iterdir())))


@pytest.mark.parametrize("log", all_logs(), ids=lambda log: log.name)
def test_the_truth_stands_in_the_text(log: Format, tmp_path: Path) -> None:
    path, truth = log.write(tmp_path)
    text = _bytes(path).decode("utf-16" if _bytes(path).startswith(b"\xff\xfe") else "utf-8")
    found = [n for point in ".," for n in re.findall(rf"-?\d+(?:[{point}]\d+)?(?:e[+-]\d+)?", text)]
    numbers = {float(number.replace(",", ".")) for number in found}
    assert 60 <= len(truth.main[0].values) <= 400
    for series in [truth.main[0], *truth.validation[:1]]:
        assert len(series.counters) == len(series.values)
        assert [value for value in series.values if not math.isnan(value) and value not in numbers] == []


VALUES = tuple(3.0 * 0.97**i + 0.5 for i in range(100))
LOSS = Series("loss", tuple(range(100)), VALUES)
VAL_LOSS = Series("val_loss", (49, 99), (1.3, 0.9))
TRUTH = Truth([LOSS], [VAL_LOSS])
READ = {"loss": LOSS, "evaluation/val_loss": VAL_LOSS}


def _wrong(columns: dict[str, Series], truth: Truth = TRUTH) -> tuple[bool, bool]:
    reading = Reading(columns, 1.0)
    return bool(wrong_main(reading, truth)), bool(wrong_validation(reading, truth))


@pytest.mark.parametrize(
    ("values", "is_wrong"),
    [
        (VALUES, False),
        (VALUES[15:], False),
        (VALUES[25:], True),
        (VALUES[:-1], True),
        ((*VALUES[:-1], VALUES[-1] * 1.01), True),
        (tuple(value * 1.01 for value in VALUES[:-1]) + VALUES[-1:], False),
        (tuple(value * 1.05 for value in VALUES[:-1]) + VALUES[-1:], True),
        (tuple(value for value in VALUES for _ in (1, 2)), True),
        (VALUES[::-1], True),
        ((), True),
    ],
    ids=[
        "same",
        "most",
        "part",
        "end lost",
        "other end",
        "rounded",
        "another",
        "doubled",
        "reversed",
        "none",
    ],
)
def test_a_loss_is_right_with_its_values_in_order_and_its_end(
    values: tuple[float, ...], is_wrong: bool
) -> None:
    loss = Series("loss", tuple(range(len(values))), values)
    assert _wrong({**READ, "loss": loss}) == (is_wrong, False)


def test_nan_is_a_value_like_others() -> None:
    ended = replace(LOSS, values=(*VALUES[:-1], math.nan))
    assert _wrong({**READ, "loss": ended}, Truth([ended], [VAL_LOSS])) == (False, False)
    assert _wrong(READ, Truth([ended], [VAL_LOSS])) == (True, False)


def test_evaluations_are_found_where_there_are_some_and_only_there() -> None:
    assert _wrong({"loss": LOSS}) == (False, True)
    assert _wrong(READ, Truth([LOSS])) == (False, True)
    assert _wrong({"loss": LOSS}, Truth([LOSS])) == (False, False)
    assert _wrong(READ, Truth([LOSS], is_evaluation=True)) == (False, False)
    assert _wrong({**READ, "evaluation/val_loss": replace(VAL_LOSS, values=(1.3, 1.1))}) == (False, True)


def test_a_metric_is_right_by_its_name_and_never_as_a_loss() -> None:
    truth = Truth([replace(LOSS, name="score|reward", is_loss=False)])
    assert _wrong({"mean_reward": LOSS}, truth) == (False, False)
    assert _wrong({"speed": LOSS}, truth) == (True, False)
    assert _wrong({"mean_reward": LOSS, "loss": LOSS}, truth) == (True, False)


def test_per_cent_may_be_read_as_parts_of_one() -> None:
    truth = Truth([replace(LOSS, values=tuple(value * 100 for value in VALUES))])
    assert _wrong({"loss": LOSS}, truth) == (False, False)
