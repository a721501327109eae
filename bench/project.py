"""The services and projects that the benchmarks share."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from typing import TYPE_CHECKING

from tests.services import Services

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["bare_build", "in_turn", "running_services", "write_project"]


@contextlib.contextmanager
def running_services() -> Iterator[Services]:
    """Start services for one benchmark."""
    with Services() as services:
        yield services


def in_turn(names: Collection[str], number: int) -> Iterator[str]:
    """Go through what is compared: now the one first and now the other, with the disk at rest.

    What a build has written would be a burden on the one after it.
    """
    for name in sorted(names, reverse=number % 2 == 1):
        os.sync()
        yield name


def write_project(services: Services, name: str, body: Sequence[str], kind: str = "tiny") -> Path:
    """Write a build.envd whose function has these lines after its base image."""
    folder = services.folder / name
    folder.mkdir(exist_ok=True)
    lines = [f'base(image="{services.base_image(kind=kind)}", dev=False)', *body]
    text = "# syntax=v1\n\n\ndef build():\n" + "".join(f"    {line}\n" for line in lines)
    (folder / "build.envd").write_text(text)
    return folder


def bare_build(
    services: Services,
    project: Path,
    output: str,
    environ: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> float:
    """Run ``envd build`` itself against envd's current context; returns seconds.

    What is to be done ``before`` is done in its process.
    """
    began = time.perf_counter()
    done = subprocess.run(
        [str(services.envd), "build", "--path", str(project), "--force", "--output", output],
        env=environ or services.environ,
        text=True,
        capture_output=True,
        preexec_fn=before,
    )
    spent = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return spent
