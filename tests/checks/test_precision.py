import pytest

from flight_recorder.tui.checks.verdict import Level, State
from tests.checks.builders import judged, log, verdict


@pytest.mark.parametrize(
    ("halvings", "symptom"),
    [(10, "loss scale collapsed"), (9, "loss scale falls"), (6, "loss scale falls"), (5, "")],
)
def test_a_loss_scale_is_judged_by_its_halvings_below_its_level(halvings: int, symptom: str) -> None:
    scale = [65536.0] * 300 + [65536.0 / 2**halvings] * 30
    assert verdict("D3.1", log(loss_scale=scale)).symptom == symptom


def test_the_search_for_a_loss_scale_at_the_start_is_normal() -> None:
    scale = [2.0**24 / 2 ** min(row, 14) for row in range(400)]
    skipped = [float(min(row, 14)) for row in range(400)]
    judge = judged(log(loss_scale=scale, skipped_updates=skipped))
    assert all(v.state is State.PASS for v in judge.verdicts if v.check in ("D3.1", "D3.2"))


@pytest.mark.parametrize(
    ("share", "symptom", "level"),
    [
        (0.55, "most updates skipped", Level.RED),
        (0.45, "many updates skipped", Level.ORANGE),
        (0.06, "many updates skipped", Level.ORANGE),
        (0.04, "", Level.GREEN),
    ],
)
def test_skipped_updates_after_the_start_are_judged_by_their_share(
    share: float, symptom: str, level: Level
) -> None:
    skipped = [float(int(row * share)) for row in range(500)]
    found = verdict("D3.2", log(skipped_updates=skipped))
    assert (found.symptom, found.level) == (symptom, level)
