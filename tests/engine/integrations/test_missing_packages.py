from __future__ import annotations

import builtins
import importlib
import sys
from typing import Any

import pytest


@pytest.mark.torch
@pytest.mark.parametrize("name", ["huggingface", "lightning"])
def test_a_callback_without_its_package_names_the_extra_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_import = builtins.__import__

    def import_without(module: str, *rest: Any, **more: Any) -> Any:
        if module.partition(".")[0] in ("transformers", "lightning", "pytorch_lightning"):
            raise ImportError(module)
        return real_import(module, *rest, **more)

    monkeypatch.delitem(sys.modules, f"flight_recorder.engine.inspector.integrations.{name}", raising=False)
    monkeypatch.setattr(builtins, "__import__", import_without)
    with pytest.raises(ImportError, match=rf"pip install 'training-flight-recorder\[{name}\]'"):
        importlib.import_module(f"flight_recorder.engine.inspector.integrations.{name}")
