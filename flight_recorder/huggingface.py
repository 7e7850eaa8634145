"""The callback for the Hugging Face Trainer: `Trainer(..., callbacks=[InspectorCallback()])`."""

from flight_recorder.engine.inspector.integrations.huggingface import InspectorCallback

__all__ = ["InspectorCallback"]
