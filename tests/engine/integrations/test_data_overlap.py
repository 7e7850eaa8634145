"""Validation rows that are in training, in data sets that a trainer of others holds."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset

from flight_recorder.engine.inspector.integrations import data_overlap as module
from flight_recorder.engine.inspector.integrations.data_overlap import data_overlap

pytestmark = pytest.mark.torch


def rows(start: int, end: int) -> list[dict[str, Any]]:
    return [{"input_ids": [number, number + 1, 3], "labels": [number] * 3} for number in range(start, end)]


def found(training: Any, validation: Any, **options: int) -> tuple[int, int] | None:
    fields = data_overlap(training, validation, **options)
    return (fields["num_validation_in_training"], fields["num_validation"]) if fields else None


def test_rows_of_both_are_counted_whatever_holds_them() -> None:
    tensors = TensorDataset(torch.arange(40).reshape(20, 2), torch.arange(20))
    assert found(rows(0, 50), rows(40, 60)) == (10, 20)
    assert found(rows(0, 50), rows(50, 60)) == (0, 10)
    assert found(Subset(tensors, range(12)), Subset(tensors, range(10, 20))) == (2, 10)
    assert found(ConcatDataset([tensors, tensors]), tensors) == (20, 20)
    as_arrays = [{"input_ids": np.array(row["input_ids"], "int32")} for row in rows(0, 4)]
    assert found(rows(0, 50), as_arrays) == (4, 4)


class Own(Dataset[Any]):
    def __init__(self, size: int, noise: float = 0.0) -> None:
        self.size, self.noise = size, noise

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Any:
        return torch.full((2,), float(index)) + self.noise * torch.rand(2), random.random() * self.noise


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(rows(0, 3))


class Failing(Own):
    def __getitem__(self, index: int) -> Any:
        raise OSError("not yet")


@pytest.mark.parametrize(
    ("training", "validation"),
    [
        (Own(5, noise=1.0), Own(5)), (Own(5), Own(5, noise=1.0)),
        (Stream(), rows(0, 3)), (Failing(5), Own(5)),
        (None, rows(0, 3)), (rows(0, 3), []), ([object()], [object()]), (rows(0, 3), {"a": 1}),
    ],
    ids=["augmented", "augmented validation", "stream", "failing", "none", "empty", "objects", "no rows"],
)  # fmt: skip
def test_what_cannot_be_read_twice_alike_is_not_measured(training: Any, validation: Any) -> None:
    assert found(training, validation) is None


def test_a_data_set_of_the_users_own_is_read_only_where_no_worker_is_to_open_its_files() -> None:
    assert found(Own(5), Own(5)) == (5, 5)
    assert found(Own(5), Own(5), num_workers=2) is None
    assert found(rows(0, 5), rows(0, 5), num_workers=2) == (5, 5)


def test_reading_draws_no_random_number() -> None:
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = random.random(), np.random.rand(), torch.rand(1)
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    data_overlap(Own(5, noise=1.0), Own(5))
    assert (random.random(), np.random.rand(), torch.rand(1)) == expected


def test_of_a_part_of_the_training_set_only_what_was_found_is_a_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TRAINING", 10)
    assert found(rows(0, 50), rows(50, 60)) is None
    assert found(rows(0, 50), rows(0, 10)) == (2, 10)
    monkeypatch.setattr(module, "SECONDS", -1.0)
    assert found(rows(0, 50), rows(50, 60)) is None
