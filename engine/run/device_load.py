"""How busy the device of this process is, and how much memory the run holds there."""

from __future__ import annotations

import resource
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

_STATM = Path("/proc/self/statm")
"""Where Linux says how many pages a process has in memory, in its second number."""


class DeviceLoad:
    """Reads what the system counts anyway; nothing waits for the device.

    On cpu the device is the threads that the run may use: a load of 1 is a process that never waits for its
    cores, its data or other ranks. On cuda the load is that of the whole card, by whomever, and needs the
    nvidia-ml-py package. What a system does not tell is absent.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._asked = self._clocks()
        self._sees_card = device.type == "cuda" and find_spec("pynvml") is not None

    def fields(self) -> dict[str, Any]:
        """device_load since the last question, memory_bytes and memory_peak_bytes now."""
        if self._device.type == "cuda":
            return self._of_card()
        if self._device.type == "mps":
            return {"memory_bytes": torch.mps.current_allocated_memory()}
        return self._of_process() if self._device.type == "cpu" else {}

    def _of_card(self) -> dict[str, Any]:
        return self._load_of_card() | {
            "memory_bytes": torch.cuda.memory_allocated(self._device),
            "memory_peak_bytes": torch.cuda.max_memory_allocated(self._device),
        }

    def _load_of_card(self) -> dict[str, float]:
        if not self._sees_card:
            return {}
        try:
            return {"device_load": torch.cuda.utilization(self._device) / 100}
        except Exception:  # the driver's own kind of error: a part of a card, for one, has no load
            self._sees_card = False
            return {}

    def _of_process(self) -> dict[str, Any]:
        before, self._asked = self._asked, self._clocks()
        wall_s, cpu_s = (now - then for now, then in zip(self._asked, before, strict=True))
        load = {"device_load": min(1.0, cpu_s / wall_s / torch.get_num_threads())} if wall_s > 0 else {}
        return load | _memory_of_process()

    @staticmethod
    def _clocks() -> tuple[float, float]:
        """Wall time and CPU time of this process, in seconds."""
        return time.perf_counter(), time.process_time()


def _memory_of_process() -> dict[str, int]:
    """Resident memory now, where there is /proc, and its largest so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if not _STATM.exists():
        return {"memory_peak_bytes": peak}
    now = int(_STATM.read_text().split()[1]) * resource.getpagesize()
    return {"memory_bytes": now, "memory_peak_bytes": max(now, peak)}  # the kernel books the peak late
