"""What was done to the program and what came of it, one line a fault."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault, how often it was injected, and what must be zero after it.

    Attributes:
        num_lost: acknowledged records that are gone, or records of the file that the monitor lacks.
        num_wrong: everything else that is not as promised; `details` says what.
    """

    fault: str
    count: int
    num_lost: int = 0
    num_wrong: int = 0
    remark: str = ""
    details: tuple[str, ...] = ()


def rendered(rows: list[Injected]) -> str:
    """The rows as a Markdown table."""
    lines = ["| fault | times | lost | wrong | remark |", "|---|---:|---:|---:|---|"]
    lines += [
        f"| {row.fault} | {row.count:,} | {row.num_lost} | {row.num_wrong} | {row.remark} |" for row in rows
    ]
    return "\n".join(lines)
