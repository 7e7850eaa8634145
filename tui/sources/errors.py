"""What a user is told when a log cannot be read."""

from __future__ import annotations


class CannotRead(Exception):
    """Nothing can be read from here. The message is one sentence for the user: what is wrong, what to do."""
