"""A signal: a series or an object derived from the records once per run, which every rule reads alike.

    @signal(
        "loss.mean20", reads=("loss",), window=20,
        why="...", reference="https://...",
    )
    def mean_loss(view: View) -> Derived:
        '''Mean training loss of the last 20 records.'''

A rule names what it reads in `reads=("signal.loss.mean20",)`: a column of a signal is joined with the rule's
rows like any other, an object is asked for by `view.signal("loss.random_walk")`. What an object is asked
must have an answer as of a row or a step: it may have seen records beyond those that a rule looks at, and a
verdict must not depend on how the log was cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.parameters import Value, parameters_of
from flight_recorder.tui.checks.view import PREFIX, Stream, View
from flight_recorder.tui.defect import named_or_raised
from flight_recorder.tui.series.recording import Recording

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Derived:
    """New values of a signal: `values` by column, each as long as `steps`.

    `steps` are among those of the view's new rows and strictly increase. The column called "" is the signal
    itself, "row" of the signal "loss.lowest" is read as "signal.loss.lowest.row".
    """

    steps: Steps
    values: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Signal:
    """The declaration of a signal.

    Attributes:
        name: "loss.mean20"; rules read it as "signal.loss.mean20".
        reads, optional: schema fields, or signals declared before this one.
        window: rows handed over before the new ones are `window - 1`; may be made from the parameters.
        columns: what it yields; none for an object that is asked instead.
        why: why its statistics are right.
        reference: where a reader finds that, as a paper or a URL.
    """

    name: str
    reads: tuple[str, ...]
    make: Callable[..., Any]
    describe: str
    parameters: Mapping[str, Value]
    columns: tuple[str, ...] = ("",)
    optional: tuple[str, ...] = ()
    window: int | Callable[[Mapping[str, Value]], int] = 1
    why: str = ""
    reference: str = ""


SIGNALS: dict[str, Signal] = {}
"""Every declared signal by name."""

M = TypeVar("M", bound=Callable[..., Any])


def signal(name: str, *, reads: tuple[str, ...], **form: Any) -> Callable[[M], M]:
    """Declare a signal: a function of a view, or a class whose instances are called with views.

    A class is made anew whenever the log is replayed from its start, which happens after each resume.
    """

    def register(measure: M) -> M:
        if name in SIGNALS and SIGNALS[name].make is not measure:
            raise ValueError(f"two signals are called {name}")
        describe = " ".join((measure.__doc__ or "").strip().split("\n\n")[0].split())
        SIGNALS[name] = Signal(name, reads, measure, describe, parameters_of(measure), **form)
        return measure

    return register


class NewValues:
    """A column of a signal, of which only the newest part is kept: no rule reads a row twice."""

    def __init__(self) -> None:
        self._steps: Steps = np.empty(0, np.int64)
        self._values: Floats = np.empty(0)
        self._num_dropped = 0

    def __len__(self) -> int:
        return self._num_dropped + len(self._values)

    def put(self, steps: Steps, values: Floats) -> None:
        """Go on by these; those before are dropped."""
        self._num_dropped = len(self)
        self._steps, self._values = steps, values

    def steps_from(self, start: int) -> Steps:
        """The steps of the values from position `start` on that are kept."""
        return self._steps[max(start - self._num_dropped, 0) :]

    def values_from(self, start: int) -> Floats:
        """The values from position `start` on that are kept."""
        return self._values[max(start - self._num_dropped, 0) :]


@dataclass(slots=True)
class _AtWork:
    """A signal in one run: its measure and what it has yielded so far."""

    signal: Signal
    stream: Stream
    measure: Callable[[View], Derived | None]
    columns: dict[str, NewValues] = field(default_factory=dict)
    failed: str = ""


class Signals:
    """The signals of one replay of a run; `update` before the rules look."""

    def __init__(self, facts: Facts, changes: Mapping[str, Mapping[str, Value]] | None = None) -> None:
        self._facts = facts
        self._changes = changes or {}
        self._by_name: dict[str, _AtWork] = {}
        self._by_column: dict[str, _AtWork] = {}
        for declared in in_order():
            self._start(declared)

    def _start(self, declared: Signal) -> None:
        values = {**declared.parameters, **self._changes.get(declared.name, {})}
        window = declared.window(values) if callable(declared.window) else declared.window
        changed = self._changes.get(declared.name, {})
        is_class = isinstance(declared.make, type)
        measure = declared.make(**changed) if is_class else partial(declared.make, **changed)
        at_work = _AtWork(declared, Stream(declared.reads, declared.optional, window, self), measure)
        self._by_name[declared.name] = at_work
        for column in declared.columns:
            name = f"{declared.name}.{column}" if column else declared.name
            at_work.columns[column] = NewValues()
            self._by_column[name] = at_work

    def update(self, recording: Recording) -> None:
        """Derive what the new records give; a signal that raises fails alone, with the rules that read it."""
        for at_work in self._by_name.values():
            if at_work.failed:
                continue
            try:
                self._extend(at_work, recording)
            except Exception as error:
                at_work.failed = f"signal {at_work.signal.name}: {named_or_raised(error)}"

    def _extend(self, at_work: _AtWork, recording: Recording) -> None:
        view = at_work.stream.take(recording, self._facts)
        derived = None if view is None else at_work.measure(view)
        if derived is None or not len(derived.steps):
            return
        for name, column in at_work.columns.items():
            column.put(derived.steps, np.asarray(derived.values[name], np.float64))

    def object(self, name: str) -> Any:
        """The measure of a signal, to be asked as of a row or a step.

        Raises:
            RuntimeError: it failed.
        """
        at_work = self._by_name[name]
        if at_work.failed:
            raise RuntimeError(at_work.failed)
        return at_work.measure

    def column(self, name: str) -> NewValues | None:
        """The column "loss.mean20" or "loss.lowest.row"; None for an object.

        Raises:
            RuntimeError: its signal failed.
        """
        at_work = self._by_column.get(name)
        if at_work is None:
            return None
        if at_work.failed:
            raise RuntimeError(at_work.failed)
        declared = at_work.signal
        return at_work.columns[name.removeprefix(declared.name).removeprefix(".")]

    def is_of_evaluations(self, name: str) -> bool:
        """Whether the rows of this signal, or column of one, are evaluations."""
        return self._at_work(name).stream.of_evaluations

    def missing(self, name: str, recording: Recording) -> str | None:
        """The first field of the log that this signal, or column of one, lacks."""
        return self._at_work(name).stream.missing(recording)

    def _at_work(self, name: str) -> _AtWork:
        return self._by_column.get(name) or self._by_name[name]


def fields_of(reads: Iterable[str]) -> Iterable[str]:
    """The fields of the log behind these reads, signals followed to what they are made of."""
    for name in reads:
        declared = _declared(name)
        if declared is None:
            yield name
        else:
            yield from fields_of(declared.reads)


def in_order() -> list[Signal]:
    """Every declared signal, each behind those that it reads."""
    ordered: dict[str, Signal] = {}

    def place(declared: Signal) -> None:
        for behind in filter(None, map(_declared, (*declared.reads, *declared.optional))):
            place(behind)
        ordered.setdefault(declared.name, declared)

    for declared in SIGNALS.values():
        place(declared)
    return list(ordered.values())


def _declared(name: str) -> Signal | None:
    if not name.startswith(PREFIX):
        return None
    wanted = name.removeprefix(PREFIX)
    found = [declared for declared in SIGNALS.values() if f"{wanted}.".startswith(f"{declared.name}.")]
    return max(found, key=lambda declared: len(declared.name))
