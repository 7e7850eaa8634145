"""The callback for Lightning: `Trainer(..., callbacks=[InspectorCallback()])`."""

from flight_recorder.engine.inspector.integrations.lightning import InspectorCallback

__all__ = ["InspectorCallback"]
