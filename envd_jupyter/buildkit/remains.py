"""What a daemon that was killed leaves behind: containers, control groups and mounts.

A container outlives its daemon if its first process has changed its user, or had not begun to watch
over its parent yet. It is known by its own root directory or the files mounted over its ``/etc``,
which lie below the daemon's root: no other process of the machine has those.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.errors import BuilderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["RUNTIMES", "clear_containers", "containers_of", "unmount_below"]

#: Container runtimes, as BuildKit looks for them.
RUNTIMES = ("buildkit-runc", "runc", "crun")

_SECONDS = 10.0
# BuildKit mounts these from its root into every container, whatever its file system is.
_ITS_OWN = (b"/", b"/etc/hosts", b"/etc/resolv.conf")


def clear_containers(
    root: Path, runtime: str | None, prefix: Sequence[str], environ: Mapping[str, str]
) -> None:
    """End the containers of a daemon that does not run, and let the runtime forget them.

    Parameters
    ----------
    root
        The daemon's root.
    runtime
        The runtime's program, or None if there is none any more.
    prefix
        What a command begins with to run as the daemon's own kind of root.
    environ
        The daemon's environment.

    Raises
    ------
    BuilderError
        If a process does not end.
    """
    deadline = time.monotonic() + _SECONDS
    while found := containers_of(root):
        if time.monotonic() > deadline:
            raise BuilderError(
                f"a step of a build that was cut off does not end (process {found[0]})",
                hint="Look at it with ps; one that waits for a disk or a network can last.",
            )
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    for bundle in _bundles(root):
        if runtime is not None:
            command = [*prefix, runtime, "delete", "--force", bundle.name]
            subprocess.run(command, env=dict(environ), capture_output=True, check=False)
        with contextlib.suppress(OSError):  # never what may still be mounted there
            (bundle / "config.json").unlink(missing_ok=True)
            (bundle / "rootfs").rmdir()
            bundle.rmdir()


def containers_of(root: Path) -> list[int]:
    """Return the processes in a daemon's containers, and the runtimes that started them."""
    inside = _Inside(root)
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is not ours to look at
            if inside.has(place):
                found.append(int(place.name))
    return found


class _Inside:
    """Tells the processes whose files lie below a daemon's root."""

    def __init__(self, root: Path) -> None:
        roots = {os.fsencode(root), os.fsencode(root.resolve())}
        self._starts = tuple(path + b"/" for path in roots)
        self._options = re.compile(b"[=:](?:" + b"|".join(map(re.escape, self._starts)) + b")")
        self._device, self._below = _within_file_system(root.resolve())

    def has(self, process: Path) -> bool:
        words = (process / "cmdline").read_bytes().split(b"\0")
        if os.fsdecode(words[0]).rpartition("/")[2] in RUNTIMES:
            return any(word.startswith(self._starts) for word in words)
        return any(
            place in _ITS_OWN and self._from_here(device, source, rest)
            for device, source, place, rest in _mounts(process)
        )

    def _from_here(self, device: bytes, source: bytes, rest: bytes) -> bool:
        bound = device == self._device and source.startswith(self._below)
        return bound or self._options.search(rest) is not None


def _within_file_system(path: Path) -> tuple[bytes, bytes]:
    """Return the device a folder lies on, and where on it, ending in a slash."""
    found = (b"", b"/", b"")
    for device, source, place, _ in _mounts(Path("/proc/self")):
        if len(place) >= len(found[1]) and path.is_relative_to(os.fsdecode(place)):
            found = (device, place, source)
    device, place, source = found
    inside = os.fsencode(path.relative_to(os.fsdecode(place)))
    return device, source.rstrip(b"/") + b"/" + inside + b"/"


def _mounts(process: Path) -> Iterator[tuple[bytes, bytes, bytes, bytes]]:
    """Yield the device, the place on it, the mount point and the rest (proc_pid_mountinfo(5))."""
    for line in (process / "mountinfo").read_bytes().splitlines():
        _, _, device, source, place, rest = line.split(b" ", 5)
        yield device, _plain(source), _plain(place), _plain(rest)


def _plain(written: bytes) -> bytes:
    r"""Read what the kernel writes with octal escapes, ``\040`` for a blank."""
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), written)


def _bundles(root: Path) -> list[Path]:
    """Return the folders of a daemon's containers, each named by its container."""
    return [place.parent for place in root.glob("*/executor/*/config.json")]


def unmount_below(root: Path) -> None:
    """Unmount what a killed daemon left mounted, the innermost first."""
    with contextlib.suppress(OSError):
        places = [os.fsdecode(place) for _, _, place, _ in _mounts(Path("/proc/self"))]
        for place in reversed(places):
            if Path(place).is_relative_to(root):
                subprocess.run(["umount", "-l", place], capture_output=True, check=False)
