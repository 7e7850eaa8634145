"""Numbers as they stand on a panel: short, with as many digits as can be told apart there."""

from __future__ import annotations

import math


def short(value: float, digits: int = 3) -> str:
    """About `digits` significant digits: "0.712", "2.43", "1,050", "2.10e-3", "NaN"."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if -3 < magnitude < 6:
        return f"{value:,.{max(0, digits - 1 - magnitude)}f}" if magnitude >= 0 else f"{value:.{digits}f}"
    return scientific(value, digits - 1)


def scientific(value: float, decimals: int) -> str:
    """ "2.10e-3": an exponent without the zeros that only fill it up."""
    if not math.isfinite(value):
        return short(value)
    mantissa, exponent = f"{value:.{decimals}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def count(value: float) -> str:
    """A whole number with thousands separated, as long as all of its digits mean something."""
    return f"{value:,.0f}" if abs(value) < 1e15 else short(value)
