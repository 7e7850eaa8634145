"""What every test may rely on."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes the cache of whoever runs it."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True, scope="session")
def signals_as_in_a_terminal() -> None:
    """Under nohup and behind `&` a signal is ignored, by every process that a test starts, too."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(autouse=True)
def denormals_as_they_were() -> Iterator[None]:
    """A training run flushes denormal numbers for its whole process; no test after it may feel that."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


def pytest_make_parametrize_id(val: object) -> str | None:
    """A test whose parameter is a long text is not called by all of it."""
    return f"{len(val):,} long" if isinstance(val, str | bytes) and len(val) > 200 else None
