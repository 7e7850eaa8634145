"""The page as a file: what is in it, what is not, and that a log's text stays text."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from typing import Any

import pytest

from flight_recorder.engine.runlog.codec import Record
from flight_recorder.tui.checks.verdict import State
from flight_recorder.tui.panels.figure import Figure, Tint
from flight_recorder.tui.panels.registry import PANELS
from flight_recorder.tui.report.html.dashboard import page
from flight_recorder.tui.report.html.panel_html import cursor_data, panel_html
from flight_recorder.tui.run import Run
from tests.report.logs import CONFIG, header, overfit_records, run_of
from tests.report.pages import HOSTILE, Page


@pytest.fixture(scope="module")
def overfit() -> Run:
    return run_of(overfit_records(8000))


@pytest.fixture(scope="module")
def html(overfit: Run) -> str:
    return page(overfit)


def _steps(losses: list[float], **fields: Any) -> list[Record]:
    return [{"kind": "step", "step": step, "loss": loss, **fields} for step, loss in enumerate(losses)]


def _panel(html: str, name: str) -> str:
    return re.search(rf'<section class="panel[^"]*" id="{name}".*?</section>', html, re.S)[0]  # type: ignore[index]


def test_eight_thousand_steps_make_less_than_500_kb(html: str) -> None:
    assert len(html.encode()) < 500_000


def test_every_tag_is_closed_where_it_was_opened(html: str) -> None:
    assert Page(html).unbalanced == []


def test_nothing_in_the_page_has_an_address(html: str) -> None:
    addresses = [
        value
        for _, name, value in Page(html).attributes
        if name in ("src", "href", "srcset", "action", "data")
    ]
    assert addresses
    assert all(value.startswith("#") for value in addresses)
    assert "url(" not in html
    assert "@import" not in html


def test_the_policy_forbids_everything_but_this_style_and_this_script(html: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    for tag in ("style", "script"):
        [text] = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[1]


def test_there_is_no_inline_style_and_no_inline_handler(html: str) -> None:
    names = {name for _, name, _ in Page(html).attributes}
    assert "style" not in names
    assert not {name for name in names if name.startswith("on")}


def test_every_panel_that_the_log_fills_and_the_tree_are_there(html: str) -> None:
    ids = [value for tag, name, value in Page(html).attributes if tag == "section" and name == "id"]
    assert ids == [*(panel.id for panel in PANELS if not panel.as_list), "tree"]


def test_the_loss_panel_marks_baseline_best_and_onset(html: str) -> None:
    text = Page(_panel(html, "loss")).text
    assert "baseline 2.58" in text
    assert "best 1.890 @ 600" in text
    assert "t* 600" in text


def test_the_clip_line_and_a_threshold_are_drawn_on_the_gradient_norm(html: str, overfit: Run) -> None:
    panel = _panel(html, "grad_norm")
    [bound] = [line for line in overfit.judge.thresholds("grad_norm") if line.label == "5 x clip"]
    assert f"5 x clip {bound.value:.2f}" in Page(panel).text
    assert "clip 1" in Page(panel).text
    assert panel.count('<path class="rule') >= 2


def test_the_loss_axis_has_decades(overfit: Run) -> None:
    records = [header(), *_steps([10 ** (2 - step / 50) for step in range(200)])]
    labels = re.findall(r'<text class="tick"[^>]*>([^<]+)<', _panel(page(run_of(records)), "loss"))
    assert [label for label in labels if label != "step"] == ["0.01", "0.1", "1", "10", "100"]


def test_a_spike_of_one_step_in_eight_thousand_is_drawn_and_read() -> None:
    losses = [2.0] * 8000
    losses[4321] = 900.0
    html = page(run_of([header(), *_steps(losses)]))
    data = _data(html)
    [loss] = [panel for panel in data["panels"] if panel["id"] == "loss"]
    assert max(value for value in loss["lines"][0]["hi"]) == 900
    top = loss["y"][0]
    heights = _heights(_panel(html, "loss"))
    assert min(heights) / 10 < top + 15
    assert max(heights) / 10 > 150


def _data(html: str) -> Any:
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    return json.loads(text)


def _heights(panel: str) -> list[int]:
    """Every y that the first curve goes through, in tenths of a pixel."""
    path = re.search(r'<path class="line c0[^"]*" d="([^"]+)"', panel)
    assert path is not None
    found = []
    for piece in path[1].split("M")[1:]:
        numbers = [int(number) for number in re.findall(r"-?\d+", piece)]
        y = numbers[1]
        found.append(y)
        for dy in numbers[3::2]:
            y += dy
            found.append(y)
    return found


def test_values_that_are_not_finite_are_marked_and_break_the_curve() -> None:
    losses = [2.0] * 50 + [math.nan] * 10 + [2.0] * 40
    panel = _panel(page(run_of([header(), *_steps(losses)])), "loss")
    assert "not finite" in Page(panel).text
    assert len(_pieces(panel)) == 2


def _pieces(panel: str) -> list[str]:
    path = re.search(r'<path class="line c0[^"]*" d="([^"]+)"', panel)
    return [] if path is None else path[1].split("M")[1:]


def test_sparse_validation_losses_are_one_connected_curve(html: str) -> None:
    path = re.search(r'<path class="line c1[^"]*" d="([^"]+)"', _panel(html, "loss"))
    assert path is not None
    assert path[1].count("M") == 1


@pytest.mark.parametrize(
    "records",
    [
        [],
        [header()],
        [{"kind": "header", "format": "1.0"}, *_steps([3.0, 2.0])],
        [header(), *_steps([2.0])],
        [header(), *_steps([math.nan] * 30, grad_norm=math.nan)],
        [header(), *_steps([0.0] * 30)],
        [header(), *_steps([1e308, -1e308, 1e-308], grad_norm=1e308)],
        [header(), {"kind": "evaluation", "step": 0, "val_loss": math.nan}],
        [header(), {"kind": "evaluation", "step": 10, "val_loss": 2.0}],
    ],
    ids=["nothing", "header", "only-loss", "one-step", "only-nan", "zeros", "extremes", "nan-val", "val"],
)
def test_a_poor_log_makes_a_whole_page(records: list[Record]) -> None:
    html = page(run_of(records))
    found = Page(html)
    assert found.unbalanced == []
    assert "nan" not in " ".join(re.findall(r' d="([^"]*)"', html)).lower()
    assert "Every node of the tree" in found.text


def test_a_panel_without_data_is_not_named() -> None:
    html = page(run_of([{"kind": "header", "format": "1.0"}, *_steps([3.0, 2.0])]))
    assert 'id="loss"' in html and 'id="lr"' not in html


def test_what_else_is_logged_is_a_list_with_a_small_chart_a_row() -> None:
    steps = [{"kind": "step", "step": n, "loss": 1.0, "acc": 0.5 + n / 20, "mem<b>": 3.0} for n in range(10)]
    panel = _panel(page(run_of([{"kind": "header", "format": "1.0", "source": "csv"}, *steps])), "metrics")
    assert panel.count('<svg class="small"') == 2
    assert "0.950  best 0.950 @ 9" in Page(panel).text and "mem<b>" in Page(panel).text


def test_a_range_that_is_excused_is_dim_and_no_violation(overfit: Run) -> None:
    figure = Figure("loss", 1, "Loss", tints=(Tint(2.0, 5.0, None),), x_range=(0.0, 9.0))
    assert 'class="tint excused"' in panel_html(PANELS[0], figure)
    assert cursor_data([figure])["violations"] == []


def test_every_node_is_in_the_table_with_its_state(html: str, overfit: Run) -> None:
    table = html[html.index('<table class="nodes">') :]
    rows = re.findall(r'<tr[^>]*id="node-[^"]*">(.*?)</tr>', table, re.S)
    assert len(rows) == len(overfit.judge.verdicts)
    for verdict, row in zip(overfit.judge.verdicts, rows, strict=True):
        words = Page(row).text
        assert words.startswith(verdict.check)
        if verdict.state is State.NOT_MEASURED:
            assert "not measured" in words


def test_what_fires_comes_first_with_its_fix(overfit: Run, html: str) -> None:
    headline = overfit.judge.headline
    assert headline is not None
    text = Page(html).text
    assert text.index(headline.symptom) < text.index("Panels")
    cards = html[html.index('<div class="cards">') : html.index("<details open>")]
    assert headline.fix in Page(cards).text
    assert Page(cards).text.split()[1] == headline.check


def test_many_layers_are_a_heat_strip_of_bounded_size() -> None:
    layers = [f"layer_{index}" for index in range(1000)]
    records = [header(layers=layers)]
    for step in range(40):
        values = [0.1 + (step * index) % 7 for index in range(1000)]
        records.append({"kind": "step", "step": step, "loss": 2.0, "activation": values})
    panel = _panel(page(run_of(records)), "activation")
    assert 'class="chart heat"' in panel
    assert len(panel) < 150_000


def test_checkpoints_and_resumes_of_any_number_stay_small() -> None:
    records = [header(), *_steps([2.0] * 3000)]
    for step in range(3000):
        records.append({"kind": "checkpoint", "step": step, "role": "periodic", "path": f"{step}.pt"})
    records += [{"kind": "resume", "step": 3000} for _ in range(3000)]
    assert len(page(run_of(records))) < 300_000


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_of_a_log_is_text(text: str) -> None:
    changes = {
        "name": text,
        "layers": [text, text + "2"],
        "classes": [text, "b"],
        "device": text,
        "dtype": text,
    }
    config = {**CONFIG, text: text, "nested": {text: [text]}}
    schedule = {"family": text, text: text}
    records = [
        header(**changes, config=config, schedule=schedule, run_id=text),
        *_steps([2.0] * 20, activation=[1.0, 2.0], nonfinite_site=text),
        {"kind": "evaluation", "step": 10, "val_loss": 2.0, "class_loss": [1.0, 2.0]},
        {"kind": "checkpoint", "step": 10, "path": text, "role": text},
        {"kind": "exit", "step": 20, "reason": text, "message": text},
    ]
    html = page(run_of(records, path=text))
    found = Page(html)
    assert found.unbalanced == []
    assert found.tags.count("script") == 2
    assert not {"img", "a:", "iframe", "object"} & set(found.tags)
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", html)
    assert len(html) < 300_000


def test_hostile_names_are_still_readable() -> None:
    html = page(run_of([header(name=HOSTILE["html"]), *_steps([2.0] * 5)]))
    assert HOSTILE["html"] in Page(html).text
