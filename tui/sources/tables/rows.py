"""Rows of named numbers to records: what every source has in common.

A row may hold anything: a training step, an evaluation, both, or only the learning rate of a step whose loss
comes in the next row. Parts of one step are put together before they go on.

Which name is the loss is chosen from the rows themselves (`choice`), when there are 1, 2, 3, 4, 8, 16 ... of
them, so that any cutting of a log comes to the same. Until a choice is sure, rows wait; when a later one
differs, everything begins again with it, behind a record that takes all before it back. After MAX_WAITING
rows it stays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.engine.runlog.schema import EVALUATION
from flight_recorder.tui.sources.naming.choice import READABLE, SURE, Choice, Series, choose
from flight_recorder.tui.sources.naming.directions import DOWN, direction_of
from flight_recorder.tui.sources.naming.names import COARSE, EVALUATED, Naming, number, own_name, whole
from flight_recorder.tui.sources.naming.words import LOSS, PERPLEXITY, is_held_out, stem_of, words_of
from flight_recorder.tui.sources.tables.laps import Laps
from flight_recorder.tui.sources.timeline import RESTART, Timeline, no_step

PERPLEXITY_NOTE = "val_loss is the natural logarithm of the perplexity that the log gives"
TRAIN_PERPLEXITY_NOTE = "loss is the natural logarithm of the perplexity that the log gives"
_MARK_OF = {"step": "loss", "evaluation": "val_loss"}
_SHARED = ("epoch", "time")

MAX_WAITING = 4096
"""Rows after which a sure choice is not made again."""

MAX_SEARCHED = 2**17
"""Rows after which any choice stays, and after which a log without a series has none."""

MAX_SERIES = 400
"""Names among which the loss is looked for."""

_NO_STEP, _PLACED = 10, 9
"""Rank of the step while no row has named one, and while there are only counters that begin again."""

Metrics = dict[str, float | int]
_Stated = tuple[int, str, Any]
"""Rank, name and value of what counts a row."""


@dataclass(frozen=True, slots=True)
class Place:
    """A counter that begins again, with its last count (0: not known), and the epoch that it is in."""

    count: int
    end: int
    epoch: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """Names and values, None and text where there is no number; `is_part` of several lines about one step."""

    names: tuple[str, ...]
    values: Sequence[Any]
    place: Place | None = None
    is_printed: bool = False
    is_part: bool = False
    is_split: bool = False


@dataclass(slots=True)
class _Plan:
    """What the columns of all rows with the same names mean; (field, column) each."""

    counts: list[tuple[int, str, int]] = field(default_factory=list)
    shared: list[tuple[str, int]] = field(default_factory=list)
    step: list[tuple[str, int]] = field(default_factory=list)
    evaluation: list[tuple[str, int]] = field(default_factory=list)
    beside: list[tuple[str, int]] = field(default_factory=list)
    perplexities: list[tuple[str, str, int]] = field(default_factory=list)
    anchor: int = -1
    is_alike: bool = False


class Rows:
    """Puts rows on a timeline. With `holds` a step waits until a row of another step comes; `is_part_of_run`
    says that the numbers count even where none could be a loss.

    Attributes:
        choice: what is taken for the loss and the validation loss so far.
        is_decided: whether records are given as the rows come.
    """

    def __init__(
        self, timeline: Timeline, names: Mapping[str, str], holds: bool = False, is_part_of_run: bool = False
    ) -> None:
        self.choice = Choice()
        self.is_decided = False
        self._names = names
        self._holds = holds
        self._is_part_of_run = is_part_of_run
        self._shapes: set[Any] = set()
        self._waiting: list[Row] | None = []
        self._next_choice = 1
        self._is_replaying = False
        self._told = 0.0
        self._note = ""
        self._start(timeline)

    def _start(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._naming = Naming(self._names, self.choice.loss, self.choice.val_loss)
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._step_rank = _NO_STEP
        self._num_rows = self._newest = 0
        self._main = -1  # newest step of a loss
        self._no_counters: set[str] = set()
        self._fraction_in_front = ""
        self._laps = Laps()
        self._open: dict[str, Record] = {}
        self._advancing: set[tuple[str, ...]] = set()

    @property
    def names(self) -> list[str]:
        """Names of the numbers that wait for a choice."""
        found = (dict.fromkeys(row.names) for row in self._waiting or ())
        return [name for name in {name: None for names in found for name in names} if name]

    def add(self, metrics: Iterable[tuple[str, Any]]) -> list[Record]:
        """The records that this row completes."""
        names, values = zip(*metrics, strict=True)
        return self.add_row(
            Row(names, [number(value) if isinstance(value, str) else value for value in values])
        )

    def add_row(self, row: Row) -> list[Record]:
        """The records that this row completes."""
        if self._waiting is None:
            return list(self._assembled(row))
        self._waiting.append(row)
        if len(self._waiting) < self._next_choice:
            return list(self._assembled(row)) if self.is_decided else []
        self._next_choice = max(self._next_choice + 1, 2 * self._next_choice if self._next_choice >= 4 else 0)
        return self._chosen_again(row)

    def take_back(self) -> list[Record]:
        """All rows so far were a mistake: none of them counts."""
        taken_back: list[Record] = [{"kind": RESTART}] if self.is_decided else []
        self.is_decided, self.choice = False, Choice()
        self._waiting, self._next_choice = [], 1
        self._timeline.begin_again()
        self._start(self._timeline)
        return taken_back

    def flush(self) -> list[Record]:
        """What still waits: for more of its step, or for a surer choice."""
        records = self._chosen_again(None, is_last=True) if self._waiting else []
        return [*records, *(record for kind in list(self._open) for record in self._close(kind))]

    def _chosen_again(self, row: Row | None, is_last: bool = False) -> list[Record]:
        """Choose among all rows so far; the records of the newest, or of all if the choice is another."""
        waiting = self._waiting or []
        choice = self._choice(waiting)
        enough = (0.0 if self._is_part_of_run else READABLE) if is_last else SURE
        is_same = (choice.loss, choice.val_loss) == (self.choice.loss, self.choice.val_loss)
        if choice.confidence < enough and not self.is_decided:
            records: list[Record] = []
        elif self.is_decided and is_same:
            if (choice.confidence < SURE) != (self._told < SURE):
                self._tell(choice)
            records = list(self._assembled(row)) if row else []
        else:
            records = self._begin_again(choice, waiting)
        is_over = len(waiting) >= MAX_WAITING and choice.confidence >= SURE
        if is_over or len(waiting) >= MAX_SEARCHED:
            self._waiting = None
        return records

    def _begin_again(self, choice: Choice, waiting: list[Row]) -> list[Record]:
        taken_back: list[Record] = [{"kind": RESTART}] if self.is_decided else []
        self.choice, self.is_decided = choice, True
        self._timeline.begin_again()
        self._start(self._timeline)
        self._tell(choice)
        self._is_replaying = bool(taken_back)
        records = [record for row in waiting[:-1] for record in self._assembled(row)]
        self._is_replaying = False
        return [*taken_back, *records, *self._assembled(waiting[-1])]

    def _tell(self, choice: Choice) -> None:
        """Say in the header how sure the choice is, which may change with every further look."""
        self._told = choice.confidence
        self._timeline.learn(confidence=round(min(1.0, choice.confidence), 2))
        note = choice.note()
        self._timeline.note(note, instead_of=self._note)
        self._note = note

    def _choice(self, waiting: list[Row]) -> Choice:
        series: dict[str, Series] = {}
        naming = Naming(self._names)
        kinds: dict[tuple[str, ...], tuple[int, list[tuple[int, Series]]]] = {}
        for row in waiting:
            counted, columns = kinds.get(row.names) or (-1, [])
            if row.names not in kinds:
                counted, columns = kinds[row.names] = self._series_of(row, naming, series)
            is_first = True
            for at, one in columns:
                value = row.values[at]
                if type(value) is float or type(value) is int:
                    one.values.append(value)
                    one.kinds.add(row.names)
                    if (count := _counted(row, counted)) is not None:
                        one.counts.append(count)
                    one.num_first += is_first
                    is_first = False
        return choose(series.values(), self._names)

    def _series_of(
        self, row: Row, naming: Naming, series: dict[str, Series]
    ) -> tuple[int, list[tuple[int, Series]]]:
        columns = []
        counted = -1
        for at, name in enumerate(row.names):
            field_name, _ = naming.ranked(name) or ("", 0)
            if field_name in ("step", "epoch"):
                counted = at if counted < 0 or field_name == "step" else counted
            elif (
                name
                and field_name not in ("time", "lr", "grad_norm")
                and (name in series or len(series) < MAX_SERIES)
            ):
                columns.append((at, series.setdefault(name, Series(name))))
        for _, one in columns:
            one.beside.update(row.names)
            one.is_printed = row.is_printed
            one.is_part = one.is_part or row.is_part
        return counted, columns

    def _assembled(self, row: Row) -> Iterator[Record]:
        plan = self._plans.get(row.names) or self._planned(row)
        values = row.values
        if not row.names and row.place is not None:
            yield from self._ended(row.place.end)
            return
        is_aside = row.is_printed and self._is_aside(row, plan)
        if is_aside and not (plan.beside or plan.evaluation or plan.perplexities):
            return
        parts = self._parts(plan, values, is_aside)
        if not (parts["step"] or parts["evaluation"]):
            return
        try:
            count = self._count(plan, values, is_aside)
        except ValueError as error:
            if not self._is_replaying:
                self._timeline.damage(str(error))
            return
        shared = {
            name: values[at]
            for name, at in plan.shared
            if _is_number(values[at]) and _is_sound(name, values[at])
        }
        has_anchor = not is_aside and _is_number(values[plan.anchor]) if plan.anchor >= 0 else False
        is_beside = is_aside or not (parts["step"] or has_anchor)
        step = self._step_of(row, count, shared.get("epoch"), is_beside, has_anchor)
        if not has_anchor and parts["step"].get("nonfinite_count", 0) >= step - self._newest > 0:
            parts["step"]["loss"] = math.nan  # the mean of losses of which none was a number
        self._num_rows += not (is_beside and count is None)
        if has_anchor and step > self._main:
            self._main = step
            self._advancing.add(row.names)
        self._newest = step
        for kind in [kind for kind, record in self._open.items() if record["step"] < step]:
            yield from self._close(kind)
        for kind, part in parts.items():
            if part:
                yield from self._merge(kind, step, shared | part, row.is_part)

    def _is_aside(self, row: Row, plan: _Plan) -> bool:
        """Whether a printed line is of another kind than those that print the loss step by step."""
        if row.is_part and self.choice.is_part:
            return False
        if plan.anchor < 0 or not _is_number(row.values[plan.anchor]):
            return not (plan.is_alike and (row.place is not None or bool(plan.counts)))
        if row.place is not None:
            return self._step_rank < _PLACED  # others count steps of the run, and this line those of an epoch
        count = whole(row.values[plan.counts[0][2]]) if plan.counts else None
        return count is not None and count < self._main and row.names not in self._advancing

    def _parts(self, plan: _Plan, values: Sequence[Any], is_aside: bool) -> dict[str, Metrics]:
        """The numbers of a row: those of a training step, and those of an evaluation."""
        parts = {"step": {} if is_aside else _numbers(plan.step, values)}
        parts["evaluation"] = _numbers(plan.beside, values) if is_aside else {}
        parts["evaluation"] |= _numbers(plan.evaluation, values)
        for kind, loss, at in plan.perplexities:
            if _is_number(values[at]):
                self._timeline.note(PERPLEXITY_NOTE if kind == "evaluation" else TRAIN_PERPLEXITY_NOTE)
                parts[kind].setdefault(loss, log_perplexity(values[at]))
        return parts

    def _count(self, plan: _Plan, values: Sequence[Any], is_aside: bool) -> int | None:
        """The step that a row states; lines aside do not say under which name steps are counted.

        Raises:
            ValueError: what stands there is no step.
        """
        rank = self._step_rank
        count = self._count_among(
            [(rank, name, values[at]) for rank, name, at in plan.counts if values[at] not in (None, "")]
        )
        if is_aside:
            self._step_rank = rank
        return count

    def _ended(self, end: int) -> Iterator[Record]:
        """A bar is full; if it is of the run's length, its last step was made."""
        if end == self._timeline.fact("planned_steps") > self._timeline.step >= 0:
            for kind in list(self._open):
                yield from self._close(kind)
            yield from self._timeline.place({"kind": "step", "step": end})

    def _planned(self, row: Row) -> _Plan:
        names, plan = row.names, _Plan()
        metrics: list[tuple[str, str, int, int]] = []
        self._plans[names] = plan
        for at, name in enumerate(names):
            if not name:
                continue
            ours, rank = self._naming.ranked(name) or ("", 0)
            if name in (self.choice.loss, self._names.get("loss")) or (
                not self.choice.loss and name == self.choice.val_loss
            ):
                plan.anchor = at
            if ours == "step":
                plan.counts.append((rank, name, at))
            elif ours in _SHARED:
                plan.shared.append((ours, at))
            else:
                metrics.append((name, ours, rank, at))
        alike = sum(name in self.choice.beside for name in names)
        plan.is_alike = alike >= 2 and alike >= 0.7 * len(names)
        may_claim = not row.is_printed or row.is_part or plan.is_alike or plan.anchor >= 0
        for name, ours, rank, at in metrics:
            self._plan_metric(plan, name, ours, rank, at, may_claim)
        return plan

    def _plan_metric(self, plan: _Plan, name: str, ours: str, rank: int, at: int, may_claim: bool) -> None:
        """Where one number of a row belongs. Lines aside lay no claim to a field of a step, the rate say."""
        evaluated = name.removeprefix(EVALUATED)
        is_ppl = ours in _MARK_OF.values() and not PERPLEXITY.isdisjoint(words_of(name))
        if is_ppl:
            plan.perplexities.append(("evaluation" if ours == "val_loss" else "step", ours, at))
            ours = ""
        elif ours == "loss" and self.choice.is_stand_in and direction_of(name) != DOWN:
            ours = ""
        if evaluated not in (name, "val_loss") and evaluated.partition("/")[0] in EVALUATION:
            plan.evaluation.append((evaluated, at))
        elif ours == "val_loss" or is_held_out(name):
            plan.evaluation.append((ours or own_name(name), at))
        else:
            has_it = bool(ours) and may_claim and self._naming.has(name, ours, rank)
            plan.step.append((ours if has_it else own_name(name), at))
            if self._is_of_family(name):
                plan.beside.append(("train_loss", at))
            elif direction_of(name) and not has_it:
                plan.beside.append((own_name(name), at))

    def _is_of_family(self, name: str) -> bool:
        """Whether this is the chosen loss at another granularity: of an epoch, in a line of its own."""
        return (
            bool(self.choice.loss)
            and name != self.choice.loss
            and not LOSS.isdisjoint(words_of(name))
            and (stem_of(name) == stem_of(self.choice.loss))
        )

    def _count_among(self, stated: list[_Stated]) -> int | None:
        """The step that a row states under its best name; None for none, or one of a coarser count.

        A name with a fraction beside another one that counts, or twice before anything has counted, measures
        epochs. Any other fraction is a row's own damage, and what follows it is not to pay for it.

        Raises:
            ValueError: what stands there is no step.
        """
        stated = [one for one in stated if one[1] not in self._no_counters]
        if not stated:
            return None
        best = min(rank for rank, _, _ in stated)
        named = [(name, raw) for rank, name, raw in stated if rank == best]
        count = next((found for _, raw in named if (found := whole(raw)) is not None), None)
        if count is not None:
            self._no_counters |= {name for _, name, raw in stated if _is_fraction(raw)}
        if best >= COARSE > self._step_rank:
            return None  # rows with a better name count something else
        if count is None:
            name, raw = named[0]
            if self._step_rank < _NO_STEP or self._fraction_in_front != name or not _is_fraction(raw):
                self._fraction_in_front = name if _is_fraction(raw) else ""
                raise ValueError(no_step(raw))
            self._no_counters.add(name)
            self._timeline.note(f"{name} is a fraction and counts no steps; each row is one")
            return self._count_among(stated)
        self._step_rank = min(best, self._step_rank)
        return count

    def _step_of(
        self, row: Row, count: int | None, epoch: float | None, is_beside: bool, has_anchor: bool
    ) -> int:
        """The step of a row that states this count, or none; `is_beside` for one without training."""
        lap = None if epoch is None or not 0 <= epoch < 2**53 else int(epoch)
        if row.place is not None and not is_beside:
            return self._placed(row.place, lap, has_anchor)
        is_counted = row.is_printed and not is_beside  # lines of another kind may bear steps
        if count is None and (is_beside or (self._step_rank < _NO_STEP and not is_counted)):
            return self._newest  # it belongs to the newest step
        if count is None:
            self._timeline.learn(steps_inferred=True)
            return self._num_rows
        if is_beside:
            step = self._laps.beside(count, lap) if self._laps.has_begun_again or row.is_split else count
            return self._newest if step is None or (row.is_printed and step < self._newest) else step
        step = self._laps.step(count, lap, is_new=has_anchor)
        self._timeline.learn(steps_inferred=self._laps.has_begun_again or None)
        return step

    def _placed(self, place: Place, lap: int | None, has_anchor: bool) -> int:
        """The step of a counter with an end, which is the run's until it proves to be that of an epoch."""
        step = self._laps.step(place.count, place.epoch if lap is None else lap, place.end, has_anchor)
        self._step_rank = min(self._step_rank, _PLACED)
        self._timeline.learn(steps_inferred=self._laps.has_begun_again or None)
        if self._laps.has_begun_again:
            self._timeline.forget("planned_steps")
        elif place.end and not self._laps.is_by_epoch:
            self._timeline.learn(planned_steps=place.end)
        return step

    def _merge(self, kind: str, step: int, part: Metrics, is_part: bool) -> Iterator[Record]:
        waiting = self._open.get(kind)
        if waiting is not None and (
            waiting["step"] != step or (_MARK_OF[kind] in waiting and _MARK_OF[kind] in part)
        ):
            yield from self._close(kind)
            waiting = None
        record = (waiting or {"kind": kind, "step": step}) | part
        self._open[kind] = record
        if not (self._holds or is_part) and _MARK_OF[kind] in record:
            yield from self._close(kind)

    def _close(self, kind: str) -> Iterator[Record]:
        """Pass on; what goes back in steps without a loss is no resume, but counts steps of its own."""
        record = self._open.pop(kind)
        if _MARK_OF[kind] in record or record["step"] > self._timeline.last_step(kind):
            yield from self._timeline.place(record)


def _counted(row: Row, at: int) -> float | None:
    """What counts a row, to see whether it rises; `at` is the column of its counter."""
    if row.place is not None:
        return (row.place.epoch or 0) * 1e9 + row.place.count
    return None if at < 0 else number(row.values[at])


def _is_number(value: Any) -> bool:
    return type(value) is float or type(value) is int


def _numbers(columns: list[tuple[str, int]], values: Sequence[Any]) -> Metrics:
    return {name: value for name, at in columns if type(value := values[at]) is float or type(value) is int}


def _is_sound(name: str, value: float) -> bool:
    """Seconds since the start, or milliseconds, are no point in time."""
    return name != "time" or 1e9 < value < 1e10


def _is_fraction(value: Any) -> bool:
    return isinstance(value, float) and value > 0 and value % 1 > 0


def log_perplexity(perplexity: float) -> float:
    """Nats per token of a perplexity; nan for what is none."""
    if math.isinf(perplexity) and perplexity > 0:
        return math.inf
    return math.log(perplexity) if perplexity > 0 else math.nan
