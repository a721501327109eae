"""Asking the builder what it can do, before a build that depends on it is started.

The answer is a matter of the builder's version, so it is asked of the builder and remembered for a
while: a warm rebuild should not pay for it each time.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from envd_jupyter.builds.folder import data_dir
from envd_jupyter.builds.request import check_caches
from envd_jupyter.cache.check import BuilderFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envd_jupyter.buildkit.dialers import BuilderAddress
    from envd_jupyter.builds.request import PreparedBuild

__all__ = ["ask_builder", "builder_facts", "check_builder"]

_REMEMBERED = 300.0  # seconds
_CONTAINERD_LABEL = "containerd"
_SNAPSHOTTER = "org.mobyproject.buildkit.worker.snapshotter"
_MOBY = "org.mobyproject.buildkit.worker.moby."


class _Known(TypedDict):
    kind: str
    version: str | None
    time: float


async def check_builder(prepared: PreparedBuild, environ: Mapping[str, str]) -> PreparedBuild:
    """Check a build's caches against what its builder can do.

    Raises
    ------
    BuilderUnreachable
        If the builder does not answer.
    CacheSettingError
        If it cannot do what is asked, with the reason and the remedy.
    """
    return check_caches(prepared, await builder_facts(prepared.builder, environ), environ)


async def builder_facts(url: str, environ: Mapping[str, str]) -> BuilderFacts:
    """Return what is known of a builder, asked of it unless that was done in the last minutes.

    Raises
    ------
    BuilderUnreachable
        If it does not answer.
    """
    from envd_jupyter.buildkit.dialers import BuilderAddress

    address = BuilderAddress.parse(url)
    memory = data_dir(environ) / "builders.json"
    key = f"{url} {_incarnation(address, environ)}"
    known = _recall(memory)
    entry = known.get(key)
    if entry is not None and 0 <= time.time() - entry["time"] < _REMEMBERED:
        return BuilderFacts(entry["kind"], entry["version"])
    facts = await ask_builder(address)
    fresh = {k: v for k, v in known.items() if time.time() - v["time"] < _REMEMBERED}
    fresh[key] = {"kind": facts.kind, "version": facts.version, "time": time.time()}
    _remember(memory, fresh)
    return facts


async def ask_builder(address: BuilderAddress) -> BuilderFacts:
    """Ask a builder for its version and its kind.

    Raises
    ------
    BuilderUnreachable
        If it does not answer.
    """
    from envd_jupyter.buildkit.control import list_workers

    workers = await list_workers(address)
    labels = workers[0].labels if workers else {}
    version = workers[0].version if workers else None
    if not address.is_docker:
        return BuilderFacts("buildkit", version)
    # Only an Engine with the containerd image store has a worker with a snapshotter of its own.
    containerd = _SNAPSHOTTER in labels or any(_CONTAINERD_LABEL in key for key in labels)
    return BuilderFacts("docker-containerd" if containerd else "docker", version)


def _incarnation(address: BuilderAddress, environ: Mapping[str, str]) -> str:
    """Tell a builder from a later one at the same address, where a socket shows it."""
    path = address.target
    if address.kind == "docker":
        path = environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    with suppress(OSError):
        found = Path(path).stat()
        return f"{found.st_ino}.{found.st_ctime_ns}"
    return ""


def _recall(memory: Path) -> dict[str, _Known]:
    with suppress(OSError, ValueError, TypeError, KeyError):
        known = json.loads(memory.read_text())
        return {
            str(key): {"kind": v["kind"], "version": v["version"], "time": float(v["time"])}
            for key, v in known.items()
        }
    return {}


def _remember(memory: Path, known: Mapping[str, _Known]) -> None:
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        partial = memory.with_suffix(f".{time.monotonic_ns()}.partial")
        partial.write_text(json.dumps(known))
        partial.replace(memory)
