"""Signals, scopes and excuses: what rules share, and how the framework treats them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from flight_recorder.tui.checks.excuses import EXCUSES
from flight_recorder.tui.checks.rule import REGISTRY, Leaf, Readings, check
from flight_recorder.tui.checks.scope import FROM_SCRATCH
from flight_recorder.tui.checks.signals.signal import SIGNALS, Derived, signal
from flight_recorder.tui.checks.thresholds import ThresholdError, Thresholds
from flight_recorder.tui.checks.tree import every_check
from flight_recorder.tui.checks.verdict import Level, State, Verdict
from flight_recorder.tui.checks.view import View
from tests.checks.builders import judged, log


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """What a test declares is gone after it."""
    checks, signals = dict(REGISTRY), dict(SIGNALS)
    every_check.cache_clear()
    yield
    REGISTRY.clear()
    REGISTRY.update(checks)
    SIGNALS.clear()
    SIGNALS.update(signals)
    every_check.cache_clear()


def _declare(unless: tuple[str, ...] = (), **form: Any) -> None:
    @signal("loss.largest", reads=("loss",))
    class Largest:
        """Largest loss so far."""

        def __init__(self, *, least: float = 0.0) -> None:
            self._largest = least

        def __call__(self, view: View) -> Derived:
            largest = np.maximum.accumulate(np.maximum(view["loss"], self._largest))
            self._largest = float(largest[-1])
            return Derived(view.steps, {"": largest})

    @check(
        "X1",
        section="test",
        question="Is the loss near its largest?",
        panel="loss",
        reads=("loss", "signal.loss.largest"),
        leaves=(Leaf("far below", above=0.5, level=Level.RED, unless=unless),),
        **form,
    )
    def distance(view: View, *, share: float = 1.0) -> Readings:
        """Largest loss less the loss."""
        values = share * view["signal.loss.largest"] - view["loss"]
        return Readings(view.steps, values, None, {"within_noise": view["loss"] < 1})


def _verdict(loss: str, thresholds: Thresholds | None = None, **header: Any) -> Verdict:
    found = judged(log(header=header, loss=loss), thresholds).verdicts
    return next(one for one in found if one.check == "X1")


def test_a_rule_reads_a_signal_like_a_column() -> None:
    _declare()
    found = _verdict("3 2 1")
    assert (found.state, found.reading, found.first_step) == (State.FIRING, 2.0, 1)


def test_parameters_of_signals_and_checks_are_set_by_a_thresholds_file() -> None:
    _declare()
    changed = Thresholds.checked(
        {"signals": {"loss.largest": {"least": 10.0}}, "X1": {"parameters": {"share": 0.5}}}
    )
    assert _verdict("3 2 1", changed).reading == 4.0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"signals": {"loss.larges": {}}}, "nearest is loss.largest"),
        ({"signals": {"loss.largest": {"most": 1.0}}}, "no parameter 'most'; the nearest is least"),
        ({"X1": {"parameters": {"share": "half"}}}, "share takes a number"),
        ({"X1": {"parameters": 3}}, "parameters are names with numbers"),
    ],
)
def test_a_parameter_that_is_none_is_refused_in_a_sentence(content: Any, words: str) -> None:
    _declare()
    with pytest.raises(ThresholdError, match=words):
        Thresholds.checked(content)


def test_an_excused_reading_keeps_its_number_and_says_by_what() -> None:
    _declare(unless=("within_noise",))
    found = _verdict("3 0.5")
    assert (found.state, found.level, found.reading) == (State.EXCUSED, Level.GREEN, 2.5)
    assert (found.excused_by, found.bound) == ("within_noise", 0.5)
    assert [(span.first_step, span.last_step) for span in found.excused_spans] == [(1, 1)]


def test_an_excuse_counts_for_the_readings_at_which_it_holds_only() -> None:
    _declare(unless=("within_noise",))
    assert _verdict("3 0.5 2").state is State.FIRING
    assert _verdict("3 2 0.5").state is State.EXCUSED


def test_an_excuse_that_the_leaf_does_not_accept_changes_nothing() -> None:
    _declare()
    assert _verdict("3 0.5").state is State.FIRING


def test_a_rule_out_of_scope_is_not_applicable_and_its_measure_is_never_asked() -> None:
    _declare(applies=(FROM_SCRATCH,))
    assert _verdict("3 1").state is State.FIRING
    found = _verdict("3 1", origin="fine-tune")
    assert (found.state, found.evidence) == (State.NOT_APPLICABLE, FROM_SCRATCH.otherwise)


def test_a_signal_that_raises_fails_with_the_rules_that_read_it_and_no_other() -> None:
    _declare()

    @signal("loss.broken", reads=("loss",))
    def broken(view: View) -> Derived:
        """Always raises."""
        raise ZeroDivisionError("by zero")

    @check("X2", section="test", question="?", panel="loss", reads=("signal.loss.broken",), leaves=())
    def reader(view: View) -> Readings:
        """Never asked."""
        raise AssertionError

    states = {one.check: one for one in judged(log(loss="3 2 1")).verdicts}
    assert states["X2"].state is State.FAILED and "loss.broken" in states["X2"].evidence
    assert states["X1"].state is State.FIRING


def test_a_rule_whose_signal_lacks_its_field_is_not_measured() -> None:
    _declare()
    found = next(one for one in judged(log(lr="1x5")).verdicts if one.check == "X1")
    assert found.state is State.NOT_MEASURED and "loss" in found.evidence


def test_every_excuse_that_a_leaf_accepts_has_words() -> None:
    accepted = {name for one in every_check() for leaf in one.leaves for name in leaf.unless}
    assert accepted <= set(EXCUSES)
