"""What the integration tests share: building as a caller does, and looking for what is left."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envd_jupyter.builds.client import Build, start_build
from envd_jupyter.builds.request import BuildRequest
from envd_jupyter.cache.entry import parse_cache_entry
from tests.compatibility.recording import builder_seen, is_recording

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envd_jupyter.builds.result import BuildResult
    from tests.services import Buildkitd, Services
    from tests.services.gha import ActionsCache

RANDOM = "head -c 3000 /dev/urandom | base64 > /random"


class Builds:
    """Starts builds on real services with short words."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.environ = services.environ
        self.seen: set[str] = set()
        self._count = 0

    def image(self) -> str:
        """Return a reference nobody has used."""
        self._count += 1
        return self.services.registry.ref(f"t{os.getpid()}/{id(self)}-{self._count}:1")

    def request(
        self,
        project: Path,
        builder: Buildkitd | str,
        exports: tuple[str, ...] | list[str] = (),
        imports: tuple[str, ...] | list[str] = (),
        **more: Any,
    ) -> BuildRequest:
        more.setdefault("output", f"type=image,name={self.image()},push=true")
        more.setdefault("force", True)
        address = builder if isinstance(builder, str) else builder.address
        if is_recording() and (label := builder_seen(address)):
            self.seen.add(label)
        return BuildRequest(
            project=project,
            builder=address,
            exports=tuple(parse_cache_entry(text, "export") for text in exports),
            imports=tuple(parse_cache_entry(text, "import") for text in imports),
            **more,
        )

    def run(self, *arguments: Any, **more: Any) -> BuildResult:
        """Build to the end."""
        request = self.request(*arguments, **more)

        async def build() -> BuildResult:
            return await (await start_build(request, environ=self.environ)).wait()

        return asyncio.run(build())

    def start(self, *arguments: Any, **more: Any) -> Build:
        """Start a build and return its handle."""
        request = self.request(*arguments, **more)
        return asyncio.run(start_build(request, environ=self.environ))


@pytest.fixture
def builds(services: Services) -> Builds:
    """Start builds."""
    return Builds(services)


@pytest.fixture
def empty_builder(services: Services) -> Callable[[], Buildkitd]:
    """Return a builder that knows nothing; the same one, emptied, each time."""

    def empty() -> Buildkitd:
        builder = services.second_builder()
        builder.restart_empty()
        assert builder.buildctl("du").split()[-2:] == ["Total:", "0B"]
        return builder

    return empty


@pytest.fixture
def actions(services: Services) -> ActionsCache:
    """Return a GitHub Actions cache service of this test's own."""
    return services.actions_cache()


def states(caches: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what became of each cache."""
    return [cache["state"] for cache in caches]


def reused(
    builds: Builds, folder: Path, builder: Buildkitd | str, imports: list[str], **more: Any
) -> tuple[int, int]:
    """Build with imports; returns how many steps came from a cache, and how many there are."""
    result = builds.run(folder, builder, [], imports, **more)
    assert result.ok, result.message
    return result.cached, result.total


def processes_with(text: str) -> list[str]:
    """Return the command lines of processes with a text in them or in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        if folder.name == str(os.getpid()):
            continue
        try:
            command = (folder / "cmdline").read_bytes()
            environ = (folder / "environ").read_bytes()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z" and text.encode() in command + environ:
            found.append(command.replace(b"\0", b" ").decode("utf-8", "replace"))
    return found
