"""num_validation_in_training of data sets that a trainer of others holds: read once before the first step.

Only what can be read without a trace is: no stream, nothing that gives another row at a second reading, as
augmentation does, and no data set of the user's own where worker processes are to open its files themselves.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from torch.utils.data import ConcatDataset, IterableDataset, Subset, TensorDataset

from flight_recorder.engine.probes.measured import Fields

SECONDS = 2.0
"""What reading may take."""

MOST_VALIDATION = 2000
MOST_TRAINING = 100_000
"""Rows that are read; from larger sets as many, evenly spaced."""

_IDS = "input_ids"


def data_overlap(training: Any, validation: Any, *, num_workers: int = 0) -> Fields:
    """`num_validation` and `num_validation_in_training` by a hash over each row, or nothing.

    Of a training set that was not read to its end a row that is found is a fact, and none found is none.
    """
    if not _is_indexed(training) or not _is_indexed(validation):
        return {}
    if num_workers and not (_is_in_memory(training) and _is_in_memory(validation)):
        return {}
    deadline = time.monotonic() + SECONDS
    with _random_numbers_kept():
        try:
            if not _repeats(training) or not _repeats(validation):
                return {}
            rows = [_digest(validation[at]) for at in _spaced(len(validation), MOST_VALIDATION)]
            known = set()
            for at in _spaced(len(training), MOST_TRAINING):
                known.add(_digest(training[at]))
                if time.monotonic() > deadline:
                    break
        except Exception:  # the user's code: what it cannot do now is said when training needs it
            return {}
    num_found = sum(row in known for row in rows)
    is_whole = time.monotonic() <= deadline and len(training) <= MOST_TRAINING
    if not num_found and not is_whole:
        return {}
    return {"num_validation": len(rows), "num_validation_in_training": num_found}


def _is_indexed(data: Any) -> bool:
    return (
        data is not None
        and not isinstance(data, IterableDataset)
        and hasattr(data, "__getitem__")
        and hasattr(data, "__len__")
        and len(data) > 0
    )


def _is_in_memory(data: Any) -> bool:
    """Of a kind that reading leaves as it was, whatever processes read it afterwards."""
    if isinstance(data, Subset):
        return _is_in_memory(data.dataset)
    if isinstance(data, ConcatDataset):
        return all(map(_is_in_memory, data.datasets))
    return type(data) in (list, tuple, TensorDataset) or type(data).__module__ == "datasets.arrow_dataset"


def _repeats(data: Any) -> bool:
    """Whether the first and the last row are the same at a second reading."""
    ends = (0, len(data) - 1)
    return [_digest(data[at]) for at in ends] == [_digest(data[at]) for at in ends]


def _spaced(length: int, most: int) -> range:
    return range(0, length, -(-length // most))


def _digest(row: Any) -> bytes:
    """16 bytes over the content of a row: its token ids where it has any, else everything in it."""
    digest = blake2b(digest_size=16)
    for part in _parts(row[_IDS] if isinstance(row, Mapping) and _IDS in row else row):
        digest.update(part)
    return digest.digest()


def _parts(value: Any) -> Iterator[bytes]:
    """The bytes of a row's values in a fixed order.

    Raises:
        TypeError: there is something in it of which equal content is not equal bytes.
    """
    if isinstance(value, Mapping):
        for name in sorted(value):
            yield str(name).encode()
            yield from _parts(value[name])
    elif isinstance(value, list | tuple) and not all(isinstance(item, int | float) for item in value):
        for item in value:
            yield from _parts(item)
    elif isinstance(value, str | bytes):
        yield value.encode() if isinstance(value, str) else value
    else:
        array = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)
        if array.dtype.hasobject:
            raise TypeError(type(value).__name__)
        array = array.astype("<i8") if np.issubdtype(array.dtype, np.integer) else array
        yield repr(array.shape).encode() + array.tobytes()


@contextmanager
def _random_numbers_kept() -> Iterator[None]:
    """Whatever a row draws inside, the generators are afterwards as they were."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)
