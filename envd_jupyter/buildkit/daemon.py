"""A builder of our own, for those who have none.

One buildkitd for each data folder, with its own root, configuration, log and socket below it. What
was started is written down with the process's start time, so that a number the system has given to
another process since is never taken for ours. Nothing but that process, that folder and that socket
is ever touched. It runs rootless for a user and as root for root, and goes on when the command that
started it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.buildkit.install import BUILDKIT_VERSION, find_buildkitd
from envd_jupyter.buildkit.remains import RUNTIMES, clear_containers, unmount_below
from envd_jupyter.errors import BuilderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["DaemonStatus", "ManagedBuilder"]

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_LONGEST_SOCKET = 100
_ROOTLESS = {"rootlesskit": "rootlesskit", "newuidmap": "uidmap"}
_FRAME_HEADER = 9
_SETTINGS = b"\x04"
_HTTP2_OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00" + _SETTINGS + bytes(5)


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """What is known of the managed builder.

    Attributes
    ----------
    running
        Whether it answers now.
    address
        Its URL, to give to ``--builder``.
    pid
        Its process id, or None if it does not run.
    version
        What its program says of its version, or None if it never ran.
    rootless
        Whether it runs without root's rights.
    folder
        Where all of it lies.
    log
        Its log file.
    """

    running: bool
    address: str
    pid: int | None
    version: str | None
    rootless: bool
    folder: Path
    log: Path


@dataclass(frozen=True, slots=True)
class _Started:
    """What is written down of a started daemon."""

    pid: int
    began: str
    version: str | None
    rootless: bool
    address: str
    program: str | None = None


class ManagedBuilder:
    """The buildkitd that belongs to a data folder.

    Parameters
    ----------
    data
        The data folder of this package.
    cache
        Where an installed buildkitd is kept; by default ``tools`` in the data folder.
    environ
        The environment of the daemon; by default the process's own.
    """

    def __init__(
        self, data: Path, *, cache: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        self.folder = data / "builder"
        self.root = self.folder / "root"
        self.log = self.folder / "buildkitd.log"
        self._cache = cache or data / "tools"
        self._environ = dict(os.environ if environ is None else environ)
        self._state = self.folder / "running.json"

    @property
    def address(self) -> str:
        """Its URL, whether it runs or not."""
        return f"unix://{self._socket()}"

    def status(self) -> DaemonStatus:
        """Look whether it runs."""
        started = self._read()
        alive = started is not None and _is_process(started.pid, started.began)
        running = alive and _answers(self._socket())
        return DaemonStatus(
            running=running,
            address=self.address,
            pid=started.pid if alive and started else None,
            version=started.version if started else None,
            rootless=started.rootless if started else os.getuid() != 0,
            folder=self.folder,
            log=self.log,
        )

    def start(
        self, version: str = BUILDKIT_VERSION, *, insecure: Sequence[str] = (), config: str = ""
    ) -> DaemonStatus:
        """Start it, or leave it running; install a buildkitd first if there is none.

        Parameters
        ----------
        version
            The version to install if there is no buildkitd on ``PATH``.
        insecure
            Registries (``HOST:PORT``) it reaches by plain HTTP.
        config
            More lines for its ``buildkitd.toml``.

        Raises
        ------
        BuilderError
            If it cannot be installed or does not answer, with the end of its log.
        """
        if sys.platform != "linux":
            raise BuilderError(
                f"buildkitd does not run on {sys.platform}",
                hint="Use Docker or Podman as the builder; both run it in a virtual machine.",
            )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._locked():
            found = self.status()
            if found.running:
                return found
            self._end()
            program = find_buildkitd(self._cache, self._environ, version)
            self._write_config(insecure, config)
            self._launch(program)
        return self.status()

    def stop(self) -> bool:
        """Stop it, and unmount what it mounted; returns whether it ran. Its cache stays."""
        if not self.folder.exists():
            return False
        with self._locked():
            return self._end()

    def remove(self) -> None:
        """Stop it and remove all it kept."""
        if not self.folder.exists():
            return
        with self._locked():
            self._end()
            command = [*self._namespace(), "rm", "-rf", str(self.root)]
            subprocess.run(command, env=self._environ, capture_output=True, check=False)
            if self.root.exists():
                raise BuilderError(
                    f"{self.root} cannot be removed", hint="Remove it as root: it is a cache only."
                )
            shutil.rmtree(self.folder)

    def disk_use(self) -> int:
        """Return how many bytes its cache takes on the disk."""
        return _allocated(self.root)

    # Starting

    def _launch(self, program: Path) -> None:
        command = self._command(program)
        address = self._socket()
        address.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        environ = self._environ | {"PATH": self._path(program)}
        if self._runtime(program) is None:
            raise BuilderError(
                "buildkitd needs runc, and there is none on PATH",
                hint="Install it: apt install runc. BuildKit's release archive has it, too.",
            )
        with self.log.open("wb") as sink:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=environ,
                cwd="/",
                start_new_session=True,
            )
        began = _process_start(process.pid) or ""
        told = _program_version(program)
        self._write(
            _Started(process.pid, began, told, os.getuid() != 0, self.address, str(program))
        )
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > deadline:
                self._end()
                raise BuilderError(
                    f"buildkitd did not start: {_reason(self.log.read_text(errors='replace'))}",
                    hint=f"Its log is {self.log}.",
                )
            time.sleep(0.05)

    def _command(self, program: Path) -> list[str]:
        command = [str(program), "--config", str(self.folder / "buildkitd.toml")]
        if os.getuid() == 0:
            return command
        path = self._path(program)
        missing = [pkg for name, pkg in _ROOTLESS.items() if not shutil.which(name, path=path)]
        if missing:
            raise BuilderError(
                f"to run buildkitd without root, this machine needs {' and '.join(missing)}",
                hint=f"As root: apt install {' '.join(missing)}. Or run envd-jupyter up as root.",
            )
        return [*self._namespace(), *command, "--oci-worker-no-process-sandbox"]

    def _path(self, program: Path | None = None) -> str:
        """Return the daemon's ``PATH``: BuildKit's release brings its own runtime along."""
        beside = [str(program.parent)] if program is not None else []
        known = [self._environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]
        return os.pathsep.join([*beside, *known])

    def _runtime(self, program: Path | None) -> str | None:
        path = self._path(program)
        return next((found for name in RUNTIMES if (found := shutil.which(name, path=path))), None)

    def _namespace(self) -> list[str]:
        """Return what a command begins with to run as the daemon's own kind of root."""
        if os.getuid() == 0:
            return []
        state = str(self.folder / "rootlesskit")
        return ["rootlesskit", "--net=host", "--copy-up=/etc", f"--state-dir={state}"]

    def _write_config(self, insecure: Sequence[str], config: str) -> None:
        lines = [
            f"root = {json.dumps(str(self.root))}",
            "[grpc]",
            f"  address = [{json.dumps(self.address)}]",
            "[otel]",  # by default all daemons of a machine share /run/buildkit/otel-grpc.sock
            f"  socketPath = {json.dumps(str(self._socket().with_name('otel.sock')))}",
        ]
        for host in insecure:
            lines += [f"[registry.{json.dumps(host)}]", "  http = true"]
        (self.folder / "buildkitd.toml").write_text("\n".join([*lines, config, ""]))

    def _socket(self) -> Path:
        """Return the socket's path, in the data folder unless that is too long for an address."""
        path = self.folder / "buildkitd.sock"
        if len(os.fsencode(path)) <= _LONGEST_SOCKET:
            return path
        name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        base = self._environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
        return Path(base) / f"envd-jupyter-{os.getuid()}-{name}" / "b.sock"

    # Stopping

    def _end(self) -> bool:
        started = self._read()
        ran = started is not None and _is_process(started.pid, started.began)
        if started is not None and ran:
            _terminate(started)
        if self.root.exists():
            runtime = self._runtime(Path(started.program) if started and started.program else None)
            clear_containers(self.root, runtime, self._namespace(), self._environ)
        if os.getuid() == 0:
            unmount_below(self.root)
        place = self._socket()
        for name in (place.name, "otel.sock"):
            place.with_name(name).unlink(missing_ok=True)
        if place.parent != self.folder:
            with contextlib.suppress(OSError):
                place.parent.rmdir()
        self._state.unlink(missing_ok=True)
        return ran

    # What is written down

    def _read(self) -> _Started | None:
        try:
            return _Started(**json.loads(self._state.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _write(self, started: _Started) -> None:
        partial = self._state.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(started)))
        partial.replace(self._state)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _terminate(started: _Started) -> None:
    """End a process that is known to be ours, kindly and then not."""
    for number, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(started.pid, number)
        deadline = time.monotonic() + seconds
        while _is_process(started.pid, started.began):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            return
    raise BuilderError(f"buildkitd (process {started.pid}) does not end")


def _process_start(pid: int) -> str | None:
    """Return when a process began, in a form that no other process of this boot shares with it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{boot} {fields[19]}"


def _is_process(pid: int, began: str) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # if it is our own child, it stays a zombie until waited for
    return _process_start(pid) == began


def _answers(path: Path) -> bool:
    """Return whether an HTTP/2 server speaks: its first frame is SETTINGS (RFC 9113, 3.4)."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(path))
            probe.sendall(_HTTP2_OPENING)
            return probe.recv(_FRAME_HEADER, socket.MSG_WAITALL)[3:4] == _SETTINGS
        except OSError:
            return False


def _program_version(program: Path) -> str | None:
    """Read ``buildkitd github.com/moby/buildkit v0.25.1 REVISION``."""
    done = subprocess.run([str(program), "--version"], text=True, capture_output=True, check=False)
    words = done.stdout.split()
    return words[2].removeprefix("v") if len(words) > 2 else None


def _reason(log: str) -> str:
    """Return what a log says went wrong, without the stack trace that follows it."""
    lines = log.strip().splitlines()
    named = [line for line in lines if line.startswith("buildkitd: ")]
    told = named or [line for line in lines if "error" in line.lower()] or lines
    return " / ".join(line.strip().removeprefix("buildkitd: ") for line in told[-3:]) or "nothing"


def _allocated(folder: Path) -> int:
    """Add up what a tree takes on its own file system, a hard link once; mounts are left out."""
    try:
        device = folder.stat().st_dev
    except OSError:
        return 0
    seen: set[int] = set()
    total, pending = 0, [os.fspath(folder)]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:
            continue
        for entry in entries:
            with contextlib.suppress(OSError):
                found = entry.stat(follow_symlinks=False)
                if found.st_dev != device or found.st_ino in seen:
                    continue
                seen.add(found.st_ino)
                total += found.st_blocks * 512
                if stat.S_ISDIR(found.st_mode):
                    pending.append(entry.path)
    return total
