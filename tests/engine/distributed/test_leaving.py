"""How a process that was one of many ends: at once, and with its proper code and last words."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.engine.runs import ROOT

pytestmark = pytest.mark.torch

_TAKEN_APART = "the interpreter was taken apart"


def _ended(body: str, *, world_size: int = 2) -> subprocess.CompletedProcess[str]:
    """`engine` whose command does `body` instead, as one of `world_size` processes."""
    program = f"""
import atexit, sys
from flight_recorder.engine import cli
def command():
    {body}
atexit.register(print, {_TAKEN_APART!r})
cli.app = command
cli.main()
"""
    environment = {**os.environ, "WORLD_SIZE": str(world_size), "RANK": "1"}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "code", "last_words"),
    [
        ("sys.exit(0)", 0, ""),
        ("sys.exit(None)", 0, ""),
        ("sys.exit(143)", 143, ""),
        ("raise KeyboardInterrupt", 130, ""),
        ("raise ValueError('of its own')", 1, "ValueError: of its own"),
    ],
)
def test_one_of_many_leaves_with_its_code_before_gloo_can_meet_a_dying_interpreter(
    body: str, code: int, last_words: str
) -> None:
    ended = _ended(f"print('said'); {body}")
    assert (ended.returncode, ended.stdout) == (code, "said\n")
    assert last_words in ended.stderr


def test_a_process_alone_ends_as_python_does() -> None:
    assert _TAKEN_APART in _ended("sys.exit(0)", world_size=1).stdout
