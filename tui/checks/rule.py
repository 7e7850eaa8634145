"""The form in which a node of the tree is written down.

A node measures ONE number, once per record, on arrays; its leaves are data. The framework compares, holds,
draws the line on the panel, writes TREE.md and derives the boundary tests, so that a threshold stands in
one place only.

    @check(
        "Q3.1a",
        section="gradients",
        question="Is the gradient norm, averaged over 20 steps, in proportion to the clip value?",
        panel="grad_norm", reads=("grad_norm",), window=lambda p: int(p["window"]), drawn=True,
        leaves=(Leaf("always clipping", above=FIVE_CLIPS, hold=40, causes=("lr_too_high",), fix="..."),),
        source="Pascanu et al. 2013, https://...", as_written="> 5.0", why="depends on the model",
    )
    def mean_grad_norm(view: View, *, window: int = 20) -> Readings:
        '''Mean global L2 norm of the gradient over 20 steps, before clipping.'''
        steps, means = rolling_mean(view, "grad_norm", window)
        return Readings(steps, means, lambda i: f"{window}-step mean of |g| is {means[i]:.3g}")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from flight_recorder.tui.checks.facts import Facts
from flight_recorder.tui.checks.parameters import Value, parameters_of
from flight_recorder.tui.checks.scope import Scope
from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.checks.view import WHOLE_PREFIXES, View

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Steps = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound that depends on the run: `of` gives its value, None where the log lacks what it needs."""

    text: str
    of: Callable[[Facts], float | None]


BoundLike = float | Bound
"""A number in the unit of the reading, or a function of the run's facts."""

When = int | Callable[[Facts], float | None]
"""A step, or where the run's facts put it."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One way to be wrong: when it holds, how bad that is, what it points to, what to do.

    With `above` alone it holds for readings greater than the bound, with `below` alone for smaller ones,
    with both strictly between them; `equals` is exact. `hold` and `keep` count readings (see hold.Track).
    `unless` names the excuses that it accepts (excuses.EXCUSES): where the measure says that one of them
    holds, a reading beyond the bound is excused. `applies` says for which runs it is meant; where no leaf is,
    the check is not applicable. `weight` is how much its word counts for
    its first cause: PROOF, STRONG or HINT.
    """

    symptom: str
    above: BoundLike | None = None
    below: BoundLike | None = None
    equals: BoundLike | None = None
    level: Level = Level.ORANGE
    hold: int = 1
    keep: int = 1
    latch: bool = False
    causes: tuple[str, ...] = ()
    weight: float = 3.0
    fix: str = ""
    unless: tuple[str, ...] = ()
    applies: tuple[Scope, ...] = ()


PROOF = 10.0
"""An exact probe or a closed form: it cannot be otherwise."""
STRONG = 3.0
"""A symptom that few causes have."""
HINT = 1.0
"""A symptom that many causes share."""
AGAIN = 0.25
"""What another leaf says of most such runs as well."""


@dataclass(frozen=True, slots=True)
class Readings:
    """What a measure found: one value per step, and how to say the row that matters in a sentence.

    `steps` strictly increase, within one answer and from one answer to the next. There may be fewer
    readings than rows in the view (a window that is not full yet, rows of no interest). `excused` says of
    each reading whether an excuse of this name holds there; the value is the true one all the same.
    """

    steps: Steps
    values: Floats
    evidence: Callable[[int], str] | None = None
    excused: Mapping[str, Flags] = field(default_factory=dict)


NOTHING = Readings(np.empty(0, np.int64), np.empty(0, np.float64))
"""No reading."""


class HasStep(Protocol):
    """What was found at a step."""

    @property
    def step(self) -> int:
        """The step."""


F = TypeVar("F", bound=HasStep)


def readings_of(
    found: Sequence[F], values: Sequence[float], words: Callable[[F], str], **excused: Sequence[bool]
) -> Readings:
    """One reading for each of these, in the order of their steps; `excused` by name, one flag for each."""
    if not found:
        return NOTHING
    return Readings(
        np.array([one.step for one in found], np.int64),
        np.array(values, np.float64),
        lambda i: words(found[i]),
        {name: np.array(flags, np.bool_) for name, flags in excused.items()},
    )


Measure = Callable[[View], Readings]


@dataclass(frozen=True, slots=True)
class Check:
    """A node of the tree.

    Attributes:
        reads: schema fields: "loss" of the steps, "evaluation.val_loss", "initial.weights",
            "header.grad_clip"; a check whose log lacks one of them is not measured. All fields of steps or
            of evaluations must be of one of the two; the rows handed over are those that have all of them.
        optional: step or evaluation fields used where a row has them (NaN where not).
        window: rows handed over before the new ones are `window - 1`; may be made from the parameters.
        applies: for which runs it is meant; in others it is not applicable, and its measure is never asked.
        parameters: constants of the measure, by name: its keyword-only arguments.
        at: judged once, at this step (or the one after, in logs that count from 1).
        by: judged once, at the first reading at this step or later.
        after: readings before this step are not judged.
        whole: the measure sees the recording, no rows, and answers for all of it each time something in
            the header, the start, the evaluations, checkpoints, resumes or the exit is new.
        passes: (low, high); outside and in no leaf is amber, after `amber_hold` readings in a row.
        drawn: readings are in the unit of the panel's y axis, so bounds are lines there.
        nonfinite: level of a reading that is NaN or infinite.
        shipped: False for a node that only a thresholds file switches on (the first draft's literal form).
        exempt: why there is nothing to judge in a run for which no leaf has a bound.
        source, as_written, why: where the threshold comes from, how it was first drafted, why it is as it is.
    """

    id: str
    section: str
    question: str
    panel: str
    reads: tuple[str, ...]
    make: Callable[..., Any]
    describe: str
    leaves: tuple[Leaf, ...]
    passes: tuple[BoundLike | None, BoundLike | None] = (None, None)
    optional: tuple[str, ...] = ()
    window: int | Callable[[Mapping[str, Value]], int] = 1
    applies: tuple[Scope, ...] = ()
    parameters: Mapping[str, Value] = field(default_factory=dict)
    at: When | None = None
    by: When | None = None
    after: When | None = None
    whole: bool = False
    amber_hold: int = 1
    drawn: bool = False
    nonfinite: Level = Level.YELLOW
    shipped: bool = True
    module: str = ""
    exempt: str = "the log lacks what the bounds are made of"
    source: str = "our own proposal"
    as_written: str = ""
    why: str = ""

    def measure(self) -> Measure:
        """The measure with the parameters that are in force."""
        return partial(self.make, **self.parameters)

    def not_meant_for(self, facts: Facts) -> str:
        """Why it is not meant for this run; empty for one that it is meant for."""
        if own := _out_of_scope(self.applies, facts):
            return own
        reasons = [_out_of_scope(leaf.applies, facts) for leaf in self.leaves]
        return next(iter(reasons), "") if all(reasons) else ""

    @property
    def num_window(self) -> int:
        """The window in rows, with the parameters that are in force."""
        return self.window(self.parameters) if callable(self.window) else self.window


def _out_of_scope(scopes: tuple[Scope, ...], facts: Facts) -> str:
    """The reason of the first scope that does not hold for this run; empty where all do."""
    return next((scope.otherwise for scope in scopes if not scope.holds(facts)), "")


REGISTRY: dict[str, Check] = {}
"""Every declared check by id, in the order of declaration. tree.walk() gives the walking order."""

M = TypeVar("M", bound=Callable[..., Any])


SECTIONS = {
    "Q1": "start",
    "Q2": "schedule",
    "Q3": "gradients",
    "Q4": "losses",
    "Q5": "architecture",
    "Q6": "optimizer",
    "P": "exact probes",
    "D1": "not finite",
    "D2": "spikes",
    "D3": "precision",
    "D4": "overfitting",
    "D5": "level of the loss",
    "D6": "pace",
    "D7": "inside the model",
    "D8": "metrics",
    "D9": "the end",
}
"""The sections of the tree by what the ids of their nodes begin with."""


def check(
    id: str, *, question: str, panel: str, reads: tuple[str, ...], section: str = "", **form: Any
) -> Callable[[M], M]:
    """Declare a node; the decorated function is its measure.

    What it carries from view to view it keeps by `View.kept`: that is made anew whenever the log is replayed
    from its start, which happens after each resume. The keyword-only arguments are the check's parameters.
    The first paragraph of the docstring says in the documents what is measured. The section follows from the
    id, and a node that reads no rows is of the whole, unless they are given.
    """
    section = section or next((name for prefix, name in SECTIONS.items() if id.startswith(prefix)), "other")
    form.setdefault("whole", all(name.startswith(WHOLE_PREFIXES) for name in reads))

    def register(measure: M) -> M:
        if id in REGISTRY and REGISTRY[id].make is not measure:
            raise ValueError(f"two checks are called {id}")
        describe = " ".join((measure.__doc__ or "").strip().split("\n\n")[0].split())
        REGISTRY[id] = Check(
            id=id,
            section=section,
            question=question,
            panel=panel,
            reads=reads,
            make=measure,
            parameters=parameters_of(measure),
            describe=describe,
            module=measure.__module__,
            **form,
        )
        return measure

    return register
