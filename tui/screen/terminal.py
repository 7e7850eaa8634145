"""The terminal below the screen: Textual's driver, made to give the terminal back whatever happens.

What is other than in Textual 8:

- SIGTERM, SIGHUP and SIGQUIT end the monitor as q does, and its exit code is 128 + signal. Textual leaves
  them to the system, which ends the process and leaves a raw terminal without echo.
- Bytes that are not UTF-8, and escape sequences whose numbers are absurd, are passed over. In Textual either
  ends the program.
- The size of the terminal comes from the system alone. Textual believes what the input says of it, and then
  makes a screen of a million columns. Reports of a mouse that nobody switched on are passed over as well.
- Where standard error is no terminal, the controlling terminal is drawn on.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import termios
import threading
from codecs import getincrementaldecoder
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from textual import events, messages
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from flight_recorder.tui.exit import on_signals
from flight_recorder.tui.sources.errors import CannotRead

if TYPE_CHECKING:
    from textual.app import App

PATIENCE_S = 4.0
"""After a signal, how long the monitor may take to leave; a terminal that hung up can block it for ever."""

_RESTORE = b"\x1b[?2004l\x1b[?7h\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l\x1b[0m"
"""No bracketed paste, line wrap, plain keys, main screen, cursor, no reports of focus, no colours."""

_LOOK_S = 0.1


def keyboard_instead_of_stdin(instead: str = "tui check or tui show") -> int:
    """A descriptor of standard input; the terminal takes its place, so that keys can be read.

    Raises:
        CannotRead: there is no terminal; `instead` is what needs none.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        raise CannotRead(f"There is no terminal to read keys from; use {instead}.") from None
    piped = os.dup(0)
    os.dup2(terminal, 0)
    os.close(terminal)
    return piped


def require_terminal() -> None:
    """See to it that keys can be read and a picture be drawn.

    Raises:
        CannotRead: there is no terminal for that.
    """
    if not os.isatty(0):
        os.close(keyboard_instead_of_stdin())
    if not os.isatty(2):
        try:
            os.close(os.open("/dev/tty", os.O_RDWR))
        except OSError:
            raise CannotRead("There is no terminal to draw on; use tui check or tui show.") from None


class Terminal(LinuxDriver):
    """Reads keys, draws, and gives the terminal back as it was."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._before: list[Any] | None = None
        self._screen = 2
        if not os.isatty(2):
            self._file = Path("/dev/tty").open("w", encoding="utf-8")  # noqa: SIM115
            self._screen = self._file.fileno()

    def start_application_mode(self) -> None:
        """Take the terminal; from now on a signal gives it back."""
        with suppress(termios.error):
            self._before = termios.tcgetattr(self.fileno)
        self._loop = asyncio.get_running_loop()
        on_signals(self._leave)
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def _leave(self, number: int, _: FrameType | None = None) -> None:
        """End the monitor in good order, or without, should that take too long."""
        hard = threading.Timer(PATIENCE_S, self._leave_at_once, [128 + number])
        hard.daemon = True
        hard.start()
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(lambda: self._app.exit(return_code=128 + number))

    def _leave_at_once(self, code: int) -> None:
        """End the process without asking any part of it; the terminal is restored if it is still there."""
        with suppress(OSError):
            os.set_blocking(self._screen, False)
            os.write(self._screen, _RESTORE)
        if self._before is not None:
            with suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self._before)
        os._exit(code)

    def run_input_thread(self) -> None:
        """Wait for input and dispatch what can be understood of it."""
        decoder = getincrementaldecoder("utf-8")(errors="ignore")
        parser = XTermParser(self._debug)
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(_LOOK_S):
                    data = self._read()
                    if not data:
                        self._leave(signal.SIGHUP)
                        return
                    for letter in decoder.decode(data):
                        parser = self._fed(parser, letter)
                for event in parser.tick():
                    self.process_message(event)

    def _read(self) -> bytes:
        """What was typed; nothing once the terminal has hung up."""
        try:
            return os.read(self.fileno, 4096)
        except OSError:
            return b""

    def _fed(self, parser: XTermParser, letter: str) -> XTermParser:
        """The parser after one more letter; a new one if that ended a sequence which it cannot bear."""
        try:
            for event in parser.feed(letter):
                self.process_message(event)
        except (ValueError, OverflowError):
            return XTermParser(self._debug)
        return parser

    def process_message(self, message: Message) -> None:
        """Hand on what was typed."""
        unasked = (events.Resize, events.MouseEvent, messages.InBandWindowResize)
        if not isinstance(message, unasked):
            super().process_message(message)

    def _query_in_band_window_resize(self) -> None:
        """The terminal is not asked to report its size: the system says it."""

    def _get_terminal_size(self) -> tuple[int, int]:
        try:
            return tuple(os.get_terminal_size(self._screen))  # type: ignore[return-value]
        except OSError:
            return super()._get_terminal_size()
