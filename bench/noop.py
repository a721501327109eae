"""What ``%envd_build`` adds to ``envd build`` when nothing has to be done.

Every step is cached, the builder is a BuildKit on a socket and then a Docker Engine. The cell runs
in a real kernel and is timed from outside it, each time right after a bare build; the figure is the
median of the differences.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import TYPE_CHECKING

from bench.project import bare_build, running_services, write_project
from bench.report import report
from tests.integration.kernels import Kernel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.services import Services

ROUNDS = 15
GOAL = 0.15


def main() -> None:
    """Measure and print."""
    with running_services() as services:
        project = write_project(services, "noop", ["run(commands=['echo 1 > /one'])"])
        image = services.registry.ref("bench/noop:1")
        services.use_context("noop", services.buildkitd().address)
        _compare(services, project, "unix", f"type=image,name={image},push=true", {})
        engine = services.docker()
        services.use_docker()
        _compare(services, project, "docker", "type=image,name=bench/noop:1", engine.environ)


def _compare(
    services: Services, project: Path, name: str, output: str, more: Mapping[str, str]
) -> None:
    environ = services.environ | more
    line = f"%envd_build --path {project} --force --output {output}"
    added = []
    os.sync()  # what the benchmark before has written is none of this one's business
    with Kernel(environ, project) as kernel:
        kernel.run("%load_ext envd_jupyter")
        for number in range(ROUNDS + 1):
            alone = bare_build(services, project, output, environ)
            began = time.perf_counter()
            cell = kernel.run(line)
            spent = time.perf_counter() - began
            if cell.status != "ok":
                raise RuntimeError(cell.error)
            if number:
                added.append(spent - alone)
    median = statistics.median(added)
    report(f"noop_{name}_added", median, "s", f"<={GOAL}", median <= GOAL)


if __name__ == "__main__":
    main()
