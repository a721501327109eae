"""The envd program as a child of the driver: started early, ended surely.

The child is forked before the driver has imported anything heavy. It makes its own context first
(``envd context create``) and becomes ``envd build`` then, in a process group of its own, so that a
cancel reaches all it starts. On Linux the kernel kills it when the driver dies, however that was.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

__all__ = ["EnvdProcess", "envd_environ", "schedule_as_batch", "start_envd"]

_FAILED_TO_START = 127
_LADDER = ((signal.SIGINT, 1.5), (signal.SIGTERM, 1.5), (signal.SIGKILL, 0.0))
_PR_SET_PDEATHSIG = 1
# envd makes garbage of every piece of a context or an image that it passes on. To collect it four
# times less often takes up to 55 MB, and some percent less time for a build that moves 800 MB.
_ENVD_DEFAULTS = {"ENVD_ANALYTICS": "false", "GOGC": "400"}

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` itself would cost the start of each build some milliseconds
    import asyncio
    from collections.abc import Mapping, Sequence


def schedule_as_batch() -> None:
    """Have this process, and what it starts, wait for a free core rather than interrupt others.

    envd, the relay and BuildKit hand each other gigabytes in small pieces. If each piece woke its
    reader at once, on a machine whose cores are all busy, every core would change hands at every
    piece; a batch process lets pieces gather. The notebook's kernel goes first as well. A policy
    that somebody has chosen stays, and where the system has no such policy nothing changes.
    """
    with suppress(AttributeError, OSError):
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def envd_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with what envd should find there, unless it is set already."""
    return {**_ENVD_DEFAULTS, **environ}


class EnvdProcess:
    """A running envd.

    Attributes
    ----------
    pid
        Its process id, which is its process group's too.
    output
        The read end of the pipe to its standard output and error.
    exit_code
        None while it runs, negative for a signal.
    """

    def __init__(self, pid: int, output: int) -> None:
        self.pid = pid
        self.output = output
        self.exit_code: int | None = None
        self._ended: asyncio.Event | None = None

    def watch(self) -> None:
        """Learn of its end through the running event loop."""
        import asyncio

        self._ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        if hasattr(os, "pidfd_open"):
            fd = os.pidfd_open(self.pid)

            def readable() -> None:
                loop.remove_reader(fd)
                os.close(fd)
                self._reap()

            loop.add_reader(fd, readable)
        else:
            import threading

            def wait() -> None:
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
                loop.call_soon_threadsafe(self._reap)

            threading.Thread(target=wait, daemon=True).start()

    def _reap(self) -> None:
        _, status = os.waitpid(self.pid, 0)
        self.exit_code = os.waitstatus_to_exitcode(status)
        assert self._ended is not None
        self._ended.set()

    async def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        assert self._ended is not None
        await self._ended.wait()
        assert self.exit_code is not None
        return self.exit_code

    async def end(self) -> None:
        """End the process group: SIGINT, then SIGTERM, then SIGKILL, each with time to obey."""
        import asyncio

        assert self._ended is not None
        for number, patience in _LADDER:
            if not self._signal(number):
                break
            if patience:
                try:
                    await asyncio.wait_for(self._ended.wait(), patience)
                    break
                except asyncio.TimeoutError:
                    continue
        self._signal(signal.SIGKILL)  # what it may have started and left in its group
        await self._ended.wait()

    def _signal(self, number: int) -> bool:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def start_envd(
    command: Sequence[str], context: Sequence[str] | None, environ: Mapping[str, str]
) -> EnvdProcess:
    """Fork the child that becomes envd.

    The relay's socket listens already, so envd need not wait for the relay to be ready.

    Parameters
    ----------
    command
        The program, as a path, and its arguments.
    context
        The command to run before, in the same environment.
    environ
        The environment of both.
    """
    driver = os.getpid()
    output, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            _die_with(driver)
            _become(command, context, environ, write)
        except BaseException as error:
            os.write(write, f"cannot run {command[0]}: {error}\n".encode())
        finally:
            os._exit(_FAILED_TO_START)
    with suppress(OSError):
        os.setpgid(pid, pid)  # both sides set it: either may come first
    os.close(write)
    os.set_blocking(output, False)
    return EnvdProcess(pid, output)


def _become(
    command: Sequence[str],
    context: Sequence[str] | None,
    environ: Mapping[str, str],
    output: int,
) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(output, 2)
    if context is not None:
        _run_first(context, environ, output, null)
    os.dup2(output, 1)
    os.execve(command[0], list(command), dict(environ))


def _run_first(context: Sequence[str], environ: Mapping[str, str], output: int, null: int) -> None:
    """Run a command silently; what it said is passed on only if it failed."""
    read, write = os.pipe()
    pid = os.posix_spawn(
        context[0],
        list(context),
        dict(environ),
        file_actions=[
            (os.POSIX_SPAWN_DUP2, null, 0),
            (os.POSIX_SPAWN_DUP2, write, 1),
            (os.POSIX_SPAWN_DUP2, write, 2),
        ],
    )
    os.close(write)
    said = b""
    while piece := os.read(read, 65536):
        said += piece
    os.close(read)
    _, status = os.waitpid(pid, 0)
    if status:
        os.write(output, said)
        os._exit(_FAILED_TO_START)


def _die_with(driver: int) -> None:
    """Have the kernel kill this process when the driver dies.

    Elsewhere than on Linux the relay's end does it: envd gives up when its connection breaks.
    """
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != driver:
        os._exit(_FAILED_TO_START)
