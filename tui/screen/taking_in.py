"""What comes in: batches, verdicts and ends of the runs that are watched, and runs that have begun."""

from __future__ import annotations

from textual import on

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.exit import CANNOT_READ
from flight_recorder.tui.run import Run
from flight_recorder.tui.screen.actions import Actions
from flight_recorder.tui.screen.drawing.card import headline_words
from flight_recorder.tui.screen.drawing.spans import said
from flight_recorder.tui.screen.naming import worst_first
from flight_recorder.tui.screen.runs.progress import main_verdict
from flight_recorder.tui.screen.runs.run_set import LOOK_S, Gathering, RunsBegan
from flight_recorder.tui.screen.runs.watched_run import BatchArrived, FollowingEnded, JudgedAtLast, Watched


class TakingIn(Actions):
    """The part of the app that owns the runs: each message goes to the one that it is about.

    Attributes:
        watched: the runs, each with its follower.
        gathering: what the user named, and what joins.
        failure: why the log that failed last cannot be read, a sentence.
    """

    watched: list[Watched]
    gathering: Gathering
    failure = ""

    @property
    def num_runs(self) -> int:
        """How many are open."""
        return len(self.watched)

    @property
    def run_shown(self) -> Run:
        """The run whose panels are on the screen."""
        return self.watched[self.current].run

    def worst_first(self) -> list[int]:
        """The numbers of the runs, those of the worst level first."""
        return worst_first([watched.run for watched in self.watched])

    def worse_elsewhere(self) -> list[tuple[str, Level, str]]:
        """Name, level and cause of the other runs that are worse than the shown one, the worst first."""
        shown = self.run_shown.judge.level
        runs = [self.watched[number].run for number in self.worst_first()]
        worse = [run for run in runs if run.judge.level > shown]
        return [
            (run.name, run.judge.level, headline_words(main_verdict(run.judge.verdicts, run.judge.headline)))
            for run in worse
        ]

    def follow_all(self) -> None:
        """Begin to follow every run, and to look for others where more than one was meant."""
        for watched in self.watched:
            watched.start(self.post_message)
        if self.gathering.notice:
            self.look(self.view, self.gathering.notice)
        if self.gathering.grows:
            self.set_interval(LOOK_S, self._look_for_runs)

    def on_unmount(self) -> None:
        """Let the threads end."""
        for watched in self.watched:
            watched.stop()

    def draw_soon(self) -> None:
        """Have a frame drawn in its time."""
        raise NotImplementedError

    @on(BatchArrived)
    def take_batch(self, message: BatchArrived) -> None:
        """The batch becomes part of its run, and is seen, at the next frame."""
        self.watched[message.number].take(message.batch)
        if message.batch.is_preview or message.batch.stored:
            self.changed()
        else:
            self.draw_soon()

    @on(JudgedAtLast)
    def take_judge(self, message: JudgedAtLast) -> None:
        """The verdicts on what an index knew are seen at the next frame."""
        self.watched[message.number].take_judge(message.judge, message.thresholds)
        self.changed()

    @on(FollowingEnded)
    def end_following(self, message: FollowingEnded) -> None:
        """A log that can be read no further says so for as long as it is shown.

        If nothing was read of any log there is nothing to show, and the monitor ends with that sentence.
        """
        self.watched[message.number].fail(message.reason)
        self.failure = message.reason
        runs = [watched.run for watched in self.watched]
        if all(run.failure and run.recording.last_step is None for run in runs):
            self.exit(return_code=CANNOT_READ)
        else:
            self.changed()

    def _look_for_runs(self) -> None:
        self.run_worker(lambda: self.gathering.look(self.post_message), thread=True, exclusive=True)

    @on(RunsBegan)
    def add_runs(self, message: RunsBegan) -> None:
        """Runs that began while others are watched join them; those that have ended stay."""
        for path in message.paths:
            watched = self.gathering.open(path)
            self.watched.append(watched)
            watched.start(self.post_message)
            self.look(
                self.view, f"{said(path)} has begun: run {self.num_runs}, o shows the next, O all of them"
            )

    def ring(self, watched: Watched) -> None:
        """The bell, once, when a run has become red or black and was neither before."""
        level = watched.run.judge.level
        if level >= Level.RED > watched.worst_level:
            self.bell()
        watched.worst_level = max(level, watched.worst_level) if level >= Level.ORANGE else level
