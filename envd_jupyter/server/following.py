"""What can be watched: one build, the list of builds, and the settings of a kernel.

Reading and folding happen in threads; the event loop only hands the results on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from typing import TYPE_CHECKING

from envd_jupyter.builds.events import EventReader
from envd_jupyter.builds.record import close_lost, record_of
from envd_jupyter.builds.state import BuildState
from envd_jupyter.server.kernels import preferences_of, shown_preferences
from envd_jupyter.server.sources import Source

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, TypeVar

    from envd_jupyter.builds.folder import BuildFolder
    from envd_jupyter.builds.record import BuildRecord
    from envd_jupyter.server.hub import Hub
    from envd_jupyter.server.kernels import KernelHere

    T = TypeVar("T")
    InThread = Callable[..., Awaitable[T]]

__all__ = ["FollowedBuild", "FollowedBuilds", "FollowedPreferences"]

_PULSE = 0.1
"""Seconds between two states of a build, and between two looks at its log."""
_LOOK = 1.0
"""Seconds between two looks whether the driver is alive."""
_PATIENCE = 1.0
"""Seconds after which a long log that is being caught up with is shown as far as it was read."""
_LIST_PULSE = 0.5
_PREFERENCES_PULSE = 0.3
_SHOWN = 50


class FollowedBuild(Source):
    """One build: its state is a `BuildView`.

    Parameters
    ----------
    folder
        The build's folder.
    in_thread
        Runs something that blocks.

    Attributes
    ----------
    record
        What the list of builds says of it; None before its log was read.
    """

    def __init__(self, folder: BuildFolder, in_thread: InThread[Any]) -> None:
        super().__init__()
        self.folder = folder
        self.record: BuildRecord | None = None
        self._in_thread = in_thread
        self._state = BuildState(folder.id)
        self._reader = EventReader(folder.events)
        self._looked = time.monotonic()

    async def run(self) -> None:
        """Read on until the build has ended."""
        begun = time.monotonic()
        while True:
            new = await self._in_thread(self._read_on)
            waited = self._reader.caught_up or self.version or time.monotonic() - begun > _PATIENCE
            finished = self._state.finished
            if finished or (waited and (new or not self.version)):
                text, self.record = await self._in_thread(self._show)
                if finished:
                    self.ended = True
                self.publish(text)
            if finished:
                return
            if self._reader.caught_up:
                await asyncio.sleep(_PULSE)

    def _read_on(self) -> bool:
        """Fold what is new, for a moment at most; returns whether there was something."""
        until, new = time.monotonic() + _PULSE, False
        while events := self._reader.read():
            new = True
            for event in events:
                self._state.apply(event)
            if self._state.finished or time.monotonic() > until:
                return True
        if not new and time.monotonic() - self._looked > _LOOK:
            self._looked = time.monotonic()
            if not self.folder.is_live():
                return self._close()
        return new

    def _close(self) -> bool:
        """Take in the end of a build whose driver is gone, with a word or without."""
        with contextlib.suppress(FileNotFoundError):
            close_lost(self.folder)
        events = self._reader.read()
        for event in events:
            self._state.apply(event)
        if not events and not self.folder.events.exists():
            # Deleted while somebody watched.
            self._state.state = "lost"
        return True

    def _show(self) -> tuple[str, BuildRecord]:
        return json.dumps(self._state.view(now=time.time())), record_of(self._state)


class FollowedBuilds(Source):
    """The running builds and the latest ones: its state is a message with their records.

    Parameters
    ----------
    hub
        Where the builds are followed.
    """

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self._hub = hub
        self._records: list[BuildRecord] = []
        self._running: dict[str, FollowedBuild] = {}
        self._held: dict[str, contextlib.AsyncExitStack] = {}
        self._names: frozenset[str] | None = None

    async def run(self) -> None:
        """Look for builds that begin, go on and end."""
        try:
            while True:
                names = await self._hub.in_thread(self._listed)
                ended = any(build.ended for build in self._running.values())
                if names != self._names or ended:
                    await self._look()
                    self._names = names
                text = json.dumps({"type": "builds", "builds": self._shown()})
                if text != self.text:
                    self.publish(text)
                await asyncio.sleep(_LIST_PULSE)
        finally:
            for build_id in [*self._held]:
                await self._let_go(build_id)

    def _listed(self) -> frozenset[str]:
        try:
            return frozenset(os.listdir(self._hub.data / "builds"))  # noqa: PTH208 - names only
        except FileNotFoundError:
            return frozenset()

    async def _look(self) -> None:
        latest = await self._hub.records(limit=_SHOWN)
        running = await self._hub.records(state="running", limit=_SHOWN)
        known = {record.id: record for record in (*running, *latest)}
        self._records = sorted(known.values(), key=lambda record: record.id, reverse=True)
        going_on = {record.id for record in running}
        for build_id in [*self._running]:
            if build_id not in going_on:
                await self._let_go(build_id)
        for build_id in going_on - self._running.keys():
            self._held[build_id] = stack = contextlib.AsyncExitStack()
            following = self._hub.following(build_id)
            self._running[build_id] = await stack.enter_async_context(following)

    async def _let_go(self, build_id: str) -> None:
        self._running.pop(build_id, None)
        await self._held.pop(build_id).aclose()

    def _shown(self) -> list[dict[str, Any]]:
        found = []
        for record in self._records:
            followed = self._running.get(record.id)
            found.append(((followed and followed.record) or record).to_json())
        return found


class FollowedPreferences(Source):
    """The settings of a kernel: its state is a message with them.

    Parameters
    ----------
    find
        Returns the kernel as it is now; None if it has ended.
    in_thread
        Runs something that blocks.
    """

    def __init__(
        self, find: Callable[[], Awaitable[KernelHere | None]], in_thread: InThread[Any]
    ) -> None:
        super().__init__()
        self._find = find
        self._in_thread = in_thread

    async def run(self) -> None:
        """Look for changes of the files, and now and then for those of the kernel."""
        known: KernelHere | None = None
        preferences, stamp, found = None, None, 0.0
        while True:
            if time.monotonic() - found > _LOOK:
                kernel, found = await self._find(), time.monotonic()
                if kernel is None:
                    return
                if kernel != known:
                    known, stamp = kernel, None
                    preferences = await self._in_thread(preferences_of, kernel)
            assert preferences is not None
            now = await self._in_thread(preferences.stamp)
            if now != stamp:
                stamp = now
                preferences = await self._in_thread(preferences_of, known)
                shown = await self._in_thread(shown_preferences, preferences, known)
                self.publish(json.dumps({"type": "preferences", "preferences": shown}))
            await asyncio.sleep(_PREFERENCES_PULSE)
