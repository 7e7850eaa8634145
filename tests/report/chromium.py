"""A real headless Chromium, driven over its debugging pipe with the standard library alone.

Messages are JSON ended by a zero byte, on file descriptors 3 (to the browser) and 4 (from it).
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TIMEOUT_S = 60.0

Message = dict[str, Any]


def chromium_path() -> str | None:
    """The browser on this machine, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Chromium:
    """One browser with one page.

    Attributes:
        events: every event that the page has reported so far, in order.
    """

    def __init__(self, profile: Path) -> None:
        self.events: list[Message] = []
        self._rest = b""
        self._next_id = 0
        binary = chromium_path()
        assert binary is not None
        to_browser, self._commands = os.pipe()
        self._answers, from_browser = os.pipe()
        self._process = subprocess.Popen(
            [binary, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--remote-debugging-pipe", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(3, 4), preexec_fn=lambda: _as_3_and_4(to_browser, from_browser),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        targets = self._call("Target.getTargets", {})["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        attached = self._call("Target.attachToTarget", {"targetId": page["targetId"], "flatten": True})
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Chromium:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        os.close(self._commands)
        os.close(self._answers)

    def call(self, method: str, **parameters: Any) -> Message:
        """What the page answers to this command of the protocol."""
        return self._call(method, parameters, self._session)

    def open(self, page: Path, width: int = 1280, height: int = 900) -> None:
        """The page is loaded and drawn."""
        self.size(width, height)
        self.load(page)
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def load(self, page: Path) -> None:
        """The page is loaded; nothing was run in it."""
        before = len(self.events)
        self.call("Page.navigate", url=page.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events[before:]):
            self._read()

    def size(self, width: int, height: int) -> None:
        """The window has this many pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; promises are waited for."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, key: str, shift: bool = False) -> None:
        """The key was pressed and released, and the page has been drawn after it."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, modifiers=8 if shift else 0)
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def point(self, x: float, y: float) -> None:
        """The mouse stands there, and the page has been drawn after it."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def prefer(self, scheme: str, media: str = "screen") -> None:
        """The page is shown as on a system that prefers this colour scheme, on this medium."""
        self.call(
            "Emulation.setEmulatedMedia",
            media=media, features=[{"name": "prefers-color-scheme", "value": scheme}],
        )  # fmt: skip

    def requests(self) -> list[str]:
        """Every address that was asked for."""
        sent = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def complaints(self) -> list[str]:
        """What the page has thrown and what the browser has refused it."""
        found = [
            event["params"]["entry"]["text"] for event in self.events if event["method"] == "Log.entryAdded"
        ]
        return found + [
            str(event["params"]["exceptionDetails"])
            for event in self.events
            if event["method"] == "Runtime.exceptionThrown"
        ]

    def _call(self, method: str, parameters: Message, session: str | None = None) -> Message:
        self._next_id += 1
        message: Message = {"id": self._next_id, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            for answer in self._read():
                if answer.get("id") == self._next_id:
                    assert "error" not in answer, answer
                    result: Message = answer["result"]
                    return result

    def _read(self) -> list[Message]:
        """The next messages, events noted."""
        deadline = time.monotonic() + TIMEOUT_S
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            data = os.read(self._answers, 2**20)
            assert data, "the browser has gone"
            self._rest += data
        *whole, self._rest = self._rest.split(b"\0")
        messages = [json.loads(message) for message in whole]
        self.events += [message for message in messages if "method" in message]
        return messages


def _as_3_and_4(to_browser: int, from_browser: int) -> None:
    """In the child: the two pipes under the numbers at which the browser looks for them."""
    spare = os.dup(from_browser)
    os.dup2(to_browser, 3)
    os.dup2(spare, 4)


@contextmanager
def browser(profile: Path) -> Iterator[Chromium]:
    """A browser that is closed at the end whatever happens."""
    with Chromium(profile) as running:
        yield running
