"""A program in a terminal of its own, and what it wrote there when."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_ESCAPES = re.compile(
    rb"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[@-Z\\-_=>]|[()].)"
)

QUIET_S = 0.05
"""A drawing has ended when nothing follows for that long."""


class Terminal:
    """A program on a pseudo-terminal of `columns` x `rows` cells.

    Attributes:
        started_at: just before the program was started, on the monotonic clock.
        text: everything that it wrote, without control sequences.
        written: (time, bytes) of each piece.
    """

    def __init__(
        self, command: Sequence[str], columns: int = 220, rows: int = 50, env: dict[str, str] | None = None
    ) -> None:
        self._master, slave = pty.openpty()
        self.resize(columns, rows)
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})},
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        self.written: list[tuple[float, bytes]] = []
        self.text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def resize(self, columns: int, rows: int) -> None:
        """Another size; the kernel tells the program with SIGWINCH."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: str) -> None:
        """Press these keys."""
        os.write(self._master, keys.encode())

    def hang_up(self) -> None:
        """The other side of the terminal is gone, as when an SSH connection is cut."""
        os.close(self._master)
        self._master = -1

    def read(self, wait_s: float = 0.0) -> bytes:
        """What was written since the last look, empty for nothing within `wait_s`."""
        if self._master < 0 or not select.select([self._master], [], [], wait_s)[0]:
            return b""
        try:
            data = os.read(self._master, 65_536)
        except OSError:  # the program has closed it
            return b""
        self.written.append((time.monotonic(), data))
        self.text += without_escapes(data)
        return data

    def wait_for(
        self, is_there: Callable[[str], bool], limit_s: float = 60.0, quiet_s: float = QUIET_S
    ) -> float:
        """Seconds from the start until what is written says so; the end of that drawing counts.

        Raises:
            TimeoutError: it did not within the limit.
        """
        first = len(self.text) - 30_000  # a screenful may have been written already
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if is_there(self.text[max(0, first) :]):
                while quiet_s and self.read(quiet_s):
                    pass
                return self.written[-1][0] - self.started_at
            if not self.read(0.5) and self.process.poll() is not None:
                break  # it has ended, and nothing that it wrote is left
        raise TimeoutError(f"not seen within {limit_s} s; the terminal ends with: {self.text[-300:]!r}")

    def cpu_s(self) -> float:
        """CPU seconds that the program has used so far, its threads included."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self) -> float:
        """Largest resident memory so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def end(self) -> int:
        """The program has ended, by force if need be; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                deadline = time.monotonic() + 3
                while self.process.poll() is None and time.monotonic() < deadline:
                    self.read(0.05)
                self.process.wait(0.1)
            except subprocess.TimeoutExpired:
                self.process.kill()
        code = self.process.wait()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
        return code


def without_escapes(data: bytes) -> str:
    """What is left of this for the eye."""
    return _ESCAPES.sub(b"", data).decode(errors="replace")


def _take_terminal() -> None:
    """In the child: a session of its own, of which this is the terminal."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
