"""Follow a build on a screen, in a cell that waits or behind one that has returned."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from envd_jupyter.builds.client import start_build
from envd_jupyter.builds.result import BuildResult
from envd_jupyter.builds.state import BuildState
from envd_jupyter.errors import EnvdJupyterError
from envd_jupyter.notebook.display import BuildDisplay
from envd_jupyter.notebook.loop import run_to_end, running_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from envd_jupyter.builds.client import Build
    from envd_jupyter.builds.request import BuildRequest
    from envd_jupyter.builds.view import BuildView
    from envd_jupyter.notebook.display import Screen

__all__ = [
    "BuildInterrupted",
    "Follower",
    "build_and_wait",
    "build_behind",
    "cancel_and_wait",
    "look_and_wait",
    "show_behind",
]

T = TypeVar("T")

_BREATH = 0.02
"""How long events are folded before the loop may do something else, in seconds."""

# The loop holds its tasks weakly.
_background: set[asyncio.Task[BuildResult]] = set()
_requests: set[asyncio.Task[None]] = set()


class BuildInterrupted(KeyboardInterrupt):
    """The kernel was interrupted while it waited for a build; the build has been cancelled."""

    def _render_traceback_(self) -> list[str]:
        return [f"KeyboardInterrupt: {self}"]


class _Stopped(Exception):
    """Raised inside the loop where there is no result because of an interrupt."""


class Follower:
    """Fold the events of a build and show them.

    Parameters
    ----------
    build
        The build.
    screen
        Where to show it.
    """

    def __init__(self, build: Build, screen: Screen) -> None:
        self.build = build
        self._state = BuildState(build.id)
        self._display = BuildDisplay(self._view, screen)

    def _view(self) -> BuildView:
        return self._state.view(now=time.time())

    def begin(self) -> None:
        """Show the build as it is now, before its first event is read in the loop."""
        self._state = self.build.state()
        self._display.touch()
        self._state = BuildState(self.build.id)

    async def run(self) -> BuildResult:
        """Follow to the end and return the result."""
        try:
            rested = time.monotonic()
            async for event in self.build.events():
                self._state.apply(event)
                self._display.touch()
                # A flood of events never waits for anything: let the kernel breathe in between.
                if time.monotonic() - rested > _BREATH:
                    await asyncio.sleep(0)
                    rested = time.monotonic()
        finally:
            self._display.finish()
        return BuildResult.from_state(self._state, self.build.path)


class _Waiting:
    """One build that a cell waits for, and what interrupts do to it."""

    def __init__(self, screen_for: Callable[[Build], Screen]) -> None:
        self._screen_for = screen_for
        self._starting: asyncio.Task[Build] | None = None
        self._following: asyncio.Task[BuildResult] | None = None
        self._interrupts = 0
        self.build: Build | None = None

    async def start(self, request: BuildRequest) -> Build:
        if self._interrupts:
            raise _Stopped("nothing was started")
        self._starting = asyncio.ensure_future(start_build(request))
        try:
            self.build = await self._starting
        except asyncio.CancelledError:
            raise _Stopped("nothing was started") from None
        return self.build

    async def follow(self, build: Build) -> BuildResult:
        self.build = build
        if self._interrupts:
            await build.cancel()
        self._following = asyncio.ensure_future(Follower(build, self._screen_for(build)).run())
        try:
            return await self._following
        except asyncio.CancelledError:
            raise _Stopped(
                f"build {build.id} does not end and is left to itself; "
                f"%envd_attach {build.id} shows it again"
            ) from None

    async def start_and_follow(self, request: BuildRequest) -> BuildResult:
        return await self.follow(await self.start(request))

    def leave(self, count: int) -> None:
        """Stop waiting, and leave the build to itself."""
        if self._following is not None:
            self._following.cancel()

    def interrupt(self, count: int) -> None:
        """Ask the build to end: first kindly, then by a signal, then stop waiting for it."""
        self._interrupts = count
        if self.build is None:
            if self._starting is not None:
                self._starting.cancel()
        elif count <= 2:
            task = asyncio.ensure_future(self.build.cancel())
            _requests.add(task)
            task.add_done_callback(_requests.discard)
        elif self._following is not None:
            self._following.cancel()


def build_and_wait(request: BuildRequest, screen_for: Callable[[Build], Screen]) -> BuildResult:
    """Build, show it, and return the result when it has ended.

    Parameters
    ----------
    request
        What to build.
    screen_for
        Returns where to show the build that was started.

    Raises
    ------
    EnvdJupyterError
        If the request cannot work; nothing was started then.
    KeyboardInterrupt
        If the kernel was interrupted; the build has been cancelled and has ended.
    """
    waiting = _Waiting(screen_for)
    return _to_end(waiting, waiting.start_and_follow(request))


def look_and_wait(build: Build, screen_for: Callable[[Build], Screen]) -> BuildResult:
    """Show a build that somebody started, and return its result when it has ended.

    Raises
    ------
    KeyboardInterrupt
        If the kernel was interrupted: the build goes on, it is only not shown any more.
    """
    waiting = _Waiting(screen_for)
    try:
        return run_to_end(waiting.follow(build), waiting.leave)
    except KeyboardInterrupt:
        raise BuildInterrupted(
            f"build {build.id} goes on; %envd_cancel {build.id} cancels it"
        ) from None


def cancel_and_wait(build: Build) -> BuildResult:
    """Cancel a build and return its result when it has ended."""

    async def cancel() -> BuildResult:
        await build.cancel()
        return await build.wait()

    def again(count: int) -> None:
        loop = running_loop()
        if loop is not None:
            task = loop.create_task(build.cancel())
            _requests.add(task)
            task.add_done_callback(_requests.discard)

    return run_to_end(cancel(), again)


def _to_end(waiting: _Waiting, coroutine: Coroutine[Any, Any, T]) -> T:
    try:
        return run_to_end(coroutine, waiting.interrupt)
    except KeyboardInterrupt as interrupt:
        if isinstance(interrupt.__cause__, _Stopped):
            raise BuildInterrupted(str(interrupt.__cause__)) from None
        build = waiting.build
        ended = f"build {build.id} was cancelled and has ended" if build else "nothing was started"
        raise BuildInterrupted(ended) from None


def build_behind(request: BuildRequest, screen_for: Callable[[Build], Screen]) -> Build:
    """Start a build and return; its display goes on living where it was started.

    Without a running event loop (a terminal) nothing is shown: the build runs all the same.

    Parameters
    ----------
    request
        What to build.
    screen_for
        Returns where to show the build that was started.
    """
    waiting = _Waiting(screen_for)
    build = _to_end(waiting, waiting.start(request))
    show_behind(build, screen_for)
    return build


def show_behind(build: Build, screen_for: Callable[[Build], Screen]) -> None:
    """Show a build from here on, without waiting for it."""
    loop = running_loop()
    if loop is None:
        return
    follower = Follower(build, screen_for(build))
    # The first paint belongs to the cell that is running now.
    follower.begin()
    # The task keeps this cell's context, by which ipykernel knows whose output it is.
    task = loop.create_task(follower.run())
    _background.add(task)
    task.add_done_callback(_ended)


def _ended(task: asyncio.Task[BuildResult]) -> None:
    _background.discard(task)
    if not task.cancelled():
        # What went wrong is shown in the display; a missing log is nobody's failure any more.
        error = task.exception()
        if error is not None and not isinstance(error, EnvdJupyterError):
            raise error
