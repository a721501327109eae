"""Leaving nothing, even of services whose parent was killed.

`clear` ends what a folder's services started and unmounts what they mounted: containers outlive the
daemon that started them if it was killed. `Warden` is a process that does this when the process it
watches over is gone, whatever that died of: it waits for the end of a pipe that dies with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

_DAEMONS = (
    *("buildkitd", "dockerd", "containerd", "containerd-shim-runc-v2", "runc", "conmon"),
    *("docker-registry", "versitygw", "act", "rootlesskit"),
)
_SECONDS = 10.0


def clear(folder: Path) -> None:
    """End what runs in a folder, and remove it."""
    release(folder)
    _remove_networks(folder)
    shutil.rmtree(folder, ignore_errors=True)


def release(folder: Path) -> None:
    """End the daemons and containers whose files lie in a folder, and unmount what they mounted."""
    deadline = time.monotonic() + _SECONDS
    while (found := processes_of(folder)) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    _unmount(folder)
    _remove_control_groups(folder)


def processes_of(folder: Path) -> list[int]:
    """Return the daemons named with a path in a folder, and the containers that live in it."""
    ours = os.fsencode(f"{folder}/")
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (place / "cmdline").read_bytes()
            name = Path(os.fsdecode(command.split(b"\0", 1)[0])).name
            if (ours in command and name in _DAEMONS) or ours in _root_mount(place):
                found.append(int(place.name))
    return found


def _root_mount(process: Path) -> bytes:
    """Return the line of a process's mounts that is its own root directory."""
    for line in (process / "mountinfo").read_bytes().splitlines():
        if line.split(b" ", 5)[4] == b"/":
            return line
    return b""


def mounts_below(folder: Path) -> list[str]:
    """Return the places below a folder where something is mounted, the innermost first."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    places = [line.split()[1] for line in reversed(lines)]
    return [place for place in places if place.startswith(f"{folder}/")]


def _unmount(folder: Path) -> None:
    for place in mounts_below(folder):
        subprocess.run(["umount", "-l", place], capture_output=True, check=False)


def new_bridge(folder: Path) -> tuple[str, str]:
    """Make a network bridge that goes with a folder; returns its name and its address."""
    unique = hashlib.sha256(os.fsencode(folder) + os.urandom(8)).digest()
    name = f"ej{unique.hex()[:8]}"
    with (folder / "bridge").open("w") as note:
        note.write(name)
    # 198.18.0.0/15 is set aside for benchmarks: no real host has an address in it (RFC 2544).
    address = f"198.{18 + unique[5] % 2}.{unique[6]}.1"
    for command in (
        ["ip", "link", "add", name, "type", "bridge"],
        ["ip", "address", "add", f"{address}/24", "dev", name],
        ["ip", "link", "set", name, "up"],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return name, address


def _remove_networks(folder: Path) -> None:
    for note in (*folder.glob("namespaces"), *folder.glob("*/namespaces")):
        for name in note.read_text().split():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    for note in (*folder.glob("bridge"), *folder.glob("*/bridge")):
        command = ["ip", "link", "del", note.read_text()]
        subprocess.run(command, capture_output=True, check=False)


def _remove_control_groups(folder: Path) -> None:
    """Remove the control groups of containers that were killed; they are named as its folders."""
    for bundles in (*folder.glob("root/runc-*/executor"), *folder.glob("*/root/runc-*/executor")):
        for bundle in bundles.iterdir():
            for group in Path("/sys/fs/cgroup").glob(f"**/buildkit/{bundle.name}"):
                with contextlib.suppress(OSError):
                    group.rmdir()


class Warden:
    """Watches over a folder for the process that makes it."""

    def __init__(self, folder: Path) -> None:
        reads, self._writes = os.pipe()
        with os.fdopen(reads) as pipe:
            self._popen = subprocess.Popen(
                [sys.executable, __file__, str(folder)],
                stdin=pipe,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def dismiss(self) -> None:
        """Let it clear what is left, and wait until it has."""
        if self._writes >= 0:
            os.close(self._writes)
            self._writes = -1
        self._popen.wait()


def watch(folder: Path) -> None:
    """Wait for the end of standard input, then clear a folder."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    clear(folder)


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
