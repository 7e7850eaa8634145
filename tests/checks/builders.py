"""Logs in series notation: what a check reads, written so that a reader sees the curve.

"6.2 -0.01x200" is 6.2 and then 200 more values, each 0.01 lower; "1x19 9x20" is nineteen ones and twenty
nines; "8 *0.5x3" is 8, 4, 2, 1; "_" is a step without this field; "nan" and "inf" are themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.checks.verdict import Verdict
from flight_recorder.tui.series.recording import Recording

HEADER: dict[str, Any] = {
    "kind": "header",
    "format": "1.0",
    "run_id": "test",
    "origin": "scratch",
    "vocab_size": 512,
    "grad_clip": 1.0,
    "planned_steps": 400,
    "baseline_loss": 2.58,
    "optimizer": {"name": "AdamW", "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1},
    "accumulation": 1,
    "dropout": 0.0,
    "eval_every": 50,
    "dtype": "float32",
    "layers": ["embed_out", "block_0_out", "block_1_out", "final_ln_out"],
    "residual_layers": ["embed_out", "block_0_out", "block_1_out"],
    "classes": ["regular", "irregular"],
    "num_units": 512,
    "num_heads": 8,
}

Value = float | None


def series(text: str) -> list[Value]:
    """The values of a curve in series notation; None where the field is absent."""
    values: list[Value] = []
    for token in text.split():
        body, _, count = token.partition("x")
        times = int(count) if count else 1
        if body == "_":
            values += [None] * times
        elif count and body[0] in "+-*":
            last = values[-1]
            assert last is not None
            for _ in range(times):
                last = last * float(body[1:]) if body[0] == "*" else last + float(body)
                values.append(round(last, 12))
        else:
            values += [float(body)] * times
    return values


def _rows(kind: str, steps: Sequence[int], curves: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    columns = {
        name: series(curve) if isinstance(curve, str) else list(curve) for name, curve in curves.items()
    }
    for row, step in enumerate(steps):
        record: dict[str, Any] = {"kind": kind, "step": step}
        for name, values in columns.items():
            value = values[min(row, len(values) - 1)]
            if value is not None:
                record[name] = value
        yield record


def log(
    header: Mapping[str, Any] | None = None,
    initial: Mapping[str, Any] | None = None,
    evaluations: Mapping[str, Any] | None = None,
    eval_every: int = 50,
    first_step: int = 0,
    also: Sequence[Mapping[str, Any]] = (),
    **curves: Any,
) -> list[dict[str, Any]]:
    """The records of a run, in the order of a log.

    `header` is laid over HEADER (None drops a key). A curve is series notation or a list; the longest one
    gives the number of steps and shorter ones go on with their last value. List fields take lists of lists.
    `evaluations` are curves too, one value each `eval_every` steps from `eval_every` on.
    """
    length = max((len(series(c)) if isinstance(c, str) else len(c) for c in curves.values()), default=0)
    merged = {key: value for key, value in {**HEADER, **(header or {})}.items() if value is not None}
    records: list[dict[str, Any]] = [merged]
    if initial is not None:
        records.append({"kind": "initial", "step": 0, **initial})
    rows = list(_rows("step", range(first_step, first_step + length), curves))
    if evaluations:
        count = max(len(series(c)) if isinstance(c, str) else len(c) for c in evaluations.values())
        steps = [eval_every * (index + 1) for index in range(count)]
        rows += _rows("evaluation", steps, evaluations)
        rows.sort(key=lambda record: (record["step"], record["kind"]))
    return records + rows + [dict(record) for record in also]


def judged(
    records: Sequence[Mapping[str, Any]], thresholds: Thresholds | None = None, silence: str = ""
) -> Judge:
    """What is judged of these records, all at once; `silence` is what the clock says of a log that ended."""
    recording = Recording()
    recording.extend([dict(record) for record in records])
    recording.silence = silence
    return Judge(recording, thresholds)


def verdict(
    check: str, records: Sequence[Mapping[str, Any]], thresholds: Thresholds | None = None
) -> Verdict:
    """The verdict of one check on these records."""
    return next(found for found in judged(records, thresholds).verdicts if found.check == check)
