"""Fixtures that every kind of test shares: the real services, started once a session."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.compatibility.recording import (
    pytest_collection_finish,
    pytest_runtest_makereport,
    pytest_sessionfinish,
)
from tests.services import OLD_BUILDKIT, Services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.services import Buildkitd, Registry


# A shell that starts the tests in the background has SIGINT ignored, and every process they start
# would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

__all__ = ["pytest_collection_finish", "pytest_runtest_makereport", "pytest_sessionfinish"]


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """The services of this run; none is started before a test asks for it."""
    # SIGTERM ends the run as Ctrl-C does, so that the services are stopped.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Services() as running:
        yield running
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def registry(services: Services) -> Registry:
    """The shared registry."""
    return services.registry


@pytest.fixture
def buildkitd(services: Services, request: pytest.FixtureRequest) -> Buildkitd:
    """The shared builder; parametrize it indirectly with a version for another one."""
    return services.buildkitd(getattr(request, "param", OLD_BUILDKIT))


@pytest.fixture
def base_image(services: Services) -> str:
    """The reference of the small base image."""
    return services.base_image(kind="tiny")


@pytest.fixture
def project(tmp_path: Path, base_image: str, services: Services) -> Callable[..., Path]:
    """Write a project; its commands are steps, ``random`` bytes prove where a step came from."""

    def write(
        *commands: str,
        packages: tuple[str, ...] = (),
        name: str = "proj",
        base: str | None = None,
    ) -> Path:
        if base is None:
            base = services.base_image() if packages else base_image
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        lines = [f'    run(commands=["{command}"])' for command in commands]
        if packages:
            lines.append(f"    install.python_packages(name={list(packages)})")
        body = "\n".join([f'    base(image="{base}", dev=False)', *lines])
        (folder / "build.envd").write_text(f"# syntax=v1\n\ndef build():\n{body}\n")
        return folder

    return write


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep credentials and settings of the machine out of every test."""
    for name in [*os.environ]:
        if (
            name.startswith(("AWS_", "ACTIONS_", "DOCKER_HOST", "ENVD_"))
            and name != "AWS_CA_BUNDLE"
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ENVD_ANALYTICS", "false")
