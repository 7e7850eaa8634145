"""Says at the end when the page was not tried in a browser: a silent skip would look like a pass."""

from __future__ import annotations

import pytest

from tests.report.chromium import NAMES, chromium_path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if chromium_path() is None:
        terminalreporter.write_line(
            f"NO CHROMIUM ({', '.join(NAMES)}): dashboard.html was not tried in a browser.", yellow=True
        )
