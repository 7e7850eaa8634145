"""The terminal is given back as it was, whatever ends the monitor; and no input ends it by accident."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.screen.pseudo_terminal import ROOT, PseudoTerminal

LOG = str(Path(__file__).parent / "runs" / "overfit.log.jsonl")
DRAWN = b"quit"
"""The last word of the screen's last line."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_restores_the_terminal(number: signal.Signals) -> None:
    with PseudoTerminal("watch", LOG) as terminal:
        terminal.read_until(DRAWN)
        assert not terminal.is_as_before
        terminal.signal(number)
        assert terminal.exit_code() == 128 + number
        assert terminal.is_as_before


def test_a_signal_to_a_replay_restores_the_terminal() -> None:
    with PseudoTerminal("replay", LOG) as terminal:
        terminal.read_until(DRAWN)
        terminal.signal(signal.SIGTERM)
        assert terminal.exit_code() == 128 + signal.SIGTERM
        assert terminal.is_as_before


@pytest.mark.parametrize("sign", [b"opening ...", b"\x1b[?1049h"], ids=["first frame", "alternate screen"])
def test_a_signal_before_the_screen_is_drawn_leaves_with_it(sign: bytes) -> None:
    with PseudoTerminal("watch", LOG) as terminal:
        terminal.read_until(sign)
        terminal.signal(signal.SIGTERM)
        assert terminal.exit_code() == 128 + signal.SIGTERM
        assert terminal.is_as_before


def test_a_monitor_that_does_not_react_is_ended_all_the_same() -> None:
    stuck = (
        "import time; from flight_recorder.tui.screen import app, terminal; terminal.PATIENCE_S = 0.2\n"
        "app.Monitor._draw_status = lambda monitor: time.sleep(1000)\n"
        "from flight_recorder.tui.cli import main; main()"
    )
    with PseudoTerminal("watch", LOG, python=("-c", stuck)) as terminal:
        terminal.read_until(b"\x1b[?25l")
        terminal.signal(signal.SIGTERM)
        assert terminal.exit_code() == 128 + signal.SIGTERM
        assert terminal.is_as_before


HARMLESS = {
    "Latin-1": b"\xe9",
    "no UTF-8 at all": b"\xff\xfe",
    "a key of an absurd number": b"\x1b[99999999999u",
    "half of a character": b"\x1b[55296u",
    "an absurd size": b"\x1b[48;999999;999999;99;99t",
    "the size reports nobody asked for": b"\x1b[?2048;1$y\x1b[48;1;1;1;1t",
    "a click far away": b"\x1b[<0;99999;99999M",
    "an absurd place of the cursor": b"\x1b[999999999999999999999R",
    "bytes pasted": b"\x1b[200~ab\xe9c\x1b[201~",
}


def test_no_input_ends_or_hangs_the_monitor() -> None:
    with PseudoTerminal("watch", LOG) as terminal:
        terminal.read_until(DRAWN)
        for keys in HARMLESS.values():
            terminal.type(keys)
        terminal.type(b"?")
        terminal.read_until(b"Keys")
        terminal.type(b"q")
        assert terminal.exit_code() == 0
        assert terminal.is_as_before


def test_the_mouse_stays_with_the_terminal() -> None:
    with PseudoTerminal("watch", LOG) as terminal:
        terminal.read_until(DRAWN)
        assert b"?1003h" not in terminal.output and b"?1000h" not in terminal.output


BROKEN = {
    "drawing": "app.Monitor._draw_status = broken",
    "a widget": "from flight_recorder.tui.screen.drawing.lines import Lines; Lines.render_line = broken",
    "a key": "from flight_recorder.tui.screen.actions import Actions; Actions.help = broken",
    "the search for runs": "gathering.Gathering.look = broken; gathering.Gathering.grows = True",
    "opening": "gathering.Gathering.open_all = broken",
}


@pytest.mark.parametrize("part", BROKEN.values(), ids=BROKEN.keys())
def test_an_error_of_our_own_is_one_sentence(part: str) -> None:
    code = (
        "from flight_recorder.tui.screen import app\n"
        "from flight_recorder.tui.screen.runs import run_set as gathering; gathering.LOOK_S = 0.01\n"
        "app.LOOK_S = 0.01\n"
        "def broken(*_): raise KeyError('a part')\n"
        f"{part}\n"
        "from flight_recorder.tui.cli import main; main()"
    )
    with PseudoTerminal("watch", LOG, python=("-c", code)) as terminal:
        if "Actions.help" in part:
            terminal.read_until(DRAWN)
            terminal.type(b"?")
        assert terminal.exit_code() == 2
        assert b"tui: it failed by an error of its own (" in terminal.output
        assert b"'a part'" in terminal.output
        assert b"Traceback" not in terminal.output
        assert terminal.is_as_before


def test_the_traceback_is_there_for_who_asks() -> None:
    code = (
        "from flight_recorder.tui.screen import app\n"
        "def broken(*_): raise KeyError('a part')\n"
        "app.Monitor._draw_status = broken\n"
        "from flight_recorder.tui.cli import main; main()"
    )
    with PseudoTerminal("watch", LOG, python=("-c", code), TUI_DEBUG="1") as terminal:
        assert terminal.exit_code() == 2
        assert b"Traceback" in terminal.output


@pytest.mark.parametrize("redirected", ["</dev/null", "<&-", "</dev/null >&- 2>&-"])
def test_without_a_terminal_the_monitor_says_so(redirected: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f'"$0" -m tui watch "$1" {redirected}', sys.executable, LOG],
        env={**os.environ, "TERM": "xterm", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        start_new_session=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr in (b"", b"tui: There is no terminal to read keys from; use tui check or tui show.\n")


@pytest.mark.parametrize("redirected", ["</dev/null", "<&-", "2>/dev/null", "| cat"])
def test_redirected_streams_leave_the_terminal_to_the_monitor(redirected: str) -> None:
    command = (
        f"import os; os.execvp('bash', ['bash', '-c', '{sys.executable} -m tui watch {LOG} {redirected}'])"
    )
    grab = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    with PseudoTerminal(python=("-c", grab + command)) as terminal:
        terminal.read_until(DRAWN)
        terminal.type(b"q")
        assert terminal.exit_code() == 0
        assert terminal.is_as_before
