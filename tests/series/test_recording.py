"""Records become columns, whatever keys they have and however they arrive."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_recorder.tui.series.recording import Recording


def _step(step: int, **fields: Any) -> dict[str, Any]:
    return {"kind": "step", "step": step, **fields}


def _recorded(*records: dict[str, Any]) -> Recording:
    recording = Recording()
    recording.extend(records)
    return recording


def test_a_field_that_was_not_measured_leaves_no_value() -> None:
    recording = _recorded(_step(0, loss=6.0, lr=0.1), _step(1, loss=5.0), _step(2, loss=4.0, lr=0.3))
    assert recording.steps["lr"].steps.tolist() == [0, 2]
    assert recording.steps["lr"].values.tolist() == [0.1, 0.3]
    assert recording.steps["loss"].values.tolist() == [6.0, 5.0, 4.0]
    assert recording.steps.names == ("loss", "lr")


def test_a_field_that_appears_late_keeps_its_own_steps() -> None:
    recording = _recorded(_step(0, loss=6.0), _step(1, loss=5.0))
    recording.extend([_step(2, loss=4.0, lr=0.3), _step(3, loss=3.0, lr=0.4)])
    assert recording.steps["lr"].steps.tolist() == [2, 3]
    assert recording.steps["lr"].steps_from(1).tolist() == [3]


def test_nan_is_a_value_and_absence_is_not() -> None:
    recording = _recorded(_step(0, loss=math.nan), _step(1, lr=0.1), _step(2, loss=None))
    assert recording.steps["loss"].steps.tolist() == [0]
    assert np.isnan(recording.steps["loss"].values).tolist() == [True]


def test_items_of_a_list_are_named_by_the_header() -> None:
    header = {"kind": "header", "format": "1.0", "layers": ["embed_out", "block_0_out"]}
    recording = _recorded(header, _step(0, activation=[0.5, 1.5, 2.5]))
    group = recording.steps.group("activation")
    assert {name: column.values.tolist() for name, column in group.items()} == {
        "embed_out": [0.5],
        "block_0_out": [1.5],
        "2": [2.5],
    }


def test_a_hash_becomes_a_number_and_other_text_stays_text() -> None:
    recording = _recorded(_step(0, batch_hash="000000ff"), _step(1, nonfinite_site="block_0_out"))
    assert recording.steps["batch_hash"].values.tolist() == [255.0]
    assert recording.texts == [(1, "nonfinite_site", "block_0_out")]
    assert "nonfinite_site" not in recording.steps


def test_a_resume_supersedes_the_steps_from_its_own_on() -> None:
    recording = _recorded(*(_step(step, loss=float(step), lr=0.1) for step in range(10)))
    recording.extend([{"kind": "exit", "step": 10, "reason": "interrupted"}])
    recording.extend([{"kind": "resume", "step": 4}, _step(4, loss=40.0), _step(5, loss=50.0, lr=0.5)])
    assert recording.steps["loss"].values.tolist() == [0.0, 1.0, 2.0, 3.0, 40.0, 50.0]
    assert recording.steps["lr"].steps.tolist() == [0, 1, 2, 3, 5]
    assert recording.exit is None
    assert recording.num_resets == 1


def test_an_evaluation_at_the_step_of_a_resume_survives_it() -> None:
    evaluations = [{"kind": "evaluation", "step": step, "val_loss": 2.0} for step in (50, 100, 150)]
    recording = _recorded(*evaluations, {"kind": "resume", "step": 100})
    assert recording.evaluations.steps.tolist() == [50, 100]


def test_a_step_that_runs_backwards_is_dropped_and_counted() -> None:
    recording = _recorded(_step(5, loss=1.0), _step(3, loss=2.0), _step(6, loss=3.0))
    assert recording.steps.steps.tolist() == [5, 6]
    assert recording.num_out_of_order == 1


_NUMBERS = st.floats() | st.integers()
_VALUES = _NUMBERS | st.none() | st.text("0fx.-", max_size=3) | st.lists(_NUMBERS | st.none(), max_size=3)
_FIELDS = st.dictionaries(
    st.sampled_from(["loss", "lr", "activation", "batch_hash", "weight_checksums"]), _VALUES, max_size=4
)


@given(st.lists(_FIELDS, max_size=40), st.lists(st.integers(0, 40), max_size=6))
def test_any_chunking_gives_the_same_columns(fields: list[dict[str, Any]], cuts: list[int]) -> None:
    records = [_step(step, **values) for step, values in enumerate(fields)]
    whole = _recorded(*records)
    chunked = Recording()
    edges = [0, *sorted(cut for cut in cuts if cut < len(records)), len(records)]
    for first, last in itertools.pairwise(edges):
        chunked.extend(records[first:last])
    assert sorted(chunked.steps.names) == sorted(whole.steps.names)
    for name in whole.steps.names:
        assert chunked.steps[name].steps.tolist() == whole.steps[name].steps.tolist()
        np.testing.assert_array_equal(chunked.steps[name].values, whole.steps[name].values)


def test_keys_in_another_order_make_the_same_columns() -> None:
    recording = _recorded(_step(0, loss=6.0, lr=0.1), {"lr": 0.2, "step": 1, "loss": 5.0, "kind": "step"})
    assert recording.steps["loss"].values.tolist() == [6.0, 5.0]
    assert recording.steps["lr"].values.tolist() == [0.1, 0.2]


def test_records_of_one_size_may_have_other_keys() -> None:
    recording = _recorded(_step(0, loss=6.0), _step(1, lr=0.2), _step(2, loss=4.0))
    assert recording.steps["loss"].steps.tolist() == [0, 2]
    assert recording.steps["lr"].steps.tolist() == [1]


def test_a_hash_longer_than_any_number_is_infinite() -> None:
    recording = _recorded(_step(0, batch_hash="f" * 400), _step(1, loss=10**400))
    assert recording.steps["batch_hash"].values.tolist() == [math.inf]
    assert recording.steps["loss"].values.tolist() == [math.inf]


@pytest.mark.parametrize(
    ("facts", "steps", "num_done"),
    [
        ({}, [5, 6], 7),
        ({"source": "printed"}, [0, 10, 20], 21),
        ({"source": "printed"}, [10, 20], 20),
        ({"source": "huggingface", "lr_lag": 1}, [0, 10], 10),
    ],
)
def test_a_step_of_a_foreign_log_is_one_more_only_where_it_counts_from_0(
    facts: dict[str, object], steps: list[int], num_done: int
) -> None:
    recording = Recording()
    recording.extend(
        [{"kind": "header", **facts}, *({"kind": "step", "step": s, "loss": 1.0} for s in steps)]
    )
    assert recording.num_steps == num_done
