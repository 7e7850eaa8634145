"""A terminal of its own for `tui`: what is drawn, what is typed, and in what state it is left."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[2]
_PATIENCE_S = 30.0


class PseudoTerminal:
    """`tui WORDS` on a terminal of 120 x 40 cells; `output` is everything that came so far."""

    def __init__(self, *words: str, python: Sequence[str] = ("-m", "tui"), **environment: str) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.output = b""
        self.process = subprocess.Popen(
            [sys.executable, *python, *words],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **environment},
            start_new_session=True,
        )

    def __enter__(self) -> PseudoTerminal:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def read_until(self, text: bytes) -> None:
        """Return when this has been written."""
        end = time.monotonic() + _PATIENCE_S
        while text not in self.output:
            assert time.monotonic() < end, self.output[-2000:]
            self._read(0.05)

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def exit_code(self) -> int:
        """The exit code, once the process has ended."""
        end = time.monotonic() + _PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < end, self.output[-2000:]
            self._read(0.05)
        self._read(0.0)
        return self.process.returncode

    @property
    def is_as_before(self) -> bool:
        """Whether it is cooked, echoes, shows its main screen and its cursor, and reports nothing."""
        ends = ((b"?1049h", b"?1049l"), (b"?25l", b"?25h"), (b"?1003h", b"?1003l"), (b"?2004h", b"?2004l"))
        is_undone = all(self.output.rfind(off) >= self.output.rfind(on) for on, off in ends)
        return is_undone and termios.tcgetattr(self.slave) == self.before

    def _read(self, wait_s: float) -> None:
        while select.select([self.master], [], [], wait_s)[0]:
            self.output += os.read(self.master, 65536)
            wait_s = 0.0
