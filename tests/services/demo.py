"""The demo: real services, the quickstart executed on them, and a JupyterLab to try things in.

One supervisor process owns the services and JupyterLab, so that they outlive the command that
started them and end together: ``make demo`` starts it, ``make demo-stop`` ends it.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.services import Services
from tests.services.tools import tool_cache

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
START_SECONDS = 1800  # a first start builds buildkitd and the base image
TIMEOUT = "--timeout=900"


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
    print("Running the quickstart notebook ...", flush=True)
    began = time.monotonic()
    notebook = execute(running)
    if notebook is None:
        print(f"The demo still runs: {running.url}\nEnd it with: make demo-stop")
        return 1
    print(f"\nThe quickstart ran in {time.monotonic() - began:.0f} s:\n")
    for line in printed_lines(notebook):
        print(f"    {line}")
    print(f"\nOpen it, and try the form and the panel:\n\n    {running.url}\n")
    print("End the demo with: make demo-stop")
    return 0


def start_supervisor() -> Running | None:
    """Start the process that owns everything; returns once JupyterLab answers."""
    folder = tool_cache() / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    state_file().unlink(missing_ok=True)
    log = folder / "demo.log"
    print("Starting a registry, two builders and JupyterLab (the first time takes minutes) ...")
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
    work = folder / "notebooks"
    shutil.copytree(NOTEBOOKS, work, dirs_exist_ok=True)
    with Services() as services:
        environ = os.environ | dict(services.notebook_environ())
        print("- services are up", flush=True)
        with closing(socket.create_server(("127.0.0.1", 0))) as probe:
            port = probe.getsockname()[1]
        token = secrets.token_hex(16)
        lab = services.start_process(
            [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}"]
            + ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={work}"]
            + (["--allow-root"] if os.getuid() == 0 else []),
            env=environ | {"JUPYTER_TOKEN": token},
            cwd=work,
        )
        wait_for_port(port)
        url = f"http://127.0.0.1:{port}/lab/tree/quickstart.ipynb?token={token}"
        running = Running(os.getpid(), str(work), url, environ)
        partial = state_file().with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(asdict(running)))
        partial.replace(state_file())
        try:
            lab.wait()
        finally:
            state_file().unlink(missing_ok=True)
    return 0


def wait_for_port(port: int) -> None:
    """Wait until something listens on the loopback port."""
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def execute(running: Running) -> dict[str, Any] | None:
    """Run the quickstart in the demo's folder, its outputs saved in place."""
    path = Path(running.folder) / "quickstart.ipynb"
    done = subprocess.run(
        [sys.executable, "-m", "jupyter", "execute", "--inplace", path.name, TIMEOUT],
        cwd=path.parent,
        env=running.environ,
        text=True,
        capture_output=True,
    )
    if done.returncode:
        print(done.stderr[-4000:], file=sys.stderr)
        return None
    notebook: dict[str, Any] = json.loads(path.read_text())
    return notebook


def printed_lines(notebook: dict[str, Any]) -> list[str]:
    """Return what the cells printed to standard output."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    text = ["".join(output["text"]) for output in outputs if output["output_type"] == "stream"]
    return "".join(text).splitlines()


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
