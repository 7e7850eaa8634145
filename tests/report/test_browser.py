"""The page in a real headless Chromium: it asks for nothing, and cursor, keyboard, lights and paper work."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flight_recorder.tui.report.artefact import write_artefact
from flight_recorder.tui.report.html import dashboard as html
from tests.report.chromium import Chromium, browser, chromium_path
from tests.report.logs import CONFIG, header, overfit_records, run_of
from tests.report.pages import HOSTILE

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.skipif(chromium_path() is None, reason="NO CHROMIUM: the page was not tried in a browser"),
]

READ = """Object.fromEntries(
    [...document.querySelectorAll('#{} output')].map(output => [output.dataset.name, output.textContent]))"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "dashboard.html"
    write_artefact(path, html.page(run_of(overfit_records(8000))))
    return path


@pytest.fixture
def page(chromium: Chromium, dashboard: Path) -> Chromium:
    chromium.events.clear()
    chromium.prefer("light")
    chromium.open(dashboard)
    return chromium


def _read(page: Chromium, panel: str) -> dict[str, str]:
    values: dict[str, str] = page.value(READ.replace("{}", panel))
    return values


def _place(page: Chromium) -> Any:
    return page.value("document.getElementById('place').textContent")


def test_nothing_is_asked_for_but_the_page_itself(page: Chromium, dashboard: Path) -> None:
    page.press("ArrowRight")
    assert page.requests() == [dashboard.as_uri()]
    assert page.complaints() == []


def test_the_policy_stops_what_would_be_added_to_the_page(page: Chromium, dashboard: Path) -> None:
    page.value(
        "document.body.insertAdjacentHTML('beforeend', '<img src=\"http://127.0.0.1:9/x.png\" "
        'onerror="window.hit=1">\')'
    )
    page.value("new Promise(done => setTimeout(done, 100))")
    assert page.value("window.hit === undefined")
    assert page.complaints()
    sent = [event for event in page.events if event["method"] == "Network.responseReceived"]
    assert [event["params"]["response"]["url"] for event in sent] == [dashboard.as_uri()]


def test_arrows_move_one_cursor_over_all_panels(page: Chromium) -> None:
    page.press("Home")
    assert _place(page) == "newest values"  # Home and End scroll the page until there is a cursor
    page.press("ArrowRight")
    first = _place(page)
    page.press("ArrowRight")
    assert _place(page) != first
    assert page.value("document.querySelectorAll('.cursor path').length") == 7
    page.press("ArrowLeft")
    assert _place(page) == first


def test_home_and_end_go_to_the_first_and_the_last_step(page: Chromium) -> None:
    page.press("ArrowRight")
    page.press("End")
    assert _place(page) == "step 7,999"
    assert _read(page, "loss")["val"] == "3.91"
    page.press("Home")
    assert int(_place(page).removeprefix("step ").replace(",", "")) < 20
    assert float(_read(page, "loss")["train"]) > 5


def test_shift_moves_ten_columns_and_escape_brings_the_newest_values_back(page: Chromium) -> None:
    before = _read(page, "grad_norm")
    page.press("ArrowRight")
    page.press("ArrowRight", shift=True)
    ten = _place(page)
    page.press("Home")
    for _ in range(10):
        page.press("ArrowRight")
    assert _place(page) == ten
    assert _read(page, "grad_norm") != before
    page.press("Escape")
    assert _read(page, "grad_norm") == before
    assert page.value("document.querySelectorAll('.cursor path').length") == 0


def test_n_goes_to_the_next_violation_and_shift_n_back(page: Chromium) -> None:
    firsts = page.value("JSON.parse(document.getElementById('data').textContent).violations")
    assert len(firsts) >= 2
    page.press("n")
    first = _place(page)
    page.press("n")
    assert _place(page) != first
    page.press("N")
    assert _place(page) == first


def test_the_mouse_reads_the_step_under_it_in_every_panel(page: Chromium) -> None:
    box = page.value(
        "(b => [b.x, b.y, b.width, b.height])(document.querySelector('#loss svg').getBoundingClientRect())"
    )
    left, right, width = 50 / 640, 630 / 640, box[2]
    middle = box[0] + width * (left + right) / 2
    page.value("window.scrollTo(0, 0)")
    page.size(1280, 2600)
    page.point(middle, box[1] + box[3] / 2)
    step = int(_place(page).removeprefix("step ").replace(",", ""))
    assert abs(step - 4000) < 25
    assert abs(float(_read(page, "lr")["lr"]) - 0.00168) < 0.00003
    assert abs(float(_read(page, "loss")["val"]) - 3.37) < 0.02


def test_the_cursor_is_spoken_politely(page: Chromium) -> None:
    page.press("ArrowRight")
    page.value("new Promise(done => setTimeout(done, 400))")
    spoken = page.value("document.getElementById('spoken').textContent")
    assert spoken.startswith("step ")
    assert "Loss: train" in spoken
    assert page.value("document.getElementById('spoken').getAttribute('aria-live')") == "polite"


BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def test_the_page_follows_the_system_into_the_dark(page: Chromium) -> None:
    light = page.value(BACKGROUND)
    page.prefer("dark")
    assert page.value(BACKGROUND) != light


def test_the_button_turns_the_light_whatever_the_system_prefers(page: Chromium) -> None:
    light = page.value(BACKGROUND)
    page.value("document.getElementById('theme').click()")
    page.prefer("dark")
    assert page.value(BACKGROUND) == light
    page.prefer("light")
    page.value("document.getElementById('theme').click()")
    assert page.value(BACKGROUND) != light
    page.value("document.getElementById('theme').click()")
    assert page.value(BACKGROUND) == light


@pytest.mark.parametrize("width", [320, 400, 768, 1280, 2200])
def test_no_width_makes_the_page_scroll_sideways(page: Chromium, width: int) -> None:
    page.size(width, 900)
    assert page.value("document.documentElement.scrollWidth") <= width


def test_narrow_screens_show_one_panel_a_row_and_wide_ones_several(page: Chromium) -> None:
    columns = "getComputedStyle(document.querySelector('.panels')).gridTemplateColumns.split(' ').length"
    page.size(400, 900)
    assert page.value(columns) == 1
    page.size(1400, 900)
    assert page.value(columns) == 2


def test_it_prints_in_light_without_what_paper_cannot_do(page: Chromium) -> None:
    light = page.value("getComputedStyle(document.querySelector('.panel')).backgroundColor")
    page.prefer("dark", "print")
    assert page.value("getComputedStyle(document.querySelector('.bar')).display") == "none"
    assert page.value("getComputedStyle(document.querySelector('.panel')).backgroundColor") == light
    pdf = base64.b64decode(page.call("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert pdf.startswith(b"%PDF")


def test_a_panel_can_be_made_full_width(page: Chromium) -> None:
    width = "document.querySelector('#loss').getBoundingClientRect().width"
    before = page.value(width)
    page.value("document.querySelector('#loss .grow').click()")
    assert page.value(width) > 1.8 * before


def test_without_the_script_the_newest_values_are_there(page: Chromium, dashboard: Path) -> None:
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.load(dashboard)
        root = page.call("DOM.getDocument", depth=-1)
        found = page.call("DOM.querySelector", nodeId=root["root"]["nodeId"], selector="#loss output")
        shown = page.call("DOM.getOuterHTML", nodeId=found["nodeId"])["outerHTML"]
        assert 'data-name="train"' in shown
        assert ">0." in shown
    finally:
        page.call("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_does_nothing_in_a_browser(chromium: Chromium, tmp_path: Path, text: str) -> None:
    path = tmp_path / "dashboard.html"
    records = list(overfit_records(300))
    hostile = header(
        name=text, layers=[text, "b", "c", text], classes=[text, "d"], config={**CONFIG, text: text}
    )
    write_artefact(path, html.page(run_of([hostile, *records[1:]], path=text)))
    chromium.events.clear()
    chromium.prefer("light")
    chromium.open(path)
    chromium.press("ArrowRight")
    assert chromium.requests() == [path.as_uri()]
    assert chromium.complaints() == []
    assert chromium.value("document.querySelectorAll('img, iframe, object, b').length") == 0
    assert chromium.value("document.querySelectorAll('script').length") == 2
    assert chromium.value("document.documentElement.scrollWidth") <= 1280


@pytest.mark.parametrize(
    "losses", [[], [2.0], [float("nan")] * 20, [0.0] * 20], ids=["none", "one", "nan", "zero"]
)
def test_poor_logs_have_a_working_page(chromium: Chromium, tmp_path: Path, losses: list[float]) -> None:
    path = tmp_path / "dashboard.html"
    steps = [{"kind": "step", "step": step, "loss": loss} for step, loss in enumerate(losses)]
    write_artefact(path, html.page(run_of([header(), *steps])))
    chromium.events.clear()
    chromium.open(path)
    for key in ("ArrowRight", "End", "n", "Home", "Escape"):
        chromium.press(key)
    assert chromium.complaints() == []
