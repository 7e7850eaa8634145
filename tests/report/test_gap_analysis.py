"""The analysis says what an independent reading of the log says, and nothing that it cannot know."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.report.markdown.gap_analysis import RECOMPUTE, gap_analysis
from flight_recorder.tui.run import Run
from flight_recorder.tui.series.changes import changes_since
from tests.report.logs import header, overfit_records, run_of, val_loss, write_log


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return list(overfit_records(8000))


@pytest.fixture(scope="module")
def text(records: list[Record]) -> str:
    return gap_analysis(run_of(records))


def _section(text: str, number: int) -> str:
    return text[text.index(f"## {number}. ") :].split("\n## ")[0]


def test_the_numbers_are_those_of_a_plain_reading_of_the_file(
    tmp_path: Path, records: list[Record], text: str
) -> None:
    lines = [json.loads(line) for line in write_log(tmp_path / "log", records).read_text().splitlines()]
    seen = [
        (line["step"], line["val_loss"], line["train_loss"]) for line in lines if line["kind"] == "evaluation"
    ]
    step, val, train = min(seen, key=lambda evaluation: evaluation[1])
    lowest = min(seen, key=lambda evaluation: evaluation[2])
    numbers = _section(text, 1)
    assert f"t_val_min = **{step:,}**, val_loss(t_val_min) = **{val:.3f}**" in numbers
    assert f"train_loss(t_val_min) = **{train:.3f}**" in numbers
    assert f"gap there is {val - train:.4f}" in numbers
    assert f"t_train_min = {lowest[0]:,}, train_loss(t_train_min) = {lowest[2]:.4f}" in numbers
    assert f"final gap at step {seen[-1][0]:,}: **{seen[-1][1] - seen[-1][2]:.3f}**" in numbers


def test_the_snippet_at_the_end_recomputes_them(
    tmp_path: Path, records: list[Record], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(tmp_path / "inspector.log.jsonl", records)
    monkeypatch.chdir(tmp_path)
    exec(RECOMPUTE.removeprefix("```python\n").removesuffix("```"), {})
    best, last = capsys.readouterr().out.splitlines()
    assert best.startswith(f"600 {val_loss(600)}")
    assert last.startswith(f"8000 {val_loss(8000)}")


def test_the_quarter_is_not_called_the_midpoint_of_the_cosine(text: str) -> None:
    numbers = _section(text, 1)
    assert "Step 2,000, a quarter of the way, is not the midpoint" in numbers
    assert "still 0.002633" in numbers
    assert "is step 4,050, where the log reads 0.001650" in numbers


def test_what_changed_is_told_and_what_did_not_change_is_told_as_such(text: str) -> None:
    panels = _section(text, 2)
    assert re.search(r"gradient norm: 0\.\d+ → 1\.\d+ \(\d\.\d\d x\)", panels)
    assert "No unit and no head died" in panels
    assert "Not in the log, or for too short a time after t*: weight norm." in panels


@pytest.mark.parametrize(("spread", "changed"), [(0.05, True), (1.0, False)], ids=["clear", "lost in noise"])
def test_a_change_counts_only_when_it_is_clear_of_the_noise(spread: float, changed: bool) -> None:
    norms = [2.0 + spread * (-1) ** step for step in range(100)] + [
        2.4 + spread * (-1) ** step for step in range(100)
    ]
    steps: list[Record] = [
        {"kind": "step", "step": 10 * s, "loss": 2.0, "grad_norm": n} for s, n in enumerate(norms)
    ]
    [change] = changes_since(run_of([header(), *steps]).recording, 500)["grad_norm"]
    assert change.after / change.before > 1.1
    assert change.changed is changed


def test_dead_heads_that_appear_are_told() -> None:
    dying = [
        record | {"dead_heads": 3 if record["step"] > 2000 else 0} if "dead_heads" in record else record
        for record in overfit_records(3000)
    ]
    panels = _section(gap_analysis(run_of(dying)), 2)
    assert "dead heads: 0 → 3.00" in panels
    assert "No unit and no head died" not in panels


def test_the_best_checkpoint_is_named_with_its_file(text: str) -> None:
    keep = _section(text, 3)
    assert "t_val_min = 600 (val 1.890), not the last one (val 3.910)" in keep
    assert "`checkpoints/best.pt` holds step 600" in keep


def test_without_a_best_checkpoint_the_nearest_is_named_with_its_price() -> None:
    periodic = [record for record in overfit_records(3000) if record.get("role") != "best"]
    keep = _section(gap_analysis(run_of(periodic)), 3)
    price = val_loss(500) - val_loss(600)
    assert "the nearest checkpoint is 100 steps early" in keep
    assert f"of step 500, whose validation loss was {val_loss(500):.3f}, {price:.5f} worse" in keep


def test_without_any_checkpoint_its_existence_is_unknown() -> None:
    none = [record for record in overfit_records(3000) if record["kind"] != "checkpoint"]
    assert "whether one exists is unknown" in _section(gap_analysis(run_of(none)), 3)


def test_a_gap_at_the_best_that_is_wider_than_the_rise_after_it_asks_for_data_first() -> None:
    short = gap_analysis(run_of(overfit_records(800)))
    assert _section(short, 5).split("**")[1] == "More data first."


def test_a_rise_that_is_larger_than_the_gap_at_the_best_asks_for_earlier_stopping_first(text: str) -> None:
    assert _section(text, 5).split("**")[1] == "Earlier stopping first."


def test_the_step_at_which_patience_ends_is_told() -> None:
    narrow = [
        record
        | {"train_loss": val_loss(min(600, record["step"])) - 0.05 - 0.0001 * max(0, record["step"] - 600)}
        if record["kind"] == "evaluation"
        else record
        for record in overfit_records(3000)
    ]
    prevent = _section(gap_analysis(run_of(narrow)), 5)
    assert "a patience of 3 evaluations.** Evidence: it would have stopped at step 750" in prevent


def test_a_run_that_still_improves_is_not_called_overfit() -> None:
    text = gap_analysis(run_of(overfit_records(500)))
    assert "does not overfit" in text
    assert "still improving when the run ended" in text
    assert "What would prevent it" not in text


def test_a_log_without_validation_claims_nothing() -> None:
    steps: list[Record] = [{"kind": "step", "step": step, "loss": 2.0} for step in range(10)]
    text = gap_analysis(run_of([header(), *steps]))
    assert "cannot be told from it" in text


def test_an_unmeasured_training_loss_is_said_to_be_a_mean_of_steps() -> None:
    plain = [
        {key: value for key, value in record.items() if key != "train_loss"}
        for record in overfit_records(2000)
    ]
    assert "the mean of the logged losses just before" in gap_analysis(run_of(plain))


def test_one_evaluation_is_enough_for_a_text() -> None:
    run: Run = run_of([header(), {"kind": "evaluation", "step": 0, "val_loss": 6.2}])
    assert "does not overfit" in gap_analysis(run)
