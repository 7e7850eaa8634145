"""What may have happened to a log: numbers, fields, types, order and bytes changed by a seeded random."""

from __future__ import annotations

import random
import re

_NUMBER = re.compile(rb"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])|(?<!\w)nan(?!\w)")
_STEP = re.compile(
    rb"((?:step|iter(?:ation)?|s|epoch|planned_steps|max_steps|total_steps)\W{1,4})(\d+)", re.IGNORECASE
)
_FIELD = re.compile(rb'"[\w/]+": *[^,{}\[\]]+,? *|,[^,\n{}]*|\| [^|\n]*|[\w/]+[:=] ?\S+ ?')

NUMBERS = [
    b"0", b"-1", b"1", b"-0.0", b"0.5", b"1e308", b"-1e308", b"1e39", b"1e-320", b"1e999", b"-1e999",
    b"9007199254740993", b"9223372036854775808", b"18446744073709551616", b"99999999999999999999",
    b"1" + b"0" * 400, b"1" * 5000, b"nan", b"NaN", b"inf", b"-inf", b"Infinity", b"null", b"",
    b"true", b'"abc"', b"[]", b"[1]", b"{}", b'{"a": 1}', b"1,5", b"1_000", b"0x10", b"1.", b".5", b"--1",
]  # fmt: skip
NAMES = [b"step", b"loss", b"val_loss", b"lr", b"epoch", b"grad_norm", b"time", b"kind", b"train_loss",
         b"layers", b"planned_steps", b"schedule", b"class_loss", b"vocab_size", b"config",
         b"format"]  # fmt: skip
GRAFTS = [
    b"\0" * 40, b"\xff\xfe", b"\r", b"\n\n", b"\x1b[2J", b"[" * 2000, b'"', b"}", b"1e999", b"-0", b"9" * 400,
    b'{"kind":"step","step":3}\n', b'{"kind":"resume","step":2}\n', b'{"kind":"exit","reason":"finished"}\n',
    b'{"kind":"header","format":"1.0","layers":["a","a"],"grad_clip":-1}\n', b"step -1 loss 2.0\n",
    b"  1%| | " + b"1" * 200 + b"/24 [", b"step inf/100 loss: nan\n",
]  # fmt: skip


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The log after up to five changes; now and then after none."""
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 5))):
        data = rng.choice(_CHANGES)(data, rng)
    return data


def _number(data: bytes, rng: random.Random) -> bytes:
    return _replaced(data, rng, _NUMBER, 0)


def _step(data: bytes, rng: random.Random) -> bytes:
    return _replaced(data, rng, _STEP, 2)


def _replaced(data: bytes, rng: random.Random, pattern: re.Pattern[bytes], group: int) -> bytes:
    found = list(pattern.finditer(data))
    if not found:
        return data
    start, end = rng.choice(found).span(group)
    return data[:start] + rng.choice(NUMBERS) + data[end:]


def _column(data: bytes, rng: random.Random) -> bytes:
    """The same value behind the same name in many lines."""
    name, value = rng.choice(NAMES), rng.choice(NUMBERS)
    pattern = re.compile(rb"(\b" + name + rb"\b[\"']?[:= ]+)[-\w.]+")
    return pattern.sub(lambda match: match[1] + value if rng.random() < 0.5 else match[0], data)


def _field(data: bytes, rng: random.Random) -> bytes:
    """A field dropped or doubled."""
    found = list(_FIELD.finditer(data))
    if not found:
        return data
    start, end = rng.choice(found).span()
    return data[:start] + data[start:end] * rng.choice((0, 2)) + data[end:]


def _renamed(data: bytes, rng: random.Random) -> bytes:
    old, new = rng.sample(NAMES, 2)
    return data.replace(old, new, rng.choice((1, 3, -1)))


def _resumed(data: bytes, rng: random.Random) -> bytes:
    """Lines from some way back once more, as a resume writes them."""
    lines = data.splitlines(keepends=True)
    end = rng.randrange(len(lines) + 1)
    start = rng.randrange(end + 1)
    return b"".join(lines[:end] + lines[start:])


def _swapped(data: bytes, rng: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    a, b = rng.randrange(len(lines) or 1), rng.randrange(len(lines) or 1)
    if lines:
        lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines)


def _shuffled(data: bytes, rng: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    rng.shuffle(lines)
    return b"".join(lines)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _hole(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.randrange(300) :]


def _grafted(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    graft = rng.choice(GRAFTS) if rng.random() < 0.7 else rng.randbytes(rng.randrange(1, 30))
    return data[:start] + graft + data[start:]


def _flipped(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    piece = bytes(byte ^ (rng.random() < 0.02) << rng.randrange(8) for byte in data[start : start + 2000])
    return data[:start] + piece + data[start + 2000 :]


_CHANGES = [_number, _number, _number, _step, _step, _column, _field, _renamed, _resumed, _resumed,
            _swapped, _shuffled, _cut, _hole, _grafted, _flipped]  # fmt: skip
