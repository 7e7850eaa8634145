"""The runs that are open, which of them is shown, and how they stand to each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.message import Message

from flight_recorder.tui.checks.verdict import Level
from flight_recorder.tui.run import Run
from flight_recorder.tui.screen.naming import name_apart, worst_first
from flight_recorder.tui.screen.runs.run_set import Gathering
from flight_recorder.tui.screen.runs.watched_run import Watched
from flight_recorder.tui.vocabulary import main_verdict, name_of


class OpenRuns:
    """Runs, each with its follower.

    Attributes:
        watched: the runs in the order in which they were opened.
        gathering: what the user named, and what joins.
        current: which of them is shown.
    """

    def __init__(self, watched: Sequence[Watched], gathering: Gathering | None = None) -> None:
        self.watched = list(watched)
        self.gathering = gathering or Gathering(())
        self.current = 0

    def __len__(self) -> int:
        return len(self.watched)

    @property
    def shown(self) -> Run:
        """The run whose panels are on the screen."""
        return self.watched[self.current].run

    @property
    def all(self) -> list[Run]:
        """Every open run."""
        return [watched.run for watched in self.watched]

    @property
    def are_lost(self) -> bool:
        """Whether nothing was read of any, and nothing will be."""
        return all(run.failure and run.recording.last_step is None for run in self.all)

    def worst_first(self) -> list[int]:
        """The numbers of the runs, those of the worst level first."""
        return worst_first(self.all)

    def others(self, without: frozenset[int]) -> tuple[Run, ...]:
        """The runs that lie behind the shown one, the worst first."""
        numbers = [number for number in self.worst_first() if number not in {self.current, *without}]
        return tuple(self.watched[number].run for number in numbers)

    def worse_elsewhere(self) -> list[tuple[str, Level, str]]:
        """Name, level and cause of the other runs that are worse than the shown one, the worst first."""
        worse = []
        for run in (self.watched[number].run for number in self.worst_first()):
            if run.judge.level > self.shown.judge.level:
                main = main_verdict(run.judge.verdicts, run.judge.headline)
                worse.append((run.name, run.judge.level, name_of(main) if main else ""))
        return worse

    def number_words(self) -> str:
        """ "1/2", and of how many found, where several are open."""
        words = f"{self.current + 1}/{len(self)}" if len(self) > 1 else ""
        found = self.gathering.num_found
        return f"{words} of {found} runs" if found > len(self) else words

    def settle(self) -> bool:
        """Everything that came becomes part of its run; whether one has become red or black by it."""
        alarms = [watched.alarms() for watched in self.watched if watched.settle()]
        name_apart(self.all)
        return any(alarms)

    def add(self, paths: Sequence[str], post: Callable[[Message], object]) -> None:
        """Runs that began while others are watched join them; those that have ended stay."""
        for path in paths:
            watched = self.gathering.open(path)
            self.watched.append(watched)
            watched.start(post)
