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

from engine.checkpoint import write_atomically
from engine.config import Config
from engine.corpus import Corpus
from engine.distributed import World
from engine.recording import describe_device

NAME = "manifest.json"
PACKAGES = ("training-flight-recorder", "torch", "numpy", "pydantic", "orjson")


def manifest(config: Config, corpus: Corpus, device: torch.device, world: World) -> dict[str, Any]:
    """Seed, versions, config, commit, data, hardware and command of a run that starts now."""
    return {
        "seed": config.seed,
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "started": now(),
        "ended": None,
        "outcome": None,
        "resumed": [],
        "config": config.model_dump(mode="json"),
        "data_sha256": corpus.content_hash(),
        "commit": git_commit(Path(__file__).parent),
        "versions": {"python": platform.python_version(), **_versions()},
        "hardware": hardware(device),
        "threads": torch.get_num_threads(),
        "flush_denormal": True,
        "world_size": world.size,
    }


def write_manifest(run_dir: Path, content: dict[str, Any]) -> None:
    """manifest.json is replaced as a whole. Raises OSError if it cannot be written."""
    write_atomically(run_dir / NAME, (json.dumps(content, indent=2) + "\n").encode())


def read_manifest(run_dir: Path) -> dict[str, Any]:
    """The manifest of an earlier start; empty where there is none or it is damaged."""
    try:
        content: dict[str, Any] = json.loads((run_dir / NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    return content


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
