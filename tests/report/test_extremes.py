"""Whatever the numbers of a log are: nothing raises, nothing warns, no check and no panel breaks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flight_recorder.tui.checks.verdict import State
from flight_recorder.tui.panels.drawing.braille import draw
from flight_recorder.tui.panels.drawing.layout import Options
from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.panels.view import View
from flight_recorder.tui.report.compare.compare import compare
from flight_recorder.tui.report.html import dashboard
from flight_recorder.tui.report.markdown import gap_analysis, post_mortem
from flight_recorder.tui.report.terminal import show, verdicts
from flight_recorder.tui.run import Run
from flight_recorder.tui.series.axis import AXIS_NAMES
from tests.checks.builders import log
from tests.report.extremes import EXTREMES, NUMBERS, odd_run
from tests.report.logs import run_of

USUAL = run_of(odd_run(80, {}))


def _all_that_is_said(run: Run) -> Iterator[str]:
    yield verdicts.as_json(run)
    yield gap_analysis.gap_analysis(run)
    yield post_mortem.post_mortem(run)
    yield dashboard.page(run)
    yield compare(run, USUAL)
    yield compare(USUAL, run)
    yield show.render(run, 120)
    for axis in AXIS_NAMES:
        for panel in PANELS:
            for scale in ("linear", "log"):
                view = View(width_dots=20, x_axis=axis, y_scale=scale, smoothing=3, heat=scale == "log")
                figure = panel.figure(run, view)
                with np.errstate(all="ignore"):
                    draw(figure, 40, 8, Options())
                yield figure.note


_SOME = st.dictionaries(st.sampled_from(NUMBERS), st.sampled_from(EXTREMES), min_size=1, max_size=4)
_EVERY = st.sampled_from(EXTREMES).map(lambda value: dict.fromkeys(NUMBERS, value))


@pytest.mark.filterwarnings("error")
@settings(deadline=None, max_examples=12)
@given(_SOME | _EVERY, st.sampled_from([1, 3, 60, 240]), st.sampled_from(["all", "first", "last", "odd"]))
@example({"evaluation.val_loss": 0.0}, 60, "first")
@example({"evaluation.val_loss": 0.0}, 60, "all")
@example({"step.lr": 1e308}, 240, "last")
@example({"step.lr": 1e20}, 240, "odd")
@example({"step.time": np.inf}, 60, "odd")
@example({"header.num_parameters": np.nan, "header.planned_steps": np.inf}, 60, "all")
def test_no_number_breaks_a_check_a_panel_or_a_report(odd: dict[str, float], length: int, rows: str) -> None:
    run = run_of(odd_run(length, odd, rows))
    assert run.judge.failed == ()
    for text in _all_that_is_said(run):
        assert "cannot be drawn" not in text


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", EXTREMES)
def test_no_constant_breaks_a_check(value: float) -> None:
    for source in (None, "huggingface"):
        for fields in ("step", "evaluation", "header", "initial", "schedule", "weights"):
            odd = {name: value for name in NUMBERS if name.startswith(f"{fields}.")}
            run = run_of(odd_run(240, odd, source=source))
            assert run.judge.failed == ()
            _ = run.judge.overfit, run.judge.schedule, run.judge.causes  # none raises


def test_a_warning_is_an_error_here() -> None:
    with pytest.raises(RuntimeWarning), warnings.catch_warnings():
        warnings.simplefilter("error")
        np.log(np.zeros(1))


def test_a_validation_loss_of_zero_is_no_zero_to_divide_by() -> None:
    run = run_of(log(loss="2 -0.01x100", evaluations={"val_loss": "0.7 0.3 0 0.1 0.2"}, eval_every=20))
    assert run.judge.failed == ()
    assert "is 0.2000 nats above the best" in gap_analysis.gap_analysis(run)


def test_validation_that_rises_after_a_loss_printed_as_zero_is_still_judged() -> None:
    losses = "0.7 0.5 0.4 0.35 0.32 0.3 0 2 3 3"
    run = run_of(log(loss="2 -0.009x200", evaluations={"val_loss": losses}, eval_every=20))
    states = {verdict.check: verdict.state for verdict in run.judge.verdicts}
    assert states["D4.2"] is State.FIRING
    assert states["Q4.2a"] in (State.FIRING, State.RESOLVED, State.EXCUSED)
