"""Live equals batch, for every node of the registry at once."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.checks.tree import every_check
from flight_recorder.tui.series.recording import Recording
from tests.checks.builders import judged, log
from tests.checks.configurations import CASES, COSINE, FRESH, GROUPS, Case, cosine
from tests.checks.dynamics import DYNAMICS

ALL = Thresholds({check.id: {} for check in every_check() if not check.shipped})


def _run(seed: int, steps: int = 420) -> list[dict[str, Any]]:
    """A run with everything measured, noisy, with an outlier, a NaN and a resume in it."""

    def noise(step: int) -> float:
        return math.sin(step * 12.9898 + seed * 78.233) * 43758.5453 % 1.0

    loss = [max(0.4, 6.2 * 0.992**s) + 0.2 * noise(s) for s in range(steps)]
    norms = [0.5 + noise(3 * s) + (20 if s % 97 == 96 else 0) for s in range(steps)]
    norms[steps // 2] = math.nan
    records = log(
        header={"schedule": COSINE},
        initial={"weights": FRESH, "parameter_groups": GROUPS, "activation": [1.0, 1.1, 1.2, 0.8]},
        loss=loss,
        grad_norm=norms,
        lr=[cosine(s) * (1 if s < 200 else 1.01) for s in range(steps)],
        activation=[[1.0, 1.0 + 30 * (noise(s) > 0.7), 2.0, 0.8] for s in range(steps)],
        spectral_norm=[[1 + 0.01 * s, 0.5] if s % 10 == 0 else None for s in range(steps)],
        adam_step=[s + 1 if s % 10 == 0 else None for s in range(steps)],
        v_sum=[1.0 if s % 10 == 0 else None for s in range(steps)],
        v_expected=[2.5 if s % 10 == 0 else None for s in range(steps)],
        num_frozen=[5.0 if s % 10 == 0 else None for s in range(steps)],
        frozen_names=[["final_ln.weight"] if s % 30 == 0 else None for s in range(steps)],
        class_loss=[[value, value * 1.2] for value in loss],
        evaluations={
            "val_loss": [2.5 + noise(n) for n in range(steps // 50)],
            "train_loss": [2.4] * (steps // 50),
        },
    )
    last = records[-1]["step"]
    again = [record for record in records if record["kind"] == "step" and record["step"] >= last - 40]
    return [*records, {"kind": "resume", "step": last - 40}, *again, {"kind": "exit", "reason": "finished"}]


def _chunked(records: list[dict[str, Any]], sizes: list[int]) -> Judge:
    recording = Recording()
    judge = Judge(recording, ALL)
    position = turn = 0
    while position < len(records):
        size = sizes[turn % len(sizes)]
        recording.extend(records[position : position + size])
        judge.update()
        position, turn = position + size, turn + 1
    return judge


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 5), st.lists(st.integers(1, 120), min_size=1, max_size=8))
def test_any_chunking_of_a_whole_run_gives_the_same_verdicts(seed: int, sizes: list[int]) -> None:
    records = _run(seed)
    whole, chunked = judged(records, ALL), _chunked(records, sizes)
    for one, other in zip(whole.verdicts, chunked.verdicts, strict=True):
        assert repr(one) == repr(other)
    assert whole.causes == chunked.causes
    assert whole.calls() == chunked.calls()


def _resumed(records: list[dict[str, Any]], *restarts: tuple[int, int]) -> list[dict[str, Any]]:
    """The run killed and taken up again: of each restart, the last step before it and the step it goes to."""
    beginning = [record for record in records if record["kind"] in ("header", "initial")]
    rows = [record for record in records if record["kind"] in ("step", "evaluation")]
    written, first = beginning, 0
    for killed_at, step in restarts:
        written = written + [record for record in rows if first <= record["step"] <= killed_at]
        written.append({"kind": "resume", "step": step, "optimizer_restored": True})
        first = step
    return written + [record for record in rows if first <= record["step"]]


_SOME_RUN = _run(1, 130)
_SPARSE_RUN = [
    {**record, "class_loss": [3.0 - record["step"] / 100, 2.0]} if record["kind"] == "evaluation" else record
    for record in _SOME_RUN
    if record["kind"] != "step" or record["step"] % 20 == 7
]
_RESTARTS = st.lists(st.tuples(st.integers(0, 129), st.integers(0, 140)), min_size=1, max_size=3)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from([_SOME_RUN, _SPARSE_RUN]), _RESTARTS, st.lists(st.integers(1, 60), min_size=1))
@example(_SPARSE_RUN, [(60, 3)], [1])
@example(_SOME_RUN, [(100, 0)], [30])
@example(_SOME_RUN, [(100, 50), (100, 50)], [1])
@example(_SOME_RUN, [(60, 140)], [7])
def test_any_chunking_of_a_run_resumed_anywhere_gives_the_same_verdicts(
    run: list[dict[str, Any]], restarts: list[tuple[int, int]], sizes: list[int]
) -> None:
    records = _resumed(run, *restarts)
    whole, chunked = judged(records, ALL), _chunked(records, sizes)
    for one, other in zip(whole.verdicts, chunked.verdicts, strict=True):
        assert repr(one) == repr(other)
    assert whole.causes == chunked.causes
    assert whole.calls() == chunked.calls()


def test_every_sick_log_is_judged_alike_record_by_record() -> None:
    for case in CASES:
        records = [dict(record) for record in case.sick]
        assert repr(_chunked(records, [1]).verdicts) == repr(judged(records, ALL).verdicts), case.symptom


@pytest.mark.parametrize("case", DYNAMICS, ids=lambda case: f"{case.check}-{case.symptom}")
def test_every_sick_dynamics_are_judged_alike_in_parts(case: Case) -> None:
    records = [dict(record) for record in case.sick]
    sizes = [1] if len(records) < 100 else [61, 1, 2]
    assert repr(_chunked(records, sizes).verdicts) == repr(judged(records, ALL).verdicts)


def test_a_list_that_gets_names_or_grows_on_the_way_is_judged_alike_however_it_came() -> None:
    records: list[dict[str, Any]] = [
        {"kind": "header", "format": "1.0"},
        *({"kind": "step", "step": step, "activation": [1.0, 1.0 + step]} for step in range(30)),
        {"kind": "header", "format": "1.0", "layers": ["embed_out", "block_0_out", "final_ln_out"]},
        *({"kind": "step", "step": step, "activation": [1.0, 2.0, 3.0]} for step in range(30, 60)),
    ]
    assert repr(_chunked(records, [1]).verdicts) == repr(judged(records, ALL).verdicts)
    assert repr(_chunked(records, [40, 7]).verdicts) == repr(judged(records, ALL).verdicts)
