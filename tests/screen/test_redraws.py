"""What is drawn and how often: bounded by frames, by what is seen and by what has changed."""

from __future__ import annotations

from textual.pilot import Pilot

from flight_recorder.tui.follow.batch import Pulse
from flight_recorder.tui.screen.runs.frames import FRAMES_PER_S
from flight_recorder.tui.screen.runs.watched_run import BatchArrived
from tests.screen.builders import (
    batch,
    feed,
    header,
    healthy_verdicts,
    monitor,
    play,
    press,
    run_records,
    settle,
    step,
    text_of,
)


def test_each_batch_is_one_message_in_order() -> None:
    seen: list[BatchArrived] = []
    batches = [batch(run_records(10)), *(batch([step(at)]) for at in range(10, 20))]
    app = monitor(*batches, verdicts=healthy_verdicts())

    async def story(pilot: Pilot[int]) -> None:
        assert [message.batch for message in seen] == batches
        assert app.runs.shown.recording.last_step == 19

    def note(message: object) -> None:
        if isinstance(message, BatchArrived):
            seen.append(message)

    play(app, story, message_hook=note)


def test_thousand_batches_are_drawn_at_most_once_a_frame() -> None:
    batches = [batch(run_records(1)), *(batch([step(at)]) for at in range(1, 1000))]
    app = monitor(*batches, verdicts=healthy_verdicts())

    async def story(pilot: Pilot[int]) -> None:
        assert app.runs.watched[0].num_batches == 1000
        assert app.runs.shown.recording.last_step == 999
        elapsed = app.frames.last_at - app.frames.first_at
        assert app.frames.num_drawn <= elapsed * FRAMES_PER_S + 4
        assert app.frames.num_drawn < 1000

    play(app, story)


def test_only_panels_with_something_new_are_made_again() -> None:
    app = monitor(batch(run_records(400)), verdicts=healthy_verdicts())

    async def story(pilot: Pilot[int]) -> None:
        before = dict(app.picture.figures.num_made)
        scalars = ("kind", "step", "time", "loss", "lr", "grad_norm")
        feed(app, batch([{name: step(400)[name] for name in scalars}]))
        while app.runs.shown.recording.last_step != 400:
            await pilot.pause(0.002)
        await settle(pilot)
        made = {panel for panel, count in app.picture.figures.num_made.items() if count > before[panel]}
        assert {"loss", "lr", "grad_norm"} <= made
        assert not made & {"spectral_norm", "class_loss"}

    play(app, story)


def test_nothing_is_made_again_when_nothing_came() -> None:
    app = monitor(batch(run_records(400)), verdicts=healthy_verdicts())

    async def story(pilot: Pilot[int]) -> None:
        made, drawn = dict(app.picture.figures.num_made), dict(app.picture.figures.num_drawn)
        for _ in range(5):
            app.changed()
            await settle(pilot)
        assert (app.picture.figures.num_made, app.picture.figures.num_drawn) == (made, drawn)

    play(app, story)


def test_zoom_draws_its_own_panel_alone() -> None:
    app = monitor(batch(run_records(400)), verdicts=healthy_verdicts())

    async def story(pilot: Pilot[int]) -> None:
        await press(pilot, "3", "enter")
        before = dict(app.picture.figures.num_made)
        feed(app, batch([step(at) for at in range(400, 500)]))
        while app.runs.shown.recording.last_step != 499:
            await pilot.pause(0.002)
        await settle(pilot)
        made = {panel for panel, count in app.picture.figures.num_made.items() if count > before[panel]}
        assert made == {"grad_norm"}

    play(app, story)


def test_terminal_may_be_of_any_size_and_change_it() -> None:
    app = monitor(batch(run_records(100)), verdicts=healthy_verdicts())

    async def story(pilot: Pilot[int]) -> None:
        for width, height in [(220, 50), (1, 1), (80, 24), (30, 14), (100, 50), (3, 40), (400, 3), (220, 50)]:
            await pilot.resize_terminal(width, height)
            await settle(pilot)
        assert "1 Loss" in text_of(app, "loss")

    play(app, story, size=(1, 1))


def test_tiny_terminal_shows_the_status_line_alone() -> None:
    app = monitor(batch(run_records(100)), verdicts=healthy_verdicts())

    async def story(pilot: Pilot[int]) -> None:
        assert "19-overfit" in text_of(app, "status")
        assert app.picture.figures.num_made == {}

    play(app, story, size=(60, 5))


def test_replaced_log_starts_the_screen_anew() -> None:
    again = batch([header(name="second try"), step(0)], restarted=True)
    app = monitor(batch(run_records(100)), again)

    async def story(pilot: Pilot[int]) -> None:
        assert "second try" in text_of(app, "status")
        assert "step 1 / 800" in text_of(app, "status")

    play(app, story)


def test_waiting_screen_names_the_path() -> None:
    async def story(pilot: Pilot[int]) -> None:
        assert "waiting for runs/19-overfit" in text_of(app, "status")
        assert "Nothing recorded yet." in text_of(app, "loss")

    app = monitor()
    play(app, story)


def test_header_alone_is_a_run_without_curves() -> None:
    async def story(pilot: Pilot[int]) -> None:
        assert "19-overfit" in text_of(app, "status")
        assert "Nothing recorded yet." in text_of(app, "class_loss")

    app = monitor(batch([header()], Pulse.LIVE))
    play(app, story)


def test_log_with_only_loss_says_what_the_other_panels_lack() -> None:
    records = [{"kind": "step", "step": at, "loss": 3.0 - at / 100} for at in range(50)]

    async def story(pilot: Pilot[int]) -> None:
        assert "This log has no activations." in text_of(app, "activation")
        assert "train 2.51" in text_of(app, "loss")

    app = monitor(batch(records))
    play(app, story)


def test_loss_of_nan_from_the_first_step_is_shown_as_nan() -> None:
    records = [header(), *(step(at, loss=float("nan"), grad_norm=float("nan")) for at in range(50))]

    async def story(pilot: Pilot[int]) -> None:
        assert "train NaN" in text_of(app, "status")
        assert "×" in text_of(app, "loss")

    app = monitor(batch(records))
    play(app, story)


def test_thousand_layers_are_a_heat_strip() -> None:
    layers = [f"block_{at}_out" for at in range(1000)]
    records = [header(layers=layers), *(step(at, activation=[1.0] * 1000) for at in range(3))]

    async def story(pilot: Pilot[int]) -> None:
        assert "block_" in text_of(app, "activation")

    app = monitor(batch(records))
    play(app, story)
