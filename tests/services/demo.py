"""The demo: real services, the quickstart executed on them, and a JupyterLab to try things in.

One supervisor process owns the services and JupyterLab, so that they outlive the command that
started them and end together: ``make demo`` starts it, ``make demo-stop`` ends it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from envd_jupyter import History
from tests.services import Services
from tests.services.lab import QUIET, LabServer
from tests.services.tools import tool_cache

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
START_SECONDS = 1800  # a first start builds buildkitd and the base image
TIMEOUT = "--timeout=900"

log = logging.getLogger("tests.services.demo")  # this module may be __main__


@dataclass(frozen=True)
class Running:
    """What a started demo says of itself, kept in a file for the commands that come later."""

    pid: int
    folder: str
    url: str
    environ: dict[str, str]


def main(argv: list[str] | None = None) -> int:
    """Start the demo, or stop it (``--stop``)."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--stop", action="store_true", help="end a running demo")
    parser.add_argument("--supervise", metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.supervise:
        return supervise(Path(arguments.supervise))
    if arguments.stop:
        return stop()
    return start()


def state_file() -> Path:
    """Return where a running demo is written down."""
    return tool_cache() / "demo.json"


def read_state() -> Running | None:
    """Return the demo that is running, if one is."""
    try:
        running = Running(**json.loads(state_file().read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return running if runs(running.pid) else None


def start() -> int:
    """Start the supervisor, run the quickstart on its services and print what came of it."""
    running = read_state()
    if running is None:
        running = start_supervisor()
        if running is None:
            return 1
    print("Running the quickstart notebook on them ...", flush=True)
    began = time.monotonic()
    if not execute(running):
        print(f"The demo still runs: {running.url}\nEnd it with: make demo-stop")
        return 1
    print(f"\nThe quickstart ran in {time.monotonic() - began:.0f} s. {story(running)}")
    print(f"\nOpen it in a browser:\n\n    {running.url}\n")
    print("  - quickstart.ipynb is what just ran; form.ipynb does the same by clicking")
    print("  - the stack of layers at the left edge opens the builds and the cache settings")
    print("\nEnd the demo with: make demo-stop")
    return 0


def story(running: Running) -> str:
    """Tell what the quickstart built, from the records of its two builds."""
    cached, cold = History(Path(running.environ["ENVD_JUPYTER_DATA_DIR"])).list(limit=2)
    first, second = cold.duration or 0.0, cached.duration or 0.0
    return (
        "It built an image with\nnumpy, pandas and scikit-learn twice, and pushed it:\n\n"
        f"    cold build, on a first builder             {first:6.1f} s\n"
        f"    cached build, on a second, empty builder   {second:6.1f} s   "
        f"{cached.cached} of {cached.total} steps from the cache in the registry\n\n"
        f"    {first / max(second, 0.1):.0f} times faster"
    )


def start_supervisor() -> Running | None:
    """Start the process that owns everything; returns once JupyterLab answers."""
    folder = tool_cache() / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    state_file().unlink(missing_ok=True)
    log = folder / "demo.log"
    print("Starting the services and JupyterLab (the first time takes minutes) ...", flush=True)
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.demo", "--supervise", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    shown = 0
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        shown += show_progress(log, shown)
        if running := read_state():
            return running
        time.sleep(0.3)
    show_progress(log, shown)
    print(f"The demo did not start; its log is {log}", file=sys.stderr)
    process.terminate()
    return None


def show_progress(log: Path, shown: int) -> int:
    """Print the supervisor's own lines after the first `shown`; returns how many."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line[:2] == "- "]
    for line in lines[shown:]:
        print(line, flush=True)
    return len(lines) - shown


def supervise(folder: Path) -> int:
    """Own the services and JupyterLab until told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logging.basicConfig(stream=sys.stdout, format="- %(message)s")
    logging.getLogger("tests.services").setLevel(logging.INFO)
    work = folder / "notebooks"
    shutil.copytree(NOTEBOOKS, work, dirs_exist_ok=True)
    with Services() as services:
        environ = services.notebook_environ()
        log.info("a registry, two builders, an S3 bucket and an Actions cache are up")
        lab = LabServer(services, root=work, environ=environ, settings=QUIET)
        running = Running(os.getpid(), str(work), lab.url("lab/tree/quickstart.ipynb"), environ)
        partial = state_file().with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(asdict(running)))
        partial.replace(state_file())
        try:
            lab.process.wait()
        finally:
            state_file().unlink(missing_ok=True)
    return 0


def execute(running: Running) -> bool:
    """Run the quickstart and save it with its outputs; returns whether it ran."""
    done = subprocess.run(
        [sys.executable, "-m", "jupyter", "execute", "--inplace", "quickstart.ipynb", TIMEOUT],
        cwd=running.folder,
        env=running.environ,
        text=True,
        capture_output=True,
    )
    if done.returncode:
        print(done.stderr[-4000:], file=sys.stderr)
    return done.returncode == 0


def stop() -> int:
    """End a running demo and everything it started."""
    running = read_state()
    if running is None:
        print("No demo is running.")
        return 0
    os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not runs(running.pid):
            print("The demo has ended.")
            return 0
        time.sleep(0.1)
    print(f"The demo does not end; its process is {running.pid}.", file=sys.stderr)
    return 1


def runs(pid: int) -> bool:
    """Return whether there is such a process."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
