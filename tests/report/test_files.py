"""Which run gets which files."""

from __future__ import annotations

from pathlib import Path

import pytest

from flight_recorder.tui.report.files import report
from tests.checks import fine_tune_log
from tests.report.logs import overfit_records, run_of


def test_our_own_log_gets_a_dashboard_and_a_gap_analysis(tmp_path: Path) -> None:
    said: list[str] = []
    written = report(run_of(overfit_records(200)), tmp_path / "new" / "folder", said.append)
    assert [path.name for path in written] == ["dashboard.html", "gap-analysis.md"]
    assert all(path.stat().st_size > 500 for path in written)
    assert said == ["writing dashboard.html", "writing gap-analysis.md"]


def test_a_foreign_log_gets_a_dashboard_and_a_post_mortem(tmp_path: Path) -> None:
    written = report(run_of(fine_tune_log.records(), format="huggingface"), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dashboard.html", "post-mortem.md"]
    assert written == [tmp_path / "dashboard.html", tmp_path / "post-mortem.md"]


def test_a_folder_that_cannot_be_made_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError) as caught:
        report(run_of(overfit_records(50)), tmp_path / "file" / "folder")
    assert "file" in str(caught.value.filename)
