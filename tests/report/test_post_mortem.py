"""The fine-tune post-mortem's run, rebuilt: every figure of its table right, and its three slips "
"corrected."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.follow.once import read_all
from flight_recorder.tui.report.markdown.phases import phases_of
from flight_recorder.tui.report.markdown.post_mortem import post_mortem
from flight_recorder.tui.run import Run
from tests.checks import fine_tune_log
from tests.report.logs import header, overfit_records, run_of


@pytest.fixture(scope="module")
def run() -> Run:
    return run_of(fine_tune_log.records(), path="train.out", format="huggingface")


@pytest.fixture(scope="module")
def text(run: Run) -> str:
    return post_mortem(run)


def _section(text: str, title: str) -> str:
    return text[text.index(f"## {title}") :].split("\n## ")[0]


def _rows(section: str) -> list[list[str]]:
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip(" *") for cell in row.strip("|").split("|")] for row in rows[2:]]


def _check_timeline(text: str) -> None:
    rows = {row[0]: row for row in _rows(_section(text, "Timeline"))}
    for step, train, val, norm in fine_tune_log.ROWS:
        _, epoch, shown_train, shown_val, lr, shown_norm, _ = rows[step]
        assert float(epoch) == int(step) / 2
        assert float(shown_train) == float(train)
        assert float(shown_norm) == float(norm)
        assert float(lr) == pytest.approx(fine_tune_log.learning_rate(int(step)), rel=1e-5)
        assert shown_val == "–" if val == "-" else float(shown_val) == float(val)


def test_every_figure_of_the_timeline_is_right(text: str) -> None:
    _check_timeline(text)


def test_the_same_holds_for_what_the_trainer_printed(tmp_path: Path) -> None:
    log = tmp_path / "train.out"
    log.write_text(fine_tune_log.stdout_log(), encoding="utf-8")
    run = Run(str(log))
    for batch in read_all(log):
        run.extend(batch)
    text = post_mortem(run)
    _check_timeline(text)
    assert "11 h 40 min" in _section(text, "Compute")
    assert "on how many devices it ran, so device-hours are unknown" in _section(text, "Compute")
    assert "were counted" in _section(text, "What this log cannot show")


def test_the_best_is_marked_at_epoch_15(text: str) -> None:
    [best] = [row for row in _rows(_section(text, "Timeline")) if row[6].startswith("best validation loss")]
    assert best[:2] == ["30", "15"]


def test_the_phases_begin_where_the_tree_could_call_them(run: Run) -> None:
    found = [(phase.name, phase.rows[0].epoch, phase.rows[-1].epoch) for phase in phases_of(run)]
    assert found == [
        ("Learning", 5, 15),
        ("After the best", 15, 20),
        ("Validation no longer improves", 20, 25),
        ("Validation loss climbs", 25, 35),
        ("Validation loss 1.5 x its best", 35, 55),
        ("Memorised", 55, 100),
    ]


def test_patience_3_stops_at_epoch_30_and_not_at_18(text: str) -> None:
    rows = _rows(_section(text, "What early stopping would have done"))
    assert [row[:3] for row in rows] == [[str(p), str(30 + 10 * p), str(15 + 5 * p)] for p in range(1, 6)]
    assert all(row[3] == "0.1376 (step 30)" for row in rows)


def test_constant_was_overridden_and_by_what_is_named(text: str) -> None:
    schedule = _section(text, "Learning rate")
    assert "Declared: **constant" in schedule
    assert "Observed: **linear" in schedule
    assert "logarithmic" in schedule
    assert "total_steps 200" in schedule
    assert "something overrode it" in schedule
    assert "WarmupDecayLR" in schedule


def test_memorised_is_not_blamed_on_the_mask(text: str) -> None:
    causes = _section(text, "Causes")
    assert "Memorised, and not a fault of the loss mask" in causes
    assert "masked_targets" not in causes
    assert "mask" not in _section(text, "Recommendations")


def test_the_red_flags_are_dated_by_when_they_were_visible(text: str) -> None:
    rows = _rows(_section(text, "Red flags"))
    first: dict[str, float] = {}
    for row in rows:
        if row[3].startswith("D4") and "checkpoint" not in row[3] and "compute" not in row[3]:
            first.setdefault(row[2], float(row[1]))
    assert 15 <= first["yellow"] <= 25
    assert 20 <= first["orange"] <= 30
    assert 30 <= first["red"] <= 50
    assert 40 <= first["black"] <= 75


def test_the_checkpoint_is_seventy_steps_late(text: str) -> None:
    section = _section(text, "Checkpoints kept")
    assert "the nearest checkpoint is 70 steps late" in section
    assert [row[2] for row in _rows(section)] == ["0.3899", "0.4918"]


def test_compute_is_counted_in_device_hours_when_the_devices_are_known() -> None:
    records = fine_tune_log.records()
    records[0] |= {"world_size": 8}
    records[-1] |= {"message": "train_runtime 42045.0 s"}
    rows = _rows(_section(post_mortem(run_of(records, format="huggingface")), "Compute"))
    hours = 42045 / 3600
    assert rows[2][1] == f"{8 * hours:.1f}"
    assert rows[2][2] == f"{8 * hours * 0.85:.1f}"
    assert "85 % of the run" in _section(post_mortem(run_of(records, format="huggingface")), "Compute")


def test_every_recommendation_has_its_evidence(text: str) -> None:
    lines = [line for line in _section(text, "Recommendations").splitlines() if re.match(r"\d+\. ", line)]
    assert len(lines) >= 4
    assert all(re.search(r"\*\* Evidence: .*[0-9].*\.$", line) for line in lines)


def test_what_the_log_lacks_is_said_to_be_unknown(text: str) -> None:
    unknown = _section(text, "What this log cannot show")
    for words in (
        "the vocabulary",
        "the number of devices",
        "the clip value",
        "panel 5, spectral norms: no data",
    ):
        assert words in unknown


@pytest.mark.parametrize(
    "records",
    [
        [],
        [{"kind": "step", "step": 1, "loss": 2.0}],
        [{"kind": "step", "step": step, "loss": float("nan")} for step in range(20)],
        [{"kind": "evaluation", "step": 5, "val_loss": 1.0}],
        [{"kind": "evaluation", "step": 5, "val_loss": float("nan")}],
        [{"kind": "evaluation", "step": step, "val_loss": 0.0} for step in range(5)],
    ],
    ids=["nothing", "one-step", "nan", "one-evaluation", "nan-evaluation", "zeros"],
)
def test_a_poor_log_has_a_post_mortem_too(records: list[Record]) -> None:
    text = post_mortem(run_of(records, format="csv"))
    assert text.startswith("# Post-mortem of")
    assert "What this log cannot show" in text


def test_a_long_run_is_told_in_a_table_that_can_be_read() -> None:
    text = post_mortem(run_of(overfit_records(8000), format="csv"))
    rows = _rows(_section(text, "Timeline"))
    assert len(rows) <= 43
    assert any(row[0] == "600" and "best validation loss" in row[6] for row in rows)
    assert "rows are left out" in text


def test_a_healthy_short_run_gets_no_advice_about_overfitting() -> None:
    text = post_mortem(run_of(overfit_records(500), format="csv"))
    assert "Stop early" not in _section(text, "Recommendations")
    assert [name for name in ("Memorised", "Validation loss climbs") if name in text] == []


def test_the_header_alone_is_not_a_run_yet() -> None:
    assert "The log has no step and no evaluation." in post_mortem(run_of([header()], format="csv"))
