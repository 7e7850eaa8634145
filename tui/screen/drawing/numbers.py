"""Numbers as the screen writes them: short, and in the same form at the same size."""

from __future__ import annotations

import math


def number(value: float) -> str:
    """About three significant digits: 0.712, 2.431, 57, 3.00e-3."""
    if not math.isfinite(value):
        return "NaN" if value != value else ("∞" if value > 0 else "-∞")
    size = abs(value)
    if size == 0:
        return "0"
    if size < 0.01 or size >= 1e6:
        return f"{value:.2e}".replace("e-0", "e-").replace("e+0", "e")
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.3f}"


def exact_number(value: float) -> str:
    """Six significant digits, for the read-out."""
    return number(value) if not math.isfinite(value) else f"{value:.6g}"


def step_text(step: int | float | None) -> str:
    """A step with thousands apart."""
    return "" if step is None else f"{step:,.0f}"


def steps_text(count: int) -> str:
    """A number of steps in words."""
    return "1 step" if count == 1 else f"{count:,} steps"


def duration(seconds: float) -> str:
    """45 s, 1:20, 2:03:20, 3 d 4 h."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}:{minutes:02d}:{rest:02d}"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def bytes_text(num_bytes: float) -> str:
    """812 MiB, 11.4 GiB."""
    mebibytes = num_bytes / 2**20
    return f"{mebibytes:.0f} MiB" if mebibytes < 1024 else f"{mebibytes / 1024:.1f} GiB"
