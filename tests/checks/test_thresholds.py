from pathlib import Path

import pytest

from flight_recorder.tui.checks.thresholds import ThresholdError, Thresholds
from flight_recorder.tui.checks.tree import every_check
from flight_recorder.tui.checks.verdict import Level, State
from tests.checks.builders import judged, log, verdict

AS_WRITTEN = Path(__file__).parents[2] / "configs" / "thresholds" / "as-written.yaml"


def _file(folder: Path, text: str) -> Path:
    path = folder / "thresholds.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_overrides_a_bound_and_its_hold_and_its_level(tmp_path: Path) -> None:
    path = _file(tmp_path, "Q3.1a:\n  always clipping: {above: 2.0, hold: 1, level: red}\n")
    records = log(grad_norm="3x30")
    assert verdict("Q3.1a", records).state is State.PASS
    found = verdict("Q3.1a", records, Thresholds.load(path))
    assert (found.state, found.level, found.bound, found.bound_text) == (State.FIRING, Level.RED, 2.0, "2")


def test_a_pass_band_can_be_overridden_and_a_leaf_switched_off(tmp_path: Path) -> None:
    path = _file(tmp_path, "Q1.1a:\n  passes: [null, 7.0]\n  loss far above a uniform guess: off\n")
    assert verdict("Q1.1a", log(loss="9x3")).state is State.FIRING
    assert verdict("Q1.1a", log(loss="9x3"), Thresholds.load(path)).state is State.AMBER


def test_editing_one_bound_judges_the_whole_history_again() -> None:
    edited = Thresholds().with_bound("Q3.1a", "always clipping", "above", 2.0)
    found = verdict("Q3.1a", log(grad_norm="3x60 1x60"), edited)
    assert [(span.first_step, span.last_step) for span in found.spans] == [(20, 68)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Q3.1x:\n  always clipping: {above: 1}\n", "no check is called Q3.1x; the nearest is Q3.1"),
        (
            "Q3.1a:\n  always cliping: {above: 1}\n",
            "no leaf 'always cliping'; the nearest is always clipping",
        ),
        ("Q3.1a:\n  always clipping: {abov: 1}\n", "no setting is called 'abov'; the nearest is above"),
        ("Q3.1a:\n  always clipping: {above: high}\n", "above takes a number, not 'high'"),
        ("Q3.1a:\n  always clipping: {hold: 0}\n", "hold takes a whole number of readings from 1, not 0"),
        ("Q3.1a:\n  always clipping: {level: pink}\n", "level is one of green, yellow, orange, red, black"),
        ("Q3.1a:\n  always clipping: 5\n", "expected for example {above: 5.0, hold: 20}, or off"),
        ("Q1.1a:\n  passes: 7\n", "passes takes two numbers"),
        ("- Q3.1a\n", "expected check ids"),
        ("Q3.1a: [1, 2\n", "is not YAML"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence_that_names_the_nearest(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ThresholdError) as error:
        Thresholds.load(_file(tmp_path, text))
    assert message in str(error.value) and "thresholds.yaml" in str(error.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ThresholdError, match="cannot be read"):
        Thresholds.load(tmp_path / "none.yaml")


def test_the_literal_numbers_switch_their_own_nodes_on_and_ours_off() -> None:
    literal = Thresholds.load(AS_WRITTEN)
    nodes = {check.id for check in literal.in_force(every_check())}
    assert {check.id for check in every_check() if not check.shipped} - nodes == {"Q5.2w"} - nodes
    found = verdict("Q3.1w", log(grad_norm="6x20"), literal)
    assert found.state is State.FIRING
    assert verdict("Q3.1a", log(header={"grad_clip": 1}, grad_norm="6x60"), literal).state is not State.FIRING


def test_bounds_in_the_unit_of_a_panel_are_lines_on_it() -> None:
    judge = judged(log(grad_norm="1x30"))
    lines = {line.label: line.value for line in judge.thresholds("grad_norm")}
    assert lines["5 x clip"] == 5.0
    assert not judge.thresholds("lr")


def test_the_clip_value_moves_the_line_and_the_rule_together() -> None:
    judge = judged(log(header={"grad_clip": 0.5}, grad_norm="2.6x60"))
    assert {line.label: line.value for line in judge.thresholds("grad_norm")}["5 x clip"] == 2.5
    assert judge.headline is not None and judge.headline.check == "Q3.1a"
