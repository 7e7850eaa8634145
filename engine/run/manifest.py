"""manifest.json: what somebody needs to know to get the same numbers again."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from flight_recorder.engine.run.build import Loop
from flight_recorder.engine.run.header import describe_device
from flight_recorder.engine.runlog.atomic_file import write_atomically

PACKAGES = ("training-flight-recorder", "torch", "numpy", "pydantic", "orjson")


def manifest(loop: Loop) -> dict[str, Any]:
    """Seed, versions, config, commit, data, hardware and command of a run that starts now."""
    return {
        "seed": loop.config.seed,
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "started": now(),
        "ended": None,
        "outcome": None,
        "resumed": [],
        "config": loop.config.model_dump(mode="json"),
        "data_sha256": loop.corpus.content_hash(),
        "commit": git_commit(Path(__file__).parent),
        "versions": {"python": platform.python_version(), **_versions()},
        "hardware": hardware(loop.device),
        "threads": torch.get_num_threads(),
        "flush_denormal": True,
        "world_size": loop.world.size,
    }


def write_manifest(path: Path, content: dict[str, Any]) -> None:
    """The file is replaced as a whole. Raises OSError if it cannot be written."""
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())


def now() -> str:
    """This second in UTC, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def git_commit(folder: Path) -> str | None:
    """Commit of the engine's own checkout, with `-dirty` for uncommitted changes; None outside of git."""
    try:
        call = ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
        return subprocess.run(call, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _versions() -> dict[str, str]:
    installed = {}
    for package in PACKAGES:
        try:
            installed[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return installed


def hardware(device: torch.device) -> dict[str, Any]:
    """Machine, processor, cores, memory and the device that computes."""
    return {
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "device": describe_device(device),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
