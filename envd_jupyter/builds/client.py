"""Start a build, follow it, stop it: the handle every surface holds.

The driver is another process; all a handle knows comes from the build's folder. Following is
reading the event log: the process that started a build is woken through a pipe the driver pokes,
anybody else looks at the file's size a few times a second. Both see the same events from the first.
Async names and their ``_sync`` twins do the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from typing import TYPE_CHECKING

from envd_jupyter.builds.events import EventReader
from envd_jupyter.builds.folder import BuildFolder, data_dir
from envd_jupyter.builds.result import BuildResult
from envd_jupyter.builds.state import BuildState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from envd_jupyter.builds.request import BuildRequest, PreparedBuild

__all__ = ["Build", "abuild", "attach", "build", "start_build", "start_build_sync"]

_POLL = 0.1
_LOOK = 1.0
_CANCEL_PATIENCE = 5.0


class Build:
    """One build, running or ended.

    Parameters
    ----------
    folder
        The build's folder.
    wake
        The read end of the pipe its driver pokes, for the process that started it.
    """

    def __init__(self, folder: BuildFolder, wake: int | None = None) -> None:
        self.folder = folder
        self._wake = wake
        self._gone = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()

    @property
    def id(self) -> str:
        """The build's id."""
        return self.folder.id

    @property
    def path(self) -> Path:
        """The build's folder."""
        return self.folder.path

    def __repr__(self) -> str:
        return f"<Build {self.id}: {'running' if self.running else self.result().state}>"

    @property
    def running(self) -> bool:
        """Whether a driver works on it now."""
        return self.folder.is_live()

    # Following

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Yield every event from the first, then each as it comes; end after the ``result`` event.

        A driver that died leaves no result: the build is then closed as lost, and that is the
        result which is yielded.
        """
        reader = EventReader(self.folder.events)
        with self._pulse() as pulse:
            looked = time.monotonic()
            while True:
                pulse.clear()
                dead = self._gone
                if not dead and self._wake is None and time.monotonic() - looked > _LOOK:
                    looked = time.monotonic()
                    dead = not self.folder.is_live()
                for event in self._new(reader, dead=dead):
                    yield event
                    if _is_result(event):
                        return
                if reader.caught_up and not dead:
                    with contextlib.suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(pulse.wait(), _POLL if self._wake is None else _LOOK)

    def events_sync(self) -> Iterator[dict[str, Any]]:
        """Do what `events` does, blocking."""
        reader = EventReader(self.folder.events)
        while True:
            dead = not self.folder.is_live()
            for event in self._new(reader, dead=dead):
                yield event
                if _is_result(event):
                    return
            if reader.caught_up and not dead:
                time.sleep(_POLL / 2)

    def _new(self, reader: EventReader, *, dead: bool) -> list[dict[str, Any]]:
        events = reader.read()
        if dead and not events:
            from envd_jupyter.builds.record import close_lost

            close_lost(self.folder)
            events = reader.read()
        return events

    async def wait(self) -> BuildResult:
        """Wait for the end and return the result; a build that failed does not raise here."""
        state = BuildState(self.id)
        async for event in self.events():
            state.apply(event)
        return BuildResult.from_state(state, self.path)

    def wait_sync(self) -> BuildResult:
        """Do what `wait` does, blocking."""
        state = BuildState(self.id)
        for event in self.events_sync():
            state.apply(event)
        return BuildResult.from_state(state, self.path)

    def state(self) -> BuildState:
        """Fold the events there are now."""
        state = BuildState(self.id)
        reader = EventReader(self.folder.events)
        while events := reader.read():
            for event in events:
                state.apply(event)
        return state

    def result(self) -> BuildResult:
        """Return the result as far as it is known now (its state may be ``running``)."""
        return BuildResult.from_state(self.state(), self.path)

    def log(self, step: str | int | None = None) -> str:
        """Return what a step (or all steps) wrote so far; see `BuildResult.log`."""
        return self.result().log(step)

    # Stopping

    async def cancel(self) -> None:
        """Ask the driver to stop: envd ends and BuildKit's solve is cancelled.

        Follow on to see it end. A build that has ended already is left as it is.
        """
        deadline = time.monotonic() + _CANCEL_PATIENCE
        while self.running and time.monotonic() < deadline:
            if self._ask({"op": "cancel"}) is not None:
                return
            await asyncio.sleep(0.02)
        self._terminate()

    def cancel_sync(self) -> None:
        """Do what `cancel` does, blocking (not for the thread of a running event loop)."""
        deadline = time.monotonic() + _CANCEL_PATIENCE
        while self.running and time.monotonic() < deadline:
            if self._ask({"op": "cancel"}) is not None:
                return
            time.sleep(0.02)
        self._terminate()

    def _terminate(self) -> None:
        """Signal a driver that does not answer; it takes SIGTERM for a cancel."""
        import signal

        pid = self.folder.driver_pid()
        if pid is not None and self.running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)

    def _ask(self, question: Mapping[str, str]) -> dict[str, Any] | None:
        import socket

        private = self._private()
        if private is None:
            return None
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(1.0)
            try:
                sock.connect(os.path.join(private, "control"))  # noqa: PTH118 - a socket address
                sock.sendall(json.dumps(question).encode() + b"\n")
                answer = sock.recv(65536)
            except OSError:
                return None
        try:
            parsed: dict[str, Any] = json.loads(answer)
        except ValueError:
            return None
        return parsed

    def _private(self) -> str | None:
        for event in EventReader(self.folder.events).read():
            own = event.get("envd") or {}
            if own.get("kind") == "start":
                private: str | None = own.get("private")
                return private
        return None

    # The pipe

    @contextlib.contextmanager
    def _pulse(self) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._waiting.add(event)
        self._watch()
        try:
            yield event
        finally:
            self._waiting.discard(event)
            if not self._waiting:
                self._unwatch()

    def _watch(self) -> None:
        if self._wake is None or self._loop is not None:
            return
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._wake, self._poked)

    def _unwatch(self) -> None:
        if self._loop is not None and self._wake is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.remove_reader(self._wake)
        self._loop = None

    def _poked(self) -> None:
        assert self._wake is not None
        try:
            poked = os.read(self._wake, 65536)
        except BlockingIOError:
            return
        except OSError:
            poked = b""
        if not poked:
            self._unwatch()
            os.close(self._wake)
            self._wake = None
            self._gone = True
        for event in self._waiting:
            event.set()

    def __del__(self) -> None:
        if self._wake is not None:
            with contextlib.suppress(OSError, RuntimeError):
                self._unwatch()
                os.close(self._wake)


def _is_result(event: Mapping[str, Any]) -> bool:
    own = event.get("envd")
    return own is not None and own.get("kind") == "result"


def attach(build_id: str, *, environ: Mapping[str, str] | None = None) -> Build:
    """Return the handle of a build somebody started, running or ended.

    Raises
    ------
    RecordError
        If there is no such build.
    """
    return Build(BuildFolder.find(build_id, data_dir(environ)))


async def start_build(
    request: BuildRequest,
    *,
    environ: Mapping[str, str] | None = None,
    guard: Callable[[PreparedBuild], None] | None = None,
) -> Build:
    """Check a request and start its build in a process of its own.

    Parameters
    ----------
    request
        What to build and with which caches.
    environ
        The environment of the build; by default the process's own.
    guard
        Called with what would be started, names filled in; raises what forbids it.

    Raises
    ------
    EnvdJupyterError
        If the request cannot work; nothing was started then.
    """
    from envd_jupyter.builds.request import prepare
    from envd_jupyter.builds.spawn import spawn

    environ = dict(os.environ if environ is None else environ)
    prepared = prepare(request, environ)
    if guard is not None:
        guard(prepared)
    if prepared.needs_facts:
        from envd_jupyter.builds.preflight import check_builder

        prepared = await check_builder(prepared, environ)
    return spawn(prepared, environ)


def start_build_sync(
    request: BuildRequest,
    *,
    environ: Mapping[str, str] | None = None,
    guard: Callable[[PreparedBuild], None] | None = None,
) -> Build:
    """Do what `start_build` does where no event loop runs, or beside one in a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(start_build(request, environ=environ, guard=guard))
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        starting = start_build(request, environ=environ, guard=guard)
        return pool.submit(asyncio.run, starting).result()


async def abuild(request: BuildRequest, *, environ: Mapping[str, str] | None = None) -> BuildResult:
    """Build and return the result; cancelling the awaiting task cancels the build.

    Raises
    ------
    EnvdJupyterError
        If the request cannot work. A build that ran and failed is a result, not an exception:
        see `BuildResult.raise_for_state`.
    """
    handle = await start_build(request, environ=environ)
    try:
        return await handle.wait()
    except asyncio.CancelledError:
        handle.cancel_sync()
        raise


def build(request: BuildRequest, *, environ: Mapping[str, str] | None = None) -> BuildResult:
    """Do what `abuild` does, blocking; an interrupt (Ctrl-C) cancels the build."""
    handle = start_build_sync(request, environ=environ)
    try:
        return handle.wait_sync()
    except KeyboardInterrupt:
        handle.cancel_sync()
        handle.wait_sync()
        raise
