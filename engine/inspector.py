"""The library face of the recorder: Instruments measure, an Inspector writes the log as well."""

from __future__ import annotations

from engine.probes.instruments import NEVER, Cadence, Instruments

__all__ = ["NEVER", "Cadence", "Instruments"]
