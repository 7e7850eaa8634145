"""One run, whole: what was recorded, what is judged of it, and how its writer is doing."""

from __future__ import annotations

from collections.abc import Iterable

from flight_recorder.engine.runlog.reader import Damaged
from flight_recorder.tui.checks.judge import Judge
from flight_recorder.tui.checks.thresholds import Thresholds
from flight_recorder.tui.follow.batch import Batch, Pulse
from flight_recorder.tui.follow.stored import Stored
from flight_recorder.tui.series.beginnings import beginnings
from flight_recorder.tui.series.recording import Recording
from flight_recorder.tui.series.stored import restored

JUDGED_TOGETHER = 2**15
"""Records after which a run that is read as a whole is judged: a judgement costs as much for one record as
for a thousand, and its arrays should stay in the cache (measured)."""

_SILENCE = {Pulse.STALLED: "stalled", Pulse.CRASHED: "over"}
"""What a pulse says of a log without an exit record; one that has ended without any plan is not missed."""


def judged(recording: Recording, thresholds: Thresholds) -> Judge:
    """The verdicts on all of a recording, drawn up in parts: a million rows at once take twice the memory."""
    parts = beginnings(recording, JUDGED_TOGETHER)
    judge = Judge(next(parts), thresholds)
    for judge.recording in parts:
        judge.update()
    return judge


class Run:
    """The only owner of a run's state. It changes by `extend`, does no I/O, and everyone else only reads.

    Attributes:
        name: what to call it on the screen.
        called: a name that tells it from others that are shown beside it; empty when it is alone.
        recording: columns and facts.
        judge: verdicts, level, headline, causes, all of the records so far.
        pulse, format, size_bytes, next_offset: as the last batch said.
        damaged: every stretch of the log that was no record.
        is_partial: whether only a part of the run is known. Verdicts on a part could be others than those on
            the whole: there are none.
        failure: why the log can be read no further, a sentence; empty while it can.
        is_judged: whether the verdicts are those on the recording; records that were taken in since apart.
    """

    def __init__(self, path: str, thresholds: Thresholds | None = None, is_partial: bool = False) -> None:
        self.path = path
        self.is_partial = is_partial
        self._thresholds = thresholds or Thresholds()
        self.pulse = Pulse.WAITING
        self.called = ""
        self.format = ""
        self._clear()

    def _clear(self) -> None:
        self.recording = Recording()
        self.judge = Judge(Recording() if self.is_partial else self.recording, self._thresholds)
        self.is_judged = not self.is_partial
        self.damaged: list[Damaged] = []
        self.failure = ""
        self._is_settled = True
        self.size_bytes = 0
        self.next_offset = 0
        self.num_waiting = 0

    @property
    def name(self) -> str:
        """What it is called, else the run's own name where the log has one, else the path."""
        return self.called or str(self.recording.header.get("name") or self.path)

    @property
    def has_numbers(self) -> bool:
        """Whether a step or an evaluation was read: without any there is nothing to judge."""
        return bool(len(self.recording.steps) or len(self.recording.evaluations))

    @property
    def thresholds(self) -> Thresholds:
        """The bounds that are in force."""
        return self._thresholds

    @property
    def is_settled(self) -> bool:
        """Whether everything that was taken in is judged."""
        return self._is_settled

    def judge_by(self, thresholds: Thresholds) -> None:
        """Judge everything recorded, and everything to come, by these bounds."""
        self._thresholds = thresholds
        if not self.is_partial:
            self.adopt(judged(self.recording, thresholds))

    def adopt(self, judge: Judge) -> None:
        """Take over what was judged elsewhere of this recording."""
        self.judge, self.is_judged, self._is_settled = judge, True, True

    def stop_reading(self, reason: str) -> None:
        """Nothing more will come, for this reason; what was taken in so far stays."""
        self.failure, self.pulse = reason, Pulse.UNREAD

    def extend(self, batch: Batch) -> None:
        """Take in a batch; verdicts are up to date when this returns."""
        self.take(batch)
        self.settle()

    def extend_by_all(self, batches: Iterable[Batch]) -> None:
        """Take in everything that there is, judged at the end: the same verdicts in less time."""
        num_unjudged = 0
        for batch in batches:
            self.take(batch)
            num_unjudged += len(batch.records)
            if num_unjudged >= JUDGED_TOGETHER:
                self.settle()
                num_unjudged = 0
        self.settle()

    def take(self, batch: Batch) -> None:
        """Take in a batch without judging it yet: `settle` before anyone looks."""
        if batch.restarted or batch.stored:
            self._clear()
        if batch.stored:
            self._restore(batch.stored)
        self.pulse, self.format = batch.pulse, batch.format
        self._hear(batch.pulse)
        self.size_bytes, self.next_offset = batch.size_bytes, batch.next_offset
        self.num_waiting = batch.num_waiting
        self.damaged.extend(batch.damaged)
        if batch.reading_stopped:
            self.stop_reading(batch.reading_stopped)
        if batch.records:
            self.recording.extend(batch.records)
            self._is_settled = False

    def _hear(self, pulse: Pulse) -> None:
        """That a log has fallen silent is judged too, and that it goes on."""
        silence = _SILENCE.get(pulse, "")
        if silence != self.recording.silence:
            self.recording.silence = silence
            self._is_settled = False

    def settle(self) -> None:
        """Judge what was taken in; verdicts are up to date when this returns."""
        if self._is_settled or self.is_partial:
            return
        if not self.is_judged:
            self.adopt(judged(self.recording, self._thresholds))
            return
        self.judge.update()
        self._is_settled = True

    def _restore(self, stored: Stored) -> None:
        """Know at once what the index of the log knows; the judge of nothing waits for one of all this."""
        self.damaged = list(stored.damaged)
        self.recording = restored(stored)
        self.is_judged = self._is_settled = False
