"""A field that is not what the schema says of it is not measured, and is counted; its record is kept."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_recorder.engine.runlog.schema import EVALUATION, HEADER, KINDS, STEP, Field
from flight_recorder.tui.series.recording import Recording
from tests.checks.builders import HEADER as RIGHT_HEADER
from tests.checks.builders import judged, log
from tests.checks.configurations import COSINE, FRESH, GROUPS

ODD: list[Any] = [
    True,
    "text",
    [[1]],
    [{"a": 1}],
    ["a"],
    [1.0],
    {"a": [1]},
    {},
    [],
    10**30,
    10**400,
    -1,
    None,
    1.5,
]


def _recorded(*records: dict[str, Any]) -> Recording:
    recording = Recording()
    recording.extend(records)
    return recording


def test_a_header_is_taken_without_what_is_not_of_its_shape() -> None:
    recording = _recorded({**RIGHT_HEADER, "layers": True, "lr_lag": [1], "planned_steps": 10**400})
    assert {"layers", "lr_lag", "planned_steps"}.isdisjoint(recording.header)
    assert recording.header["vocab_size"] == 512
    assert recording.misshapen == {"header.layers": 1, "header.lr_lag": 1, "header.planned_steps": 1}


def test_a_step_is_taken_without_what_is_not_of_its_shape() -> None:
    recording = _recorded(
        {
            "kind": "step",
            "step": 0,
            "loss": "lost",
            "class_loss": {"a": 1},
            "lr": 0.1,
            "activation": [1.0, "x"],
        },
        {"kind": "step", "step": 1, "loss": 2.0, "class_loss": 3.0, "lr": [0.1], "nonfinite_site": 5},
        {"kind": "step", "step": 2, "loss": None, "class_loss": [3.0, None], "nonfinite_site": "block_0_out"},
    )
    columns = {name: recording.steps[name].values.tolist() for name in recording.steps.names}
    assert columns == {"loss": [2.0], "lr": [0.1], "activation/0": [1.0], "class_loss/0": [3.0]}
    assert recording.texts == [(2, "nonfinite_site", "block_0_out")]
    assert recording.misshapen == {
        "step.activation": 1,
        "step.class_loss": 2,
        "step.loss": 1,
        "step.lr": 1,
        "step.nonfinite_site": 1,
    }


def test_items_are_in_the_order_of_their_list_whichever_was_measured_first() -> None:
    recording = _recorded({**RIGHT_HEADER})
    recording.extend([{"kind": "step", "step": 0, "class_loss": [None, 2.0]}])
    recording.extend([{"kind": "step", "step": 1, "class_loss": [1.0, 2.0]}])
    assert list(recording.steps.group("class_loss")) == ["regular", "irregular"]


_TABLES = {"step": STEP, "evaluation": EVALUATION}


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_what_is_counted_does_not_depend_on_how_the_records_came(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(_TABLES)))
    names = st.sampled_from(sorted(_TABLES[kind]))
    values = data.draw(st.lists(st.dictionaries(names, st.sampled_from(ODD), max_size=3), max_size=12))
    records = [{**fields, "kind": kind, "step": step} for step, fields in enumerate(values)]
    whole, single = _recorded(*records), Recording()
    for record in records:
        single.extend([record])
    assert whole.misshapen == single.misshapen
    assert whole.texts == single.texts
    for one, other in ((whole.steps, single.steps), (whole.evaluations, single.evaluations)):
        assert {name: one[name].values.tolist() for name in one.names} == {
            name: other[name].values.tolist() for name in other.names
        }


def _fields() -> list[tuple[str, Field]]:
    return [
        (kind, field) for kind, fields in KINDS.items() for field in fields.values() if field.name != "step"
    ]


@pytest.mark.parametrize(("kind", "field"), _fields(), ids=lambda value: getattr(value, "name", value))
def test_no_check_breaks_on_a_field_of_any_shape(kind: str, field: Field) -> None:
    for odd in ODD:
        records = log(
            loss="6 -0.1x30", lr="0.001x30", grad_norm="1x30", evaluations={"val_loss": "3x3"}, eval_every=10
        )
        if kind in ("header", "step", "evaluation"):
            changed = [one for one in records if one["kind"] == kind]
            for record in changed[len(changed) // 2 :]:
                record[field.name] = odd
        else:
            required = {"step": 20, "reason": "finished"}
            records.append({**required, "kind": kind, field.name: odd})
        assert judged(records).failed == ()


def test_the_pairs_of_header_fields_that_are_wrong_together() -> None:
    for one, other in itertools.combinations(
        ("schedule", "optimizer", "layers", "planned_steps", "lr_lag"), 2
    ):
        assert one in HEADER and other in HEADER
        for odd in ODD:
            records = log(header={one: odd, other: odd}, loss="6 -0.1x30", lr="0.001x30")
            assert judged(records).failed == ()


def test_a_row_that_is_none_is_left_out_and_counted() -> None:
    rows = [
        {"name": "a", "std": "x"},
        {"std": 1.0},
        {"name": "b", "role": "linear", "std": 1.0, "mean": None},
    ]
    recording = _recorded({"kind": "initial", "step": 0, "weights": rows})
    assert recording.initial is not None
    assert recording.initial["weights"] == [{"name": "b", "role": "linear", "std": 1.0}]
    assert recording.misshapen == {"initial.weights": 2}


@pytest.mark.parametrize("odd", ODD)
def test_no_check_breaks_on_a_row_of_any_shape(odd: Any) -> None:
    for name, row in (("weights", FRESH[0]), ("parameter_groups", GROUPS[0])):
        for key in (*row, "names"):
            initial = {"weights": FRESH, "parameter_groups": GROUPS, name: [{**row, key: odd}, row]}
            assert judged(log(initial=initial, loss="6 -0.1x30")).failed == ()
    for schedule in ({**COSINE, key: odd} for key in COSINE):
        optimizer = {"betas": [odd, 0.9], "weight_decay": odd, "eps": odd}
        records = log(header={"schedule": schedule, "optimizer": optimizer}, loss="6 -0.1x30", lr="0.001x30")
        assert judged(records).failed == ()
