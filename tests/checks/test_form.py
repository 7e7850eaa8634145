import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_recorder.tui.checks.hold import Track
from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.verdict import Level, State
from flight_recorder.tui.series.recording import Recording
from tests.checks.builders import judged, log, series, verdict


def test_series_notation_counts_repeats_steps_and_gaps() -> None:
    assert series("6.2 -0.1x2 5x3 *0.5x1 _x2") == [6.2, 6.1, 6.0, 5.0, 5.0, 5.0, 2.5, None, None]


def test_a_loss_far_above_a_uniform_guess_fires_at_step_0() -> None:
    found = verdict("Q1.1a", log(loss="8.1 7x5"))
    assert (found.state, found.symptom, found.first_step) == (
        State.FIRING,
        "loss far above a uniform guess",
        0,
    )
    assert found.bound is not None and math.isclose(found.bound, math.log(512) + 1.76)
    assert found.bound_text == "ln V + 1.76 (= 7.998 here)"


def test_a_loss_between_the_pass_band_and_the_leaf_is_amber() -> None:
    assert verdict("Q1.1a", log(loss="7 6x5")).state is State.AMBER


def test_a_log_that_starts_late_has_no_loss_at_step_0() -> None:
    found = verdict("Q1.1a", log(first_step=10, loss="9x5"))
    assert found.state is State.NOT_MEASURED
    assert "step 0" in found.evidence


def test_a_field_that_the_log_lacks_is_not_measured_and_not_passed() -> None:
    assert verdict("Q3.1a", log(loss="6x30")).state is State.NOT_MEASURED
    assert verdict("Q1.1a", log(header={"vocab_size": None}, loss="6x3")).state is State.NOT_MEASURED


@pytest.mark.parametrize("size", [10**30, 2**53, 1e30, 1, 0, -5, math.nan, math.inf])
def test_a_vocabulary_of_no_possible_size_judges_nothing(size: float) -> None:
    records = log(header={"vocab_size": size}, loss="6 5x60", evaluations={"val_loss": "5 4"})
    for check in ("Q1.1a", "D5.2", "D5.3", "D5.7"):
        assert verdict(check, records).state is State.NOT_MEASURED


def test_a_node_that_does_not_apply_says_why_and_does_not_pass() -> None:
    found = verdict("Q3.1b", log(grad_norm="1x200"))
    assert (found.state, found.evidence) == (
        State.NOT_APPLICABLE,
        "the clip value is known, and Q3.1a judges by it",
    )
    assert verdict(
        "Q2.1b", log(header={"schedule": {"family": "constant", "lr_max": 1}}, lr="1x30")
    ).evidence == ("a constant rate is declared")


def test_before_its_window_is_full_a_check_is_unknown() -> None:
    assert verdict("Q3.1a", log(grad_norm="9x19")).state is State.UNKNOWN


def test_a_leaf_is_pending_until_it_has_held_long_enough() -> None:
    assert verdict("Q3.1a", log(grad_norm="9x59")).state is State.PENDING
    found = verdict("Q3.1a", log(grad_norm="9x60"))
    assert (found.state, found.first_step, found.last_step) == (State.FIRING, 20, 59)


def test_what_holds_no_more_is_resolved_and_keeps_its_span() -> None:
    found = verdict("Q3.1a", log(grad_norm="9x60 1x60"))
    assert (found.state, found.level) == (State.RESOLVED, Level.GREEN)
    assert [(span.first_step, span.last_step) for span in found.spans] == [(20, 68)]


def test_a_reading_that_is_nan_is_a_violation_of_its_own() -> None:
    found = verdict("Q3.1a", log(grad_norm="1x30 nan"))
    assert (found.state, found.symptom) == (State.FIRING, "not finite")


def test_a_resume_judges_again_without_the_rows_it_dropped() -> None:
    first = log(grad_norm="1x30 90x30")
    judge = judged(first)
    judge.recording.extend([{"kind": "resume", "step": 30}])
    judge.recording.extend(log(first_step=30, grad_norm="1x40")[1:])
    judge.update()
    found = next(v for v in judge.verdicts if v.check == "Q3.1a")
    assert (found.state, found.spans) == (State.PASS, ())


def test_every_row_is_measured_once_however_the_log_arrives() -> None:
    records = log(loss="6x100", grad_norm="1x100")
    whole = judged(records).num_rows_measured
    recording = Recording()
    judge = Judge(recording)
    for record in records:
        recording.extend([record])
        judge.update()
        judge.update()
    assert judge.num_rows_measured == whole > 0


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 4), st.integers(1, 4), st.data())
def test_a_track_ends_in_the_same_state_however_its_readings_are_cut(
    flags: list[bool], hold: int, keep: int, data: st.DataObject
) -> None:
    import numpy as np

    whole, cut = Track(hold, keep), Track(hold, keep)
    steps, holds = np.arange(len(flags)), np.array(flags, np.bool_)
    if flags:
        whole.consume(steps, holds)
    edges = sorted(data.draw(st.sets(st.integers(0, len(flags)))) | {0, len(flags)})
    for start, end in pairwise(edges):
        cut.consume(steps[start:end], holds[start:end])
    for track in (whole, cut):
        assert all(first <= last for first, last in track.spans)
    assert (whole.state, whole.spans, whole.called, whole.first_step, whole.last_step) == (
        cut.state,
        cut.spans,
        cut.called,
        cut.first_step,
        cut.last_step,
    )


_values = st.one_of(st.floats(0, 20), st.just(math.nan), st.just(math.inf))


@settings(deadline=None, max_examples=20)
@given(st.lists(_values, min_size=1, max_size=90), st.data())
def test_any_chunking_of_a_log_gives_the_same_verdicts(norms: list[float], data: st.DataObject) -> None:
    records = log(loss=norms, grad_norm=norms)
    recording = Recording()
    judge = Judge(recording)
    position = 0
    while position < len(records):
        size = data.draw(st.integers(1, 40))
        recording.extend(records[position : position + size])
        judge.update()
        position += size
    assert repr(judge.verdicts) == repr(judged(records).verdicts)


def test_one_outlier_however_large_is_not_always_clipping() -> None:
    found = verdict("Q3.1a", log(grad_norm="1x50 900 1x80"))
    assert (found.state, found.spans) == (State.PASS, ())


@pytest.mark.parametrize("field", ["grad_norm", "lr", "time", "step_s", "loss_scale"])
def test_a_part_of_a_number_is_not_the_number(field: str) -> None:
    records = log(loss="2x150")
    parts = [{**record, f"{field}/layer1": 1.0} for record in records[1:]]
    silent = next(v for v in judged([records[0], *parts]).verdicts if v.check == "Q3.1c")
    assert silent.state is State.NOT_MEASURED
