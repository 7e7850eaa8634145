"""`tui run`: the user of the command notices nothing, and its log is judged."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TUI = [sys.executable, "-m", "flight_recorder.tui", "run"]

TRAINING = """
import sys, time
for step in range(int(sys.argv[1])):
    loss = 3 - step / 100 if step < 30 else float("nan")
    print(f"\\x1b[32mstep\\x1b[0m {step} loss {loss}", flush=True)
    time.sleep(float(sys.argv[2]))
sys.exit(int(sys.argv[3]))
"""


@pytest.fixture
def training(tmp_path: Path) -> list[str]:
    script = tmp_path / "training.py"
    script.write_text(TRAINING)
    return [sys.executable, str(script)]


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*TUI, *arguments], cwd=cwd, capture_output=True, timeout=60, check=False)


def test_output_and_exit_code_are_those_of_the_command(training: list[str], tmp_path: Path) -> None:
    command = [*training, "20", "0", "3"]
    bare = subprocess.run(command, capture_output=True, check=False)
    watched = run("--log", "copy.log", "--", *command, cwd=tmp_path)
    assert watched.returncode == bare.returncode == 3
    assert watched.stdout == bare.stdout
    assert watched.stderr == bare.stderr
    assert (tmp_path / "copy.log").read_bytes() == bare.stdout


def on_terminal(
    command: list[str], cwd: Path, typed: bytes = b"", wait_for: bytes = b""
) -> tuple[bytes, int]:
    """What a command prints on a terminal of its own, and its exit code."""
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execv(command[0], command)
    output, until = b"", time.monotonic() + 60
    while time.monotonic() < until:
        try:
            block = os.read(master, 65536)
        except OSError:
            break
        if not block:
            break
        output += block
        if typed and wait_for in output:
            os.write(master, typed)
            typed = b""
    _, status = os.waitpid(pid, 0)
    os.close(master)
    return output, os.waitstatus_to_exitcode(status)


def test_on_a_terminal_it_sees_a_terminal_and_its_bytes_are_the_same(
    training: list[str], tmp_path: Path
) -> None:
    ask = [sys.executable, "-c", "import os, sys; print(sys.stdout.isatty(), os.get_terminal_size().columns)"]
    bare, _ = on_terminal(ask, tmp_path)
    watched, code = on_terminal([*TUI, "--log", "copy.log", "--", *ask], tmp_path)
    assert code == 0
    path, _, rest = watched.partition(b"\n")
    assert path.startswith(b"tui watch copy.log"), "how to follow it from another pane"
    assert rest == bare


def test_what_is_typed_reaches_the_command(tmp_path: Path) -> None:
    ask = [sys.executable, "-c", "print('name?', flush=True); print('hello', input())"]
    output, code = on_terminal([*TUI, "--log", "c.log", "--", *ask], tmp_path, b"ada\n", b"name?")
    assert code == 0
    assert b"hello ada" in output


def test_ctrl_c_reaches_the_command_once(tmp_path: Path) -> None:
    program = (
        "import signal, time\n"
        "n = []\n"
        "signal.signal(signal.SIGINT, lambda *_: n.append(1))\n"
        "print('ready', flush=True)\n"
        "end = time.time() + 1.5\n"
        "while time.time() < end: time.sleep(0.1)\n"
        "print('interrupts:', len(n))\n"
    )
    ask = [sys.executable, "-c", program]
    output, code = on_terminal([*TUI, "--log", "c.log", "--", *ask], tmp_path, b"\x03", b"ready")
    assert b"interrupts: 1" in output
    assert code == 0


def test_a_command_that_is_killed_gives_the_code_of_a_shell(tmp_path: Path) -> None:
    kill = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
    assert run("--log", "c.log", "--", *kill, cwd=tmp_path).returncode == 128 + signal.SIGKILL


def test_a_command_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    answer = run("--", "no-such-command", cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stderr == b"tui: There is no command no-such-command.\n"


def test_the_guard_stops_a_lost_run_where_its_dry_run_says(training: list[str], tmp_path: Path) -> None:
    command = [*training, "3000", "0.01", "0"]
    stopped = run("--log", "c.log", "--guard", "thrifty", "--", *command, cwd=tmp_path)
    assert stopped.returncode == 143
    assert b"stop the run at step 30" in stopped.stderr
    acted = [json.loads(line) for line in (tmp_path / ".c.log.acted").read_text().splitlines()]
    assert [(act["do"], act["step"]) for act in acted] == [("stop", 30)]
    rehearsal = [*TUI[:-1], "guard", "c.log", "--dry-run", "thrifty"]
    said = subprocess.run(rehearsal, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "would stop the run at step 30" in said


def test_the_guard_leaves_a_healthy_run_alone(training: list[str], tmp_path: Path) -> None:
    watched = run("--log", "c.log", "--guard", "thrifty", "--", *training, "25", "0.01", "0", cwd=tmp_path)
    assert watched.returncode == 0
    assert not (tmp_path / ".c.log.acted").exists()


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("rules:\n- {when: blak, do: stop}", "did you mean black?"),
        ("rules:\n- {when: black, do: stop, grase: 3}", "grase is no setting"),
        ("rules: []", "rules"),
        ("- 1", "the file"),
        ("rules:\n- {when: nan, do: exec}", "exec needs a command"),
        ("rules:\n- {when: nan, do: signal, signal: SIGFOO}", "is no signal"),
    ],
)
def test_a_policy_that_asks_for_what_there_is_not_is_one_sentence(
    policy: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "policy.yaml").write_text(policy)
    answer = run("--guard", "policy.yaml", "--", "true", cwd=tmp_path)
    assert answer.returncode == 2
    assert words in answer.stderr.decode()
    assert answer.stderr.count(b"\n") == 1
