"""Run a command so that its user notices nothing, and keep a copy of what it prints.

On a terminal the command gets a pseudo-terminal of the same size and settings, so that colours, bars,
editing and job control are its own; where its output goes into a pipe or a file, it gets a pipe. What arrives
is handed on byte for byte. pty(7), termios(3).
"""

from __future__ import annotations

import errno
import os
import selectors
import signal
import subprocess
import termios
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fcntl import ioctl
from typing import IO, Any

_BLOCK = 2**16
_STEP_S = 0.1
_DRAIN_S = 0.2
"""After the command has ended, so long a silence ends its output: a child that it left behind may live on."""

Begun = Callable[[int], None]


def run(command: Sequence[str], copy: IO[bytes], begun: Begun) -> int:
    """The exit code of the command as a shell would have it, once it has ended.

    `copy` gets what it prints; `begun` is told its process id. A code above 128 is 128 + the signal.

    Raises:
        OSError: the command cannot be started.
    """
    if os.isatty(1):
        return _on_terminal(command, copy, begun)
    return _through_pipes(command, copy, begun)


def _on_terminal(command: Sequence[str], copy: IO[bytes], begun: Begun) -> int:
    ours, theirs = os.openpty()
    has_input = os.isatty(0)
    termios.tcsetattr(theirs, termios.TCSANOW, termios.tcgetattr(0 if has_input else 1))
    _copy_size(ours)
    process = subprocess.Popen(
        command,
        stdin=theirs if has_input else None,
        stdout=theirs,
        stderr=theirs if os.isatty(2) else None,
        start_new_session=True,
        preexec_fn=lambda: ioctl(1, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    begun(process.pid)
    forwarded = (signal.SIGTERM, signal.SIGHUP) + (() if has_input else (signal.SIGINT,))
    with _signals(process.pid, forwarded, lambda: _copy_size(ours)), _raw(has_input) as raw:
        code = _pass_on(process, {ours: (1, copy)}, 0 if has_input else None, ours, raw)
    os.close(ours)
    return code


def _through_pipes(command: Sequence[str], copy: IO[bytes], begun: Begun) -> int:
    """Ctrl-C reaches the command by itself: it is in the same process group."""
    is_one = os.path.sameopenfile(1, 2)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT if is_one else subprocess.PIPE
    )
    begun(process.pid)
    assert process.stdout is not None
    outputs = {process.stdout.fileno(): (1, copy)}
    if process.stderr is not None:
        outputs[process.stderr.fileno()] = (2, copy)
    with _signals(process.pid, (signal.SIGTERM, signal.SIGHUP), None, ignored=(signal.SIGINT,)):
        code = _pass_on(process, outputs, None, None, None)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    return code


def _pass_on(
    process: subprocess.Popen[bytes],
    outputs: Mapping[int, tuple[int, IO[bytes]]],
    typed: int | None,
    terminal: int | None,
    raw: _Raw | None,
) -> int:
    """Hand on what the command prints, and what is typed to it, until it has ended."""
    selector = selectors.DefaultSelector()
    for descriptor in outputs:
        selector.register(descriptor, selectors.EVENT_READ)
    if typed is not None:
        selector.register(typed, selectors.EVENT_READ)
    status: int | None = None
    while True:
        ready = [key.fd for key, _ in selector.select(_STEP_S if status is None else _DRAIN_S)]
        for descriptor in ready:
            block = _read(descriptor)
            if not block:
                selector.unregister(descriptor)
            elif descriptor == typed and terminal is not None:
                _write_all(terminal, block)
            else:
                goes_to, copy = outputs[descriptor]
                copy.write(block)
                copy.flush()
                _write_all(goes_to, block)
        is_drained = not any(descriptor in selector.get_map() for descriptor in outputs)
        if status is not None and (is_drained or not any(one in outputs for one in ready)):
            return _exit_code(status)
        if status is None:
            status = _ended(process, raw, blocks=is_drained)


def _ended(process: subprocess.Popen[bytes], raw: _Raw | None, *, blocks: bool) -> int | None:
    """Status of a command that has ended. One that was stopped (Ctrl-Z) stops us too, and goes on with us."""
    options = os.WUNTRACED | (0 if blocks else os.WNOHANG)
    pid, status = os.waitpid(process.pid, options)
    if pid == 0:
        return None
    if os.WIFSTOPPED(status):
        if raw:
            raw.leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        if raw:
            raw.enter()
        os.killpg(process.pid, signal.SIGCONT)
        return None
    process.returncode = _exit_code(status)
    return status


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _BLOCK)
    except OSError as error:
        if error.errno == errno.EIO:  # how a pseudo-terminal says that nobody has it open any more
            return b""
        raise


def _write_all(descriptor: int, block: bytes) -> None:
    """A reader that has gone does not end the training: it goes on, and its copy is kept."""
    while block:
        try:
            block = block[os.write(descriptor, block) :]
        except OSError:
            return


def _copy_size(terminal: int) -> None:
    size = ioctl(1, termios.TIOCGWINSZ, bytes(8))
    ioctl(terminal, termios.TIOCSWINSZ, size)


class _Raw:
    """Our terminal hands every key on untouched; afterwards it is as it was."""

    def __init__(self) -> None:
        self._before = termios.tcgetattr(0)

    def enter(self) -> None:
        tty.setraw(0, termios.TCSANOW)

    def leave(self) -> None:
        termios.tcsetattr(0, termios.TCSADRAIN, self._before)


@contextmanager
def _raw(is_terminal: bool) -> Iterator[_Raw | None]:
    if not is_terminal:
        yield None
        return
    raw = _Raw()
    raw.enter()
    try:
        yield raw
    finally:
        raw.leave()


@contextmanager
def _signals(
    pid: int,
    forwarded: Sequence[signal.Signals],
    resized: Callable[[], None] | None,
    ignored: Sequence[signal.Signals] = (),
) -> Iterator[None]:
    """Signals to us are signals to the command; we end when it does."""

    def forward(number: int, frame: Any) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    handlers: dict[signal.Signals, Any] = dict.fromkeys(forwarded, forward)
    handlers |= dict.fromkeys(ignored, signal.SIG_IGN)
    if resized is not None:
        handlers[signal.SIGWINCH] = lambda number, frame: resized()
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
