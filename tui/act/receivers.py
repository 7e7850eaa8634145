"""Where messages go: a webhook, a command, or any of the services that Apprise knows."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flight_recorder.version import __version__

Receiver = Callable[[dict[str, Any]], None]
"""Takes a message as JSON would write it, or raises NotTaken."""

TIMEOUT_S = 20.0


class NotTaken(Exception):
    """The receiver did not take the message; it is tried again later."""


class NoSuchReceiver(ValueError):
    """What --notify names is no receiver; the message is a sentence for the user."""


def receiver(url: str) -> Receiver:
    """The receiver that an argument of --notify names.

    `env:NAME` and `file:PATH` stand for a URL that is kept there, since a URL often holds a secret.

    Raises:
        NoSuchReceiver: there is none, or it needs an extra that is not installed.
    """
    if url.startswith("env:"):
        return receiver(_of_environment(url.removeprefix("env:")))
    if url.startswith("file:"):
        return receiver(_of_file(Path(url.removeprefix("file:"))))
    if url.startswith("exec:"):
        return _command(url.removeprefix("exec:"))
    scheme = urlsplit(url).scheme
    if scheme in ("http", "https"):
        return _webhook(url)
    if not scheme:
        raise NoSuchReceiver(f"--notify takes a URL, exec:COMMAND, env:NAME or file:PATH, and got {url!r}.")
    return _by_apprise(url)


def _of_environment(name: str) -> str:
    if not os.environ.get(name):
        raise NoSuchReceiver(f"--notify env:{name}: there is no environment variable of that name.")
    return os.environ[name]


def _of_file(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NoSuchReceiver(f"--notify file:{path} cannot be read: {error}.") from None


def _webhook(url: str) -> Receiver:
    def send(message: dict[str, Any]) -> None:
        request = urllib.request.Request(
            url,
            json.dumps(message).encode(),
            {
                "Content-Type": "application/json",
                "Idempotency-Key": message["id"],
                "User-Agent": f"training-flight-recorder/{__version__}",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S):
                pass
        except (OSError, ValueError) as error:  # URLError and time-outs are OSErrors
            raise NotTaken(str(error)) from None

    return send


def _command(command: str) -> Receiver:
    """The message on standard input as JSON, and its first words in the environment."""

    def send(message: dict[str, Any]) -> None:
        words = {
            f"TUI_{name.upper()}": str(message[name]) for name in ("level", "run", "path", "title", "id")
        }
        try:
            subprocess.run(
                command,
                shell=True,
                check=True,
                timeout=TIMEOUT_S,
                input=json.dumps(message).encode(),
                env=os.environ | words,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise NotTaken(str(error)) from None

    return send


def _by_apprise(url: str) -> Receiver:
    try:
        import apprise
    except ImportError:
        raise NoSuchReceiver(
            f"{urlsplit(url).scheme}:// needs the extra `notify`: "
            "pip install 'training-flight-recorder[notify]'."
        ) from None
    service = apprise.Apprise.instantiate(url)
    if service is None:
        raise NoSuchReceiver(
            f"Apprise knows no service at {urlsplit(url).scheme}://...; see its list of URLs."
        )

    def send(message: dict[str, Any]) -> None:
        if not service.send(body=message["body"], title=message["title"]):
            raise NotTaken(f"{urlsplit(url).scheme} did not take it")

    return send
