"""Forty formats of training logs and sixty texts that are none, invented to try the reader on.

Written on 2026-11-24, before the scanner that reads any series out of any text, and by someone who had not
seen how logs were read then: that the scanner reads them is therefore evidence about logs that nobody has
shown it. A format that is not read is repaired in the scanner, never here, and neither list is changed to
please it. New formats go into new files with a date of their own.

A generator writes the text of one log with a seed, and what a reader should find in it: the truth.
`python -m tests.sources.formats_invented.outcome` prints which are read right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from random import Random

WRITTEN = "2026-11-24"

LOG_FAMILIES = ("boosting", "generative", "language", "layouts", "policies", "several", "vision")
TEXT_FAMILIES = (
    "texts_of_code",
    "texts_of_machines",
    "texts_of_people",
    "texts_of_research",
    "texts_of_tables",
)


@dataclass(frozen=True)
class Series:
    """Numbers as they are printed, each with its counter: a step, an epoch, a percentage.

    A counter that begins again with each epoch goes on here. Behind the name, after a bar, stand other names
    that a reader may give the series.
    """

    name: str
    counters: tuple[float, ...]
    values: tuple[float, ...]
    is_loss: bool = True


@dataclass
class Truth:
    """What a reader should find: each series that would do (D or G; a part or the sum of all).

    `is_evaluation`: the main series is measured on no split in particular, and may be called an evaluation.
    """

    main: list[Series] = field(default_factory=list)
    validation: list[Series] = field(default_factory=list)
    is_evaluation: bool = False


class Drawing:
    """The numbers of one text, the same for the same seed; those asked for by name are its truth."""

    def __init__(self, name: str, seed: int = 0) -> None:
        self.rng = Random(f"{name} {seed}")
        self.truth = Truth()
        self._now = datetime(2026, 11, 24, 8, 0, 7)

    def time(self, form: str = "%Y-%m-%d %H:%M:%S", seconds: float = 40) -> str:
        """A time of day somewhat after the one before."""
        self._now += timedelta(seconds=self.rng.uniform(0.2, 1.8) * seconds)
        return self._now.strftime(form)

    def other(self, n: int, start: float, end: float, form: str = ".4f", noise: float = 0.03) -> list[str]:
        """n printed numbers that fall or rise from start to end, first fast, and scatter by their noise."""
        there = [i / max(n - 1, 1) for i in range(n)]
        levels = [end + (start - end) * (0.3 * (1 - t) + 0.7 * math.exp(-6 * t)) for t in there]
        return [format(level * (1 + noise * self.rng.gauss(0, 1)), form) for level in levels]

    def loss(
        self, name: str, at: Sequence[float], start: float, end: float, form: str = ".4f", noise: float = 0.03
    ) -> list[str]:
        """The printed training loss, or one that a reader may take for it."""
        return self.accept(name, at, self.other(len(at), start, end, form, noise))

    def metric(
        self, name: str, at: Sequence[float], start: float, end: float, form: str = ".4f", noise: float = 0.03
    ) -> list[str]:
        """A printed metric by which the run may be judged; it is no loss."""
        return self.accept(name, at, self.other(len(at), start, end, form, noise), is_loss=False)

    def validation(
        self, name: str, at: Sequence[float], start: float, end: float, form: str = ".4f", noise: float = 0.02
    ) -> list[str]:
        """A printed series of evaluations."""
        return self.accept_validation(name, at, self.other(len(at), start, end, form, noise))

    def accept(
        self, name: str, at: Sequence[float], printed: Iterable[str], is_loss: bool = True
    ) -> list[str]:
        """These printed numbers are a right answer, too."""
        kept = list(printed)
        self.truth.main.append(_series(name, at, kept, is_loss))
        return kept

    def accept_validation(self, name: str, at: Sequence[float], printed: Iterable[str]) -> list[str]:
        """These evaluations are a right answer, too."""
        kept = list(printed)
        self.truth.validation.append(_series(name, at, kept))
        return kept


def _series(name: str, at: Sequence[float], printed: list[str], is_loss: bool = True) -> Series:
    return Series(name, tuple(at), tuple(float(number) for number in printed), is_loss)


Content = str | bytes | dict[str, str]
Generator = Callable[[Drawing], Content]


@dataclass(frozen=True)
class Format:
    """One invented format: its name, the file that it is written to (or a folder), and its generator."""

    name: str
    file: str
    generator: Generator

    def write(self, folder: Path, seed: int = 0) -> tuple[Path, Truth]:
        """Where the text was written, and its truth."""
        drawing = Drawing(self.name, seed)
        content = self.generator(drawing)
        path = folder / self.name / self.file
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            for name, text in content.items():
                (path.parent / name).write_text(text, encoding="utf-8", newline="")
            return path.parent, drawing.truth
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path, drawing.truth


LOGS: list[Format] = []
TEXTS: list[Format] = []


def training_log(file: str = "run.log") -> Callable[[Generator], Generator]:
    """The function below writes a training log, into a file of this name."""
    return _into(LOGS, file)


def no_log(file: str) -> Callable[[Generator], Generator]:
    """The function below writes a text that is no training log."""
    return _into(TEXTS, file)


def _into(formats: list[Format], file: str) -> Callable[[Generator], Generator]:
    def register(generator: Generator) -> Generator:
        formats.append(Format(generator.__name__, file, generator))
        return generator

    return register


def all_logs() -> list[Format]:
    """The forty formats."""
    return _loaded(LOG_FAMILIES, LOGS)


def all_texts() -> list[Format]:
    """The sixty texts."""
    return _loaded(TEXT_FAMILIES, TEXTS)


def _loaded(families: tuple[str, ...], formats: list[Format]) -> list[Format]:
    for family in families:
        import_module(f"tests.sources.formats_invented.{family}")
    return formats


def lines(rows: Iterable[str]) -> str:
    """The rows as text, each with its line end."""
    return "".join(f"{row}\n" for row in rows)
