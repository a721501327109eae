"""A step that writes a million lines: what it costs the kernel, the notebook, and in time."""

from __future__ import annotations

import itertools
import json
import statistics
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import psutil

from bench.project import bare_build, in_turn, running_services, write_project
from bench.report import report
from tests.integration.kernels import Kernel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services import Services

LINES = 1_000_000
ROUNDS = 7  # a single build differs by a twentieth from the next
_UNLIMITED = {"BUILDKIT_STEP_LOG_MAX_SIZE": "-1", "BUILDKIT_STEP_LOG_MAX_SPEED": "-1"}
_runs = itertools.count()


def main() -> None:
    """Measure and print."""
    with running_services() as services:
        builder = services.new_buildkitd(environ=_UNLIMITED)
        services.use_context("loglines", builder.address)
        image = f"type=image,name={services.registry.ref('bench/lines:1')}"
        bare: list[float] = []
        cells: list[Cost] = []
        for number in range(ROUNDS + 1):
            for name in in_turn(("bare", "cell"), number):
                if name == "bare":
                    bare.append(bare_build(services, _project(services), image))
                else:
                    cells.append(_in_a_notebook(services, image))
    memory = max(cell.kernel_growth for cell in cells)
    report("million_lines_kernel_growth", memory, "MB", "<50", memory < 50)
    peak = max(cell.driver_peak for cell in cells)
    report("million_lines_driver_peak", peak, "MB", "<80", peak < 80)
    size = max(cell.notebook for cell in cells)
    report("million_lines_notebook", size, "KB", "<200", size < 200)
    # The first pair has also the base image to unpack.
    pairs = list(zip(cells, bare, strict=True))[1:]
    ratio = statistics.median(cell.seconds / alone for cell, alone in pairs)
    report("million_lines_wall", ratio, "ratio", "<=1.05", ratio <= 1.05)


class Cost(NamedTuple):
    """What a build in a cell took: seconds, MB of memory, KB of output."""

    seconds: float
    kernel_growth: float
    driver_peak: float
    notebook: float


def _in_a_notebook(services: Services, image: str) -> Cost:
    project = _project(services)
    with Kernel(services.environ, project) as kernel:
        kernel.run("%load_ext envd_jupyter")
        kernel.run(f"%envd_build --path {services.folder / 'warm'} --dry-run")
        process = psutil.Process(kernel.manager.provisioner.pid)
        before = process.memory_info().rss
        watch = Peaks(process)
        began = time.perf_counter()
        cell = kernel.run(f"%envd_build --force --output {image}", timeout=300)
        spent = time.perf_counter() - began
        watch.end()
        if cell.status != "ok":
            raise RuntimeError(cell.error)
        if not any(step["log_lines"] >= LINES for step in cell.view["steps"]):
            raise RuntimeError("the step's lines did not all arrive")
        growth, peak = (watch.kernel - before) / 1e6, watch.driver / 1e6
        return Cost(spent, growth, peak, len(json.dumps(cell.last)) / 1e3)


class Peaks:
    """Watch the memory of the kernel and of the build's driver."""

    def __init__(self, kernel: psutil.Process) -> None:
        self.kernel = self.driver = 0
        self._process = kernel
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            self.kernel = max(self.kernel, self._process.memory_info().rss)
            for child in self._process.children():
                try:
                    if "envd-jupyter driver" in child.cmdline():
                        self.driver = max(self.driver, child.memory_info().rss)
                except psutil.Error:
                    continue

    def end(self) -> None:
        """Stop watching."""
        self._ended.set()
        self._thread.join()


def _project(services: Services) -> Path:
    """Return a project whose step no builder has run yet."""
    command = f"echo run {next(_runs)}; seq {LINES}"
    return write_project(services, f"lines{next(_runs)}", [f"run(commands=['{command}'])"])


if __name__ == "__main__":
    main()
