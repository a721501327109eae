"""How long BuildKit's progress takes to the cell.

A step prints a number many times a second. A second relay between the build's own and BuildKit
notes when each number passes in a status message; a front end notes when an update of the display
shows it. The figures are the 99th percentile of the difference, and the updates a second.
"""

from __future__ import annotations

import asyncio
import base64
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from bench.project import running_services, write_project
from bench.report import report
from envd_jupyter.buildkit.dialers import BuilderAddress
from envd_jupyter.buildkit.relay import Relay
from tests.integration.kernels import Kernel

if TYPE_CHECKING:
    from pathlib import Path

LINES = 400
PAUSE = 0.04
NUMBER = re.compile(r"tick (\d+)")


class Clock:
    """An observer that notes when a number is first seen."""

    def __init__(self) -> None:
        self.passed: dict[int, float] = {}

    def status(self, ref: str, event: dict[str, Any]) -> None:
        """Note the numbers in a status message."""
        now = time.monotonic()
        for log in event.get("logs", ()):
            for found in NUMBER.findall(base64.b64decode(log["data"]).decode()):
                self.passed.setdefault(int(found), now)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def main() -> None:
    """Measure and print."""
    with running_services() as services:
        builder = services.buildkitd()
        command = f"for i in $(seq {LINES}); do echo tick $i; sleep {PAUSE}; done"
        project = write_project(services, "ticks", [f"run(commands=['{command}'])"])
        socket = services.folder / "clock.sock"
        clock = Clock()
        _relay_in_thread(builder.address, socket, clock)
        shown: dict[int, float] = {}

        def look(bundle: dict[str, Any]) -> None:
            now = time.monotonic()
            for step in bundle["application/vnd.envd.build+json"]["steps"]:
                for line in step["log_tail"]:
                    for found in NUMBER.findall(line):
                        shown.setdefault(int(found), now)

        image = services.registry.ref("bench/ticks:1")
        with Kernel(services.environ, project) as kernel:
            kernel.run("%load_ext envd_jupyter")
            cell = kernel.run(
                f"%envd_build --builder unix://{socket} --force --output type=image,name={image}",
                on_display=look,
            )
    if cell.status != "ok":
        raise RuntimeError(cell.error)
    delays = sorted(1000 * (shown[n] - clock.passed[n]) for n in shown if n in clock.passed)
    p99 = delays[min(len(delays) - 1, int(len(delays) * 0.99))]
    report("status_to_display_p99", p99, "ms", "<=100", p99 <= 100)
    seen = len(delays) / LINES
    report("status_lines_shown", seen, "ratio", ">=0.9", seen >= 0.9)
    span = cell.times[-1] - cell.times[0]
    rate = (len(cell.times) - 1) / span
    report("display_updates_a_second", rate, "1/s", "<=10", rate <= 10.0)


def _relay_in_thread(address: str, socket: Path, clock: Clock) -> None:
    ready = threading.Event()

    async def serve() -> None:
        relay = Relay(BuilderAddress.parse(address), socket, observer=clock)
        await relay.start()
        ready.set()
        await asyncio.Event().wait()

    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
    ready.wait()


if __name__ == "__main__":
    main()
