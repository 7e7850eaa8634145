"""Which format a file is in, told from its content: the first piece that is a record of some format decides.

Not from its name: people redirect standard output into whatever they like.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.engine.runlog.reader import Damaged
from flight_recorder.tui.sources.errors import CannotRead
from flight_recorder.tui.sources.formats.llm_c import LlmCParser
from flight_recorder.tui.sources.formats.megatron import MegatronParser
from flight_recorder.tui.sources.formats.modded_nanogpt import ModdedNanoGptParser
from flight_recorder.tui.sources.formats.nanogpt import NanoGptParser
from flight_recorder.tui.sources.formats.pico_train import PicoTrainParser
from flight_recorder.tui.sources.formats.runlog import RunlogParser
from flight_recorder.tui.sources.formats.tensorboard_events import TensorBoardParser
from flight_recorder.tui.sources.formats.wandb_run import WandbParser
from flight_recorder.tui.sources.huggingface.beside import facts_beside
from flight_recorder.tui.sources.huggingface.stdout import HuggingFaceParser
from flight_recorder.tui.sources.huggingface.trainer_state import TrainerStateParser
from flight_recorder.tui.sources.locate.unread import HEAD_BYTES, is_surely_none, why_unread
from flight_recorder.tui.sources.parser import BYTE_ORDER_MARK, Parser, SourceOptions, TextParser, plain_text
from flight_recorder.tui.sources.tables.aligned_table import AlignedTableParser
from flight_recorder.tui.sources.tables.csv_table import CsvParser
from flight_recorder.tui.sources.tables.cut_json import until_cut
from flight_recorder.tui.sources.tables.json_document import JsonDocumentParser
from flight_recorder.tui.sources.tables.json_lines import JsonLinesParser
from flight_recorder.tui.sources.tables.printed import PrintedParser

TEXT_FORMATS: tuple[type[RunlogParser | TextParser], ...] = (
    RunlogParser,
    TrainerStateParser,
    HuggingFaceParser,
    NanoGptParser,
    LlmCParser,
    ModdedNanoGptParser,
    MegatronParser,
    PicoTrainParser,
    JsonLinesParser,
    CsvParser,
    AlignedTableParser,
)
"""In the order in which they are asked about a piece; the ones that accept most come last."""

MIN_PRINTED = 3
"""Lines that merely name a loss before a log is taken for a loop's own print-outs: a banner may name one."""

BINARY_FORMATS = (TensorBoardParser, WandbParser)
WITH_FACTS_BESIDE = frozenset({"huggingface", "trainer_state"})

HEAD_LIMIT = 64 * 2**20
"""Bytes in which the first record must come; a program listing or hours of downloads may be before it."""


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
        self._num_printed = 0
        self._has_heading = False
        self._has_numbers = False
        self._parser: Parser | None = None

    @property
    def format(self) -> str:
        """Name of the format; empty while it is unknown."""
        return self._parser.format if self._parser else ""

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
        return self._parser.offset if self._parser else 0

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
        if self._parser is not None:
            return self._noted(self._parser.feed(data))
        self._head += data
        self._parser = self._recognised()
        if self._parser is None:
            if len(self._head) > HEAD_LIMIT:
                raise self._unknown()
            return []
        head = bytes(self._head)
        self._head.clear()
        return self._noted(self._parser.feed(head))

    def settle(self) -> list[Record]:
        """The records that were held back for what might have followed."""
        return self._noted(self._parser.settle()) if self._parser else []

    def finish(self) -> list[Record]:
        """The records that only the end of the file completes.

        Raises:
            CannotRead: the whole content is of no known format, or has none of the numbers that are judged.
        """
        records: list[Record] = []
        if self._parser is None:
            self._parser = self._last_chance()
            records = self._parser.feed(bytes(self._head))
            self._head.clear()
        records += self._parser.finish()
        self._noted(records)
        if not self._has_numbers and self._parser.format == PrintedParser.format:
            if self.damaged:
                reason = self.damaged[0].reason
                raise CannotRead(f"{self._name} prints a loss and no step that could be read: {reason}.")
            raise CannotRead(
                f"{self._name} prints losses under names that I do not know; say which is meant with "
                "--map loss=THEIR_NAME, and --map val_loss=THEIR_NAME for validation."
            )
        return records

    def _noted(self, records: list[Record]) -> list[Record]:
        self._has_numbers = self._has_numbers or any(record["kind"] != "header" for record in records)
        return records

    def _knowing_more(self, format_name: str) -> SourceOptions:
        """The options, with the facts that lie beside the log where its program leaves some there."""
        if self.path is None or format_name not in WITH_FACTS_BESIDE:
            return self._options
        return replace(self._options, beside=facts_beside(self.path))

    def _recognised(self) -> Parser | None:
        for source in BINARY_FORMATS:
            if source.recognises_head(bytes(self._head[:HEAD_BYTES])):
                return source(self._options)
        if len(self._head) >= HEAD_BYTES and is_surely_none(bytes(self._head[:HEAD_BYTES])):
            raise self._unknown()
        found = self._recognised_text()
        if found is None and JsonDocumentParser.recognises_whole(bytes(self._head), self._options):
            return JsonDocumentParser(self._options)
        return found

    def _recognised_text(self) -> Parser | None:
        if len(self._head) < HEAD_BYTES and b"\0" in self._head:
            return None  # too little to tell whether it is text at all
        end = max(self._head.rfind(b"\n"), self._head.rfind(b"\r")) + 1
        if end <= self._asked_to:
            return None
        pieces = bytes(self._head[self._asked_to : end]).splitlines()
        self._asked_to = end
        for piece in pieces:
            if (parser := self._parser_for(piece)) is not None:
                return parser
        return None

    def _parser_for(self, piece: bytes) -> Parser | None:
        text = plain_text(piece.decode("utf-8", errors="replace")).strip().lstrip(BYTE_ORDER_MARK)
        if not text:
            return None
        for source in TEXT_FORMATS:
            if source.recognises(text, self._is_first, self._options):
                return source(self._knowing_more(source.format))
        self._is_first = False
        self._has_heading = self._has_heading or PrintedParser.is_heading(text)
        self._num_printed += PrintedParser.recognises(text, False, self._options) or (
            self._has_heading and PrintedParser.goes_on(text, self._options)
        )
        return PrintedParser(self._options) if self._num_printed >= MIN_PRINTED else None

    def _last_chance(self) -> Parser:
        """The format of what has no newline at its end."""
        parser = self._parser_for(bytes(self._head[self._asked_to :]))
        if parser is None and self._num_printed:
            parser = PrintedParser(self._options)
        if parser is None and (rest := until_cut(bytes(self._head))) is not None:
            if not JsonDocumentParser.recognises_whole(rest[0], self._options):
                size = len(self._head)
                raise CannotRead(f"{self._name} is a JSON document that is cut off at byte {size:,}.")
            parser = JsonDocumentParser(self._options)
        if parser is None:
            raise self._unknown()
        return parser

    def _unknown(self) -> CannotRead:
        if not self._head:
            return CannotRead(f"{self._name} is empty: no record was ever written to it.")
        if hint := why_unread(bytes(self._head[:65_536])):
            return CannotRead(f"{self._name} {hint}")
        return CannotRead(
            f"{self._name} is not a training log that I know: no line of it is a record of "
            f"{', '.join(source.format for source in (*TEXT_FORMATS, *BINARY_FORMATS))}, "
            "and none names a step and a loss; "
            "if it is JSON lines or CSV, name its columns with --map loss=THEIR_NAME."
        )
