"""Which format a file is in, told from its content: the first piece that is a record of some format decides.

Not from its name: people redirect standard output into whatever they like. What no format of its own claims
is scanned for series of numbers, whatever it is.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.engine.runlog.reader import Damaged
from flight_recorder.tui.defect import named_or_raised
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.formats.runlog import RunlogParser
from flight_recorder.tui.sources.formats.tensorboard_events import TensorBoardParser
from flight_recorder.tui.sources.formats.wandb_run import WandbParser
from flight_recorder.tui.sources.huggingface.beside import facts_beside
from flight_recorder.tui.sources.huggingface.stdout import HuggingFaceParser
from flight_recorder.tui.sources.huggingface.trainer_state import TrainerStateParser
from flight_recorder.tui.sources.locate.encoding import Transcoder
from flight_recorder.tui.sources.locate.unread import HEAD_BYTES, is_surely_none, why_unread
from flight_recorder.tui.sources.naming.choice import SURE
from flight_recorder.tui.sources.parser import BYTE_ORDER_MARK, HeadParser, Parser, SourceOptions, plain_text
from flight_recorder.tui.sources.tables.scanned import ScannedParser

TEXT_FORMATS: tuple[type[RunlogParser | TrainerStateParser | HuggingFaceParser], ...] = (
    RunlogParser,
    TrainerStateParser,
    HuggingFaceParser,
)
"""In the order in which they are asked about a piece."""

BINARY_FORMATS: tuple[type[HeadParser], ...] = (TensorBoardParser, WandbParser)
WITH_FACTS_BESIDE = frozenset({"huggingface", "trainer_state"})

GROUP = "training_flight_recorder.formats"
"""Entry points of parsers that other packages add, each a class as `HeadParser` says."""

OTHERS_HEAD_BYTES = 4096

HEAD_LIMIT = 64 * 2**20
"""Bytes in which the first record must come; a program listing or hours of downloads may be before it."""


@cache
def formats_of_others() -> tuple[type[HeadParser], ...]:
    """Parsers of other packages, in the order of their names; one that is broken is left out, and is told."""
    from importlib.metadata import entry_points

    found = []
    for entry in sorted(entry_points(group=GROUP)):
        try:
            found.append(entry.load())
        except Exception as error:
            print(f"The format {entry.value} is left out: {named_or_raised(error)}.", file=sys.stderr)
    return tuple(found)


def is_binary_head(head: bytes) -> bool:
    """Whether a file that begins like this is of a binary format, in which a NUL is a byte like any other."""
    return any(source.recognises_head(head[:64]) for source in BINARY_FORMATS)


class Recognising:
    """A parser that first finds out which one it is.

    It holds the bytes back until a format is recognised, then it is that format's parser from the first byte
    on. `name` is how error sentences call the file; facts are looked for beside `path` once that is set.
    """

    def __init__(self, name: str, options: SourceOptions | None = None) -> None:
        self.path: Path | None = None
        self._name = plain_text(name)
        self._options = options or SourceOptions()
        self._head = bytearray()
        self._asked_to = 0
        self._is_first = True
        self._transcoder: Transcoder | None = None
        self._scanner = ScannedParser(self._options)
        self._parser: Parser | None = None

    @property
    def format(self) -> str:
        """Name of the format; empty while it is unknown."""
        return self._parser.format if self._parser else ""

    @property
    def is_sure(self) -> bool:
        """Whether it is of a known format, and not only text with numbers of which one may be a loss."""
        return self._parser is not None and (
            self._parser is not self._scanner or self._scanner.has_begun or self._scanner.confidence >= SURE
        )

    @property
    def is_whole(self) -> bool:
        """Whether the file is one document that is written anew."""
        return self._parser is not None and self._parser.is_whole

    @property
    def promises_exit(self) -> bool:
        """Whether a log without a closing record means that the program died."""
        return self._parser is not None and self._parser.promises_exit

    @property
    def offset(self) -> int:
        """Bytes consumed up to and including the last complete line."""
        num_bytes = self._transcoder.num_bytes_per_character if self._transcoder else 1
        return num_bytes * self._parser.offset if self._parser else 0

    @property
    def damaged(self) -> list[Damaged]:
        """Every stretch that should have been a record and is none."""
        return self._parser.damaged if self._parser else []

    def goes_on_at(self, offset: int) -> None:
        """The log is one of our own, and what comes next stands at this byte of it."""
        self._parser = RunlogParser(self._options, offset)

    def feed(self, data: bytes) -> list[Record]:
        """The records completed by these bytes.

        Raises:
            CannotRead: the content is of no known format, or the log is newer than this program.
        """
        if self._transcoder is not None:
            data = self._transcoder.changed(data)
        if self._parser is not None:
            return self._parser.feed(data)
        self._head += data
        return self._recognised()

    def settle(self) -> list[Record]:
        """The records that were held back for what might have followed."""
        if self._parser is None:
            records = self._scanner.settle()
            self._parser = self._scanner if self._scanner.is_decided else None
            return records
        return self._parser.settle()

    def finish(self) -> list[Record]:
        """The records that only the end of the file completes.

        Raises:
            CannotRead: the whole content is of no known format, or has none of the numbers that are judged.
        """
        records: list[Record] = []
        if self._transcoder is None:
            records += self._recognised(is_last=True)
        if self._parser is None:
            for source in TEXT_FORMATS:
                if source.recognises(
                    _text_of(bytes(self._head[self._asked_to :])), self._is_first, self._options
                ):
                    self._parser = source(self._knowing_more(source.format))
                    records = self._parser.feed(bytes(self._head))
                    break
        if self._parser is None:
            self._parser = self._scanner
            records += self._scanner.feed(bytes(self._head[self._asked_to :])) + self._scanner.finish()
            if not (self._scanner.is_decided or self._scanner.has_begun):
                raise self._unknown()
            return records
        return records + self._parser.finish()

    def _knowing_more(self, format_name: str) -> SourceOptions:
        """The options, with the facts that lie beside the log where its program leaves some there."""
        if self.path is None or format_name not in WITH_FACTS_BESIDE:
            return self._options
        return replace(self._options, beside=facts_beside(self.path))

    def _recognised(self, is_last: bool = False) -> list[Record]:
        """Find out what the held bytes are; the records in them once that is known.

        Raises:
            CannotRead: they are surely nothing that can be read.
        """
        head = bytes(self._head)
        binary: tuple[type[HeadParser], ...] = (*BINARY_FORMATS, *formats_of_others())
        for source in binary:
            if source.recognises_head(head[:OTHERS_HEAD_BYTES]):
                return self._is_of(source(self._options))
        if self._transcoder is None:
            if len(head) < HEAD_BYTES and not is_last and head.count(b"\0") + (head[:1] in b"\xff\xfe"):
                return []  # too little to tell whether it is text at all
            transcoder = Transcoder()
            if changed := transcoder.changed(head) or (transcoder.rest() if is_last else b""):
                self._transcoder = transcoder
                self._head = bytearray(changed)
                head = changed
            elif not is_last:
                return []
        if len(head) >= HEAD_BYTES and is_surely_none(head[:HEAD_BYTES]):
            raise self._unknown()
        records = self._scanned_text(head)
        if self._parser is None and len(head) > HEAD_LIMIT:
            raise self._unknown()
        return records

    def _is_of(self, parser: Parser) -> list[Record]:
        head, self._parser = bytes(self._head), parser
        self._head.clear()
        return parser.feed(head)

    def _scanned_text(self, head: bytes) -> list[Record]:
        """Ask the formats about each new piece, and scan it if it is of none."""
        start = self._asked_to
        end = max(head.rfind(b"\n"), head.rfind(b"\r"), head.rfind(b"\b")) + 1
        for piece in head[start:end].splitlines(keepends=True):
            text = _text_of(piece)
            for source in TEXT_FORMATS if text else ():
                if source.recognises(text, self._is_first, self._options):
                    return self._is_of(source(self._knowing_more(source.format)))
            self._is_first = self._is_first and not text
            self._asked_to += len(piece)
            records = self._scanner.feed(piece)
            if self._scanner.is_decided:
                self._parser = self._scanner
                self._head.clear()
                return records + self._scanner.feed(head[self._asked_to :])
        return []

    def _unknown(self) -> CannotRead:
        if not self._head:
            return CannotRead(f"{self._name} is empty: no record was ever written to it.")
        if self._scanner.is_cut_off and not self._scanner.names:
            size = len(self._head)
            return CannotRead(f"{self._name} is a JSON document that is cut off at byte {size:,}.")
        if self._scanner.damaged and not self._scanner.names:
            return CannotRead(
                f"{self._name} has no record that can be read: {self._scanner.damaged[0].reason}."
            )
        if hint := why_unread(bytes(self._head[:65_536]), self._scanner.names):
            return CannotRead(f"{self._name} {hint}")
        known = ", ".join([*(source.format for source in TEXT_FORMATS), "tensorboard", "wandb"])
        return CannotRead(
            f"{self._name} is not a training log that I know: no line of it is a record of {known}, and none "
            "names a number that could be a loss; name it with --map loss=THEIR_NAME."
        )


def _text_of(piece: bytes) -> str:
    return plain_text(piece.decode("utf-8", errors="replace")).strip().lstrip(BYTE_ORDER_MARK)
