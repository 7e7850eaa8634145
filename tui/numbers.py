"""Numbers, steps, durations and shares as text: one way on screen, page and report."""

from __future__ import annotations

import math

UNKNOWN = "unknown"


def number(value: float | None, digits: int = 4, width: int | None = None) -> str:
    """`digits` significant digits: "0.712", "2.431", "1,050", "2.10e-4", "NaN"; "unknown" for None.

    With a `width` as many of them as fit into so many characters, one at least.
    """
    if value is None:
        return UNKNOWN
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if value == 0:
        return "0"
    if width is not None:
        fitting = (shown for fewer in range(digits, 1, -1) if len(shown := number(value, fewer)) <= width)
        return next(fitting, number(value, 1))
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])  # of the rounded value: 9.996 is 10.0
    if -4 < exponent < 6:
        return f"{value:,.{max(0, digits - 1 - exponent)}f}"
    return scientific(value, digits - 1)


def scientific(value: float, decimals: int) -> str:
    """ "2.10e-3": an exponent without the zeros that only fill it up."""
    if not math.isfinite(value):
        return number(value)
    mantissa, exponent = f"{value:.{decimals}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def exact(value: float) -> str:
    """At most six significant digits, none added: a value as the log has it."""
    return f"{value:.6g}" if math.isfinite(value) else number(value)


def count(value: float | None) -> str:
    """A whole number, such as a step, with thousands apart, as long as all of its digits mean something."""
    return f"{value:,.0f}" if value is not None and abs(value) < 1e15 else number(value)


def steps(number_of: float) -> str:
    """So many steps, in words."""
    return f"{count(number_of)} step{'' if number_of == 1 else 's'}"


def duration(seconds: float | None, short: bool = False) -> str:
    """Time in the two units that matter: "8.4 s", "2 min 20 s", "11 h 40 min", "3 d 4 h"; short "2:20"."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return UNKNOWN
    if short and 60 <= seconds < 2 * 86400:
        minutes, rest = divmod(int(seconds), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
    if seconds < 10 and not short:
        return f"{seconds:.1f} s"
    for size, unit, part, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        whole = int(seconds // part) * part
        if whole >= size * (2 if unit == "d" else 1):
            return f"{whole // size:,} {unit} {whole % size // part} {name}"
    return f"{int(seconds)} s"


def percent(fraction: float | None) -> str:
    """A fraction as "83 %", with a decimal below ten unless it is 0."""
    if fraction is None or not math.isfinite(fraction):
        return UNKNOWN
    shown = f"{100 * fraction:.1f}" if abs(fraction) < 0.0995 else f"{100 * fraction:.0f}"
    return f"{shown.removesuffix('.0')} %"


def memory(num_bytes: float) -> str:
    """812 MiB, 11.4 GiB."""
    mebibytes = num_bytes / 2**20
    return f"{mebibytes:.0f} MiB" if mebibytes < 1024 else f"{mebibytes / 1024:.1f} GiB"
