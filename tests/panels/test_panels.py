from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flight_recorder.tui.checks.verdict import Level, Span, State, Threshold, Verdict
from flight_recorder.tui.panels import panel
from flight_recorder.tui.panels.figure import Figure
from flight_recorder.tui.panels.registry import PANEL_BY_ID, PANELS
from flight_recorder.tui.panels.view import View
from tests.panels.builders import LAYERS, Judged, JudgedRun, overfitting_records, recorded

RECORDS = overfitting_records(700)
RUN = JudgedRun(recorded(RECORDS))


def figure(name: str, run: JudgedRun = RUN, **view: Any) -> Figure:
    return PANEL_BY_ID[name].figure(run, View(**view))  # type: ignore[arg-type]


def names(figure: Figure) -> list[str]:
    return [line.name for line in figure.lines]


def verdict(panel: str, level: Level, state: State = State.FIRING, **more: Any) -> Verdict:
    return Verdict("Q9.9", "a section", "a question?", state, level, panel=panel, **more)


def steps(**columns: list[Any]) -> list[dict[str, Any]]:
    rows = zip(*columns.values(), strict=True)
    return [
        {"kind": "step", "step": step} | dict(zip(columns, row, strict=True)) for step, row in enumerate(rows)
    ]


def test_panels_are_numbered_in_order() -> None:
    assert [panel.number for panel in PANELS] == list(range(1, len(PANELS) + 1))


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("loss", ["train", "val"]),
        ("lr", ["lr"]),
        ("grad_norm", ["norm"]),
        ("activation", LAYERS),
        ("dead", ["units", "heads"]),
        ("class_loss", ["regular, train", "irregular, train", "regular", "irregular"]),
    ],
)
def test_a_panel_has_the_lines_of_its_question(name: str, lines: list[str]) -> None:
    assert names(figure(name)) == lines


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("loss", "log"), ("lr", "linear"), ("grad_norm", "log"), ("activation", "linear"),
        ("spectral_norm", "log"), ("dead", "linear"), ("class_loss", "log"),
    ],
)  # fmt: skip
def test_a_panel_has_the_axis_of_the_seven_panels_page(name: str, scale: str) -> None:
    assert figure(name).y_scale == scale
    other = "linear" if scale == "log" else "log"
    assert figure(name, y_scale=other).y_scale == other


def test_the_baseline_and_the_clip_value_are_references_without_a_level() -> None:
    assert [(rule.value, rule.label, rule.level) for rule in figure("loss").rules] == [
        (2.58, "baseline 2.58", None)
    ]
    assert [(rule.value, rule.label, rule.level) for rule in figure("grad_norm").rules] == [
        (1.0, "clip 1", None)
    ]


def test_no_clip_line_is_drawn_for_a_run_that_does_not_clip() -> None:
    records = [{"kind": "header", "grad_clip": 0}, *steps(grad_norm=[1.0, 2.0])]
    assert figure("grad_norm", JudgedRun(recorded(records))).rules == ()


def test_thresholds_come_from_the_checks_of_the_panel() -> None:
    bounds = (Threshold("grad_norm", 5.0, "5 x clip", Level.ORANGE), Threshold("lr", 1.0, "x", Level.RED))
    rules = figure("grad_norm", JudgedRun(RUN.recording, Judged(bounds=bounds))).rules
    assert [(rule.value, rule.level) for rule in rules] == [(1.0, None), (5.0, Level.ORANGE)]


def test_no_panel_holds_a_threshold() -> None:
    """The only numbers in the seven files are a panel's number, 0 and 1, and how many digits are shown."""
    for declared in PANELS:
        source = Path(panel.__file__).with_name(f"{declared.id}.py").read_text(encoding="utf-8")
        found = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
        numbers = {value for value in found if isinstance(value, int | float) and not isinstance(value, bool)}
        assert numbers <= {0, 1, 2, 3, 4, declared.number, -1}


@pytest.mark.parametrize("declared", PANELS, ids=lambda declared: declared.id)
def test_a_panel_without_data_says_so_in_a_sentence(declared: panel.Panel) -> None:
    nothing = JudgedRun(recorded([]))
    assert declared.figure(nothing, View()).note == "Nothing recorded yet."  # type: ignore[arg-type]
    other = JudgedRun(recorded(steps(mfu=[0.5, 0.5])))
    empty = declared.figure(other, View())  # type: ignore[arg-type]
    assert empty.note.startswith("This log has no ") and empty.note.endswith(".")
    assert empty.lines == () and empty.health == "no data"


def test_a_log_with_only_loss_fills_one_panel() -> None:
    run = JudgedRun(recorded(steps(loss=[3.0, 2.0])))
    assert [declared.id for declared in PANELS if not declared.figure(run, View()).note] == ["loss"]  # type: ignore[arg-type]


def test_the_worst_verdict_of_the_panel_is_its_health() -> None:
    verdicts = (
        verdict("loss", Level.YELLOW, symptom="val stopped improving"),
        verdict("loss", Level.RED, symptom="val far above its best"),
        verdict("lr", Level.BLACK, symptom="elsewhere"),
    )
    shown = figure("loss", JudgedRun(RUN.recording, Judged(verdicts)))
    assert (shown.level, shown.health) == (Level.RED, "val far above its best")


@pytest.mark.parametrize(
    ("states", "health"),
    [
        ((State.PASS, State.UNKNOWN), "ok"),
        ((State.RESOLVED,), "ok"),
        ((State.UNKNOWN, State.NOT_MEASURED), "too early to say"),
        ((State.NOT_MEASURED,), "not judged"),
        ((), "not judged"),
    ],
)
def test_not_measured_is_not_ok(states: tuple[State, ...], health: str) -> None:
    verdicts = tuple(verdict("loss", Level.GREEN, state) for state in states)
    assert figure("loss", JudgedRun(RUN.recording, Judged(verdicts))).health == health


def test_violating_steps_are_tinted_in_the_unit_of_the_x_axis() -> None:
    spans = (Span(250, 400, Level.ORANGE), Span(5000, 6000, Level.RED))
    run = JudgedRun(RUN.recording, Judged((verdict("loss", Level.ORANGE, spans=spans),)))
    assert [(tint.first, tint.last) for tint in figure("loss", run).tints] == [(250, 400)]
    assert [(tint.first, tint.last) for tint in figure("loss", run, x_axis="epoch").tints] == [(2.0, 3.2)]
    window = figure("loss", run, x_first=300, x_last=350)
    assert [(tint.first, tint.last) for tint in window.tints] == [(300, 350)]


def test_the_best_validation_loss_the_checkpoints_and_the_onset_are_marked() -> None:
    marks = figure("loss", JudgedRun(RUN.recording, Judged(overfit={"onset": 600}))).marks
    best = next(mark for mark in marks if mark.kind == "best")
    values = RUN.recording.evaluations["val_loss"]
    assert (best.x, best.y) == (values.steps[values.values.argmin()], values.values.min())
    assert [mark.x for mark in marks if mark.kind == "onset"] == [600]
    assert [mark.x for mark in marks if mark.kind == "checkpoint"] == [500]


def test_a_validation_loss_that_is_not_finite_is_never_the_best() -> None:
    values = [float("nan"), 3.0, float("-inf"), 2.0]
    records = [{"kind": "evaluation", "step": step, "val_loss": value} for step, value in enumerate(values)]
    marks = figure("loss", JudgedRun(recorded(records))).marks
    assert [(mark.x, mark.y) for mark in marks] == [(3, 2.0)]


def test_a_resume_is_marked_on_every_panel() -> None:
    records = [*RECORDS, {"kind": "resume", "step": 600}]
    run = JudgedRun(recorded(records))
    for declared in (one for one in PANELS if one.measured(run.recording)):
        marks = declared.figure(run, View()).marks  # type: ignore[arg-type]
        assert [mark.x for mark in marks if mark.kind == "resume"] == [600]


def test_all_panels_share_one_range_of_x() -> None:
    assert {declared.figure(RUN, View()).x_range for declared in PANELS} == {(0.0, 699.0)}  # type: ignore[arg-type]


def test_a_window_shows_its_steps_and_one_value_more_on_each_side() -> None:
    shown = figure("loss", x_first=100, x_last=200)
    assert shown.x_range == (100, 200)
    assert (shown.lines[0].x[0], shown.lines[0].x[-1]) == (99, 201)


def test_an_axis_the_run_has_no_numbers_for_falls_back_to_steps() -> None:
    run = JudgedRun(recorded(steps(loss=[3.0, 2.0])))
    assert figure("loss", run, x_axis="tokens").x_label == "step"
    assert figure("loss", x_axis="tokens").x_range == (0.0, 699 * 300.0)


def test_smoothing_is_a_line_of_its_own_beside_the_measured_one() -> None:
    plain, smooth = figure("grad_norm"), figure("grad_norm", smoothing=50)
    assert names(smooth) == ["norm", "norm, mean of 50"]
    np.testing.assert_array_equal(smooth.lines[0].high, plain.lines[0].high)
    assert np.ptp(smooth.lines[1].high[-50:]) < np.ptp(plain.lines[0].high[-50:]) / 3


def test_many_layers_become_a_heat_strip_by_themselves_and_few_on_request() -> None:
    assert figure("activation").heat == ()
    assert [name for name, _ in figure("activation", heat=True).heat] == LAYERS
    layers = [f"block_{place}" for place in range(24)]
    header = {"kind": "header", "layers": layers}
    values = [[1.0] * 24 for _ in range(5)]
    values[-1][17] = 90.0
    run = JudgedRun(recorded([header, *steps(activation=values)]))
    shown = figure("activation", run)
    assert len(shown.heat) == 24 and shown.lines == ()
    assert shown.heat_offender == "block_17"
    assert shown.latest == "block_17 90.0"


def test_a_layer_that_is_not_finite_is_the_offender() -> None:
    run = JudgedRun(
        recorded([{"kind": "header", "layers": ["a", "b"]}, *steps(activation=[[1e9, float("nan")]])])
    )
    assert figure("activation", run, heat=True).heat_offender == "b"
    assert figure("activation", run).latest == "b NaN"


def test_the_values_at_a_step_are_the_newest_measured_by_then() -> None:
    read = PANEL_BY_ID["loss"].values_at(RUN, 123)  # type: ignore[arg-type]
    train, val = RUN.recording.steps["loss"], RUN.recording.evaluations["val_loss"]
    assert read == (("train", 123, train.values[123]), ("val", 100, val.values[2]))


def test_names_out_of_a_log_do_nothing_to_the_terminal() -> None:
    header = {"kind": "header", "layers": ["\x1b[2Jevil", "b\u202e"]}
    run = JudgedRun(recorded([header, *steps(activation=[[1.0, 2.0]])]))
    assert names(figure("activation", run)) == ["␛[2Jevil", "b\ufffd"]


def test_the_newest_values_are_in_words() -> None:
    short = {declared.id: declared.figure(RUN, View()).latest for declared in PANELS}  # type: ignore[arg-type]
    assert short["dead"] == "units 0/512  heads 0/8"
    assert short["lr"].endswith("e-3")
    assert short["loss"].startswith("train ") and "  val " in short["loss"]


def test_a_zero_learning_rate_is_written_as_nought() -> None:
    assert figure("lr", JudgedRun(recorded(steps(lr=[0.0])))).latest == "0"


def test_baselines_that_are_no_numbers_are_left_out() -> None:
    for value in ("2.5", None, float("nan")):
        run = JudgedRun(recorded([{"kind": "header", "baseline_loss": value}, *steps(loss=[1.0])]))
        assert figure("loss", run).rules == ()


def test_a_redraw_of_all_panels_reads_no_more_of_a_long_run_than_of_a_short_one() -> None:
    def reads(num_steps: int) -> int:
        values = np.random.default_rng(0).standard_normal(num_steps).tolist()
        run = JudgedRun(recorded(steps(loss=values, grad_norm=values)))
        columns = [run.recording.steps[name].pyramid for name in ("loss", "grad_norm")]
        figure("loss", run), figure("grad_norm", run)
        return sum(column.num_reads for column in columns)

    assert reads(200_000) < 4 * reads(10_000)


def test_figures_of_one_run_do_not_depend_on_the_width_for_their_extremes() -> None:
    narrow, wide = figure("loss", width_dots=20), figure("loss", width_dots=500)
    for one, other in zip(narrow.lines, wide.lines, strict=True):
        assert np.nanmax(one.high) == np.nanmax(other.high)
        assert np.nanmin(one.low) == np.nanmin(other.low)
    assert replace(narrow, lines=()) == replace(wide, lines=())
