"""What the relay costs: 800 MB of build context to BuildKit, and as much of a result back.

The same ``envd build`` runs against BuildKit directly and through a relay in a process of its own,
in turn and with the same environment; relay and envd are scheduled as a build schedules them. The
figures are the ratio of the throughputs, and the relay's peak memory.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

from bench.project import bare_build, in_turn, running_services, write_project
from bench.report import report
from envd_jupyter.builds.driver.envd_process import envd_environ, schedule_as_batch

if TYPE_CHECKING:
    from tests.services import Services

SIZE = 800 << 20
ROUNDS = 13  # a single build differs by a tenth from the next
GOAL_MB = 80.0

RELAY = """
import asyncio, signal, sys
from pathlib import Path
from envd_jupyter.buildkit.dialers import BuilderAddress
from envd_jupyter.buildkit.relay import Relay
from envd_jupyter.builds.driver.envd_process import schedule_as_batch

class Quiet:
    def __getattr__(self, name):
        return lambda *_: None

async def main():
    schedule_as_batch()
    address, socket = BuilderAddress.parse(sys.argv[1]), Path(sys.argv[2])
    relay = Relay(address, socket, exports=[], observer=Quiet())
    await relay.start()
    print("ready", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await relay.close()
    # Not getrusage: its peak begins with that of the process that started this one.
    peak = next(x for x in open("/proc/self/status") if x.startswith("VmHWM"))
    print(int(peak.split()[1]) / 1024)

asyncio.run(main())
"""


def main() -> None:
    """Measure and print."""
    with running_services() as services:
        _measure(services)


def _measure(services: Services) -> None:
    builder = services.buildkitd()
    project = write_project(services, "context", ['io.copy("data", "/data")'])
    data = project / "data"
    with data.open("wb") as file:
        for _ in range(SIZE >> 20):
            file.write(os.urandom(1 << 20))
    socket = services.folder / "relay.sock"
    relay = subprocess.Popen(
        [sys.executable, "-c", RELAY, builder.address, str(socket)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert relay.stdout is not None
    relay.stdout.readline()
    contexts = {"direct": builder.address, "relay": f"unix://{socket}"}
    image = f"type=image,name={services.registry.ref('bench/context:1')}"
    tar = f"type=tar,dest={services.folder}/out.tar"
    try:
        for name, output in (("context", image), ("tar", tar)):
            ratio = _ratio(services, project, contexts, output, touch=name == "context")
            report(f"relay_{name}_throughput", ratio, "ratio", ">=0.95", ratio >= 0.95)
    finally:
        relay.terminate()
        peak = float(relay.stdout.read().split()[-1])
        relay.wait()
    report("relay_peak_memory", peak, "MB", f"<={GOAL_MB:.0f}", peak <= GOAL_MB)


def _ratio(
    services: Services, project: object, contexts: dict[str, str], output: str, *, touch: bool
) -> float:
    """Return how fast the relay is, relative to no relay (1.0: just as fast)."""
    from pathlib import Path

    folder = Path(str(project))
    environ = envd_environ(services.environ)
    times: dict[str, list[float]] = {name: [] for name in contexts}
    for number in range(ROUNDS + 1):
        for name in in_turn(contexts, number):
            services.use_context(name, contexts[name])
            if touch:  # BuildKit asks for a file again once its time has changed
                os.utime(folder / "data", (number, len(times[name]) + 1000 * len(name)))
            before = schedule_as_batch if name == "relay" else None
            spent = bare_build(services, folder, output, environ, before=before)
            if number:
                times[name].append(spent)
    pairs = zip(times["direct"], times["relay"], strict=True)
    return statistics.median(direct / relay for direct, relay in pairs)


if __name__ == "__main__":
    main()
