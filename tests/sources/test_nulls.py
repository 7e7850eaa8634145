"""Where null in JSON lines is NaN, and where it is a number that was not measured."""

import json
import math

import pytest

from tests.sources.reading import read

Row = dict[str, float | None]


def _losses(rows: list[Row], field: str = "loss") -> list[float]:
    records = read("".join(json.dumps(row) + "\n" for row in rows).encode())
    return [record[field] for record in records if field in record]


def _rows(losses: list[float | None], **others: float | None) -> list[Row]:
    return [{"step": step, "loss": loss, "lr": 0.1, **others} for step, loss in enumerate(losses)]


def test_a_loss_that_is_null_from_some_row_on_is_nan_from_the_third_such_row_on() -> None:
    losses = _losses(_rows([2.0] * 20 + [None] * 5))
    assert len(losses) == 23
    assert all(math.isnan(loss) for loss in losses[20:])


@pytest.mark.parametrize("num_null", [1, 2])
def test_a_null_or_two_are_no_nan_and_neither_is_any_later_one(num_null: int) -> None:
    losses = _losses(_rows(([2.0] * 20 + [None] * num_null) + [2.0] + [None] * 5))
    assert losses == [2.0] * 21


def test_columns_that_are_null_from_the_first_rows_on_are_sparse() -> None:
    rows = _rows([2.0] * 3 + [None] * 20)
    assert _losses(rows) == [2.0] * 3


def test_a_validation_loss_that_comes_less_often_than_it_did_is_no_nan() -> None:
    rows = _rows([2.0] * 20, val_loss=2.1) + [
        {**row, "step": 20 + n, "val_loss": None} for n, row in enumerate(_rows([2.0] * 20))
    ]
    assert not any(math.isnan(loss) for loss in _losses(rows, "val_loss"))


def test_evaluations_without_training_at_the_end_are_no_nan() -> None:
    rows = _rows([2.0] * 20, val_loss=2.1) + [
        {"step": 20 + n, "loss": None, "lr": 0.1, "val_loss": 2.0} for n in range(5)
    ]
    assert not any(math.isnan(loss) for loss in _losses(rows))
