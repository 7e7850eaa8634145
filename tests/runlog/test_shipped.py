"""Configs and thresholds that come with the program are found by their name."""

from __future__ import annotations

from pathlib import Path

import pytest

from flight_recorder.engine.runlog.shipped import CONFIGS, NothingOfThatName, shipped_or_own


@pytest.mark.parametrize("name", ["healthy", "healthy.yaml"])
def test_a_name_is_the_shipped_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shipped_or_own(Path(name)) == CONFIGS / "healthy.yaml"
    assert shipped_or_own(Path("as-written"), CONFIGS / "thresholds").name == "as-written.yaml"


def test_a_file_of_the_user_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("healthy").touch()
    assert shipped_or_own(Path("healthy")) == Path("healthy")


@pytest.mark.parametrize("name", ["healty", "configs/healthy.yaml", "../configs/healthy", "thresholds"])
def test_an_unknown_name_lists_the_known_ones(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NothingOfThatName, match=f"no file {name}; known by name are 19-overfit, .*healthy"):
        shipped_or_own(Path(name))


def test_what_cannot_be_looked_at_is_left_to_whoever_opens_it() -> None:
    endless = Path("x" * 5000)
    assert shipped_or_own(endless) == endless
