"""What every test may rely on."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def denormals_as_they_were() -> Iterator[None]:
    """A training run flushes denormal numbers for its whole process; no test after it may feel that."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
