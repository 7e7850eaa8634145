"""The log of a number: the same one for the same seed, whatever came before it."""

from __future__ import annotations

import random
from functools import cache

from scripts.fuzzing.forms import Form, forms
from scripts.fuzzing.mutations import mutated


@cache
def _forms() -> list[tuple[str, Form]]:
    return sorted(forms().items())


def log(seed: int, number: int) -> tuple[str, bytes]:
    """Name of its form, and its bytes. Any few dozen numbers in a row have every form."""
    rng = random.Random(f"{seed} {number}")
    name, write = _forms()[number % len(_forms())]
    return name, mutated(write(rng), rng)
