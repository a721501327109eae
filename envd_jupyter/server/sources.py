"""The latest state of something that changes, for any number of watchers.

A `Source` is worked on by one task while somebody watches it, and for a short while after. It keeps
one state, as the text to be sent; a watcher that is slow misses states in between and never the
last one. So the cost of a source does not depend on how many watch, and that of a watcher not on
how much happens.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Hashable
    from logging import Logger

__all__ = ["Source", "Sources"]

_LINGER = 10.0
"""How long a source that nobody watches is kept, in seconds: pages are reloaded."""

S = TypeVar("S", bound="Source")


class Source(ABC):
    """Something that changes.

    Attributes
    ----------
    text
        Its latest state, JSON.
    version
        How many states there were; 0 before the first one.
    ended
        Whether this is the last state.
    watchers
        How many watch it.
    task
        What works on it.
    """

    def __init__(self) -> None:
        self.text = ""
        self.version = 0
        self.ended = False
        self.watchers = 0
        self.task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    @abstractmethod
    async def run(self) -> None:
        """Follow and publish until it ends, or the task is cancelled."""

    def publish(self, text: str) -> None:
        """Show a state to all who watch."""
        self.text = text
        self.version += 1
        self._wake()

    def end(self) -> None:
        """Say that the latest state is the last one."""
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        waiting, self._changed = self._changed, asyncio.Event()
        waiting.set()

    async def newer(self, seen: int) -> int:
        """Wait for a state newer than the one seen, or the end; returns the version there is."""
        while self.version <= seen and not self.ended:
            await self._changed.wait()
        return self.version


class Sources:
    """The sources that are watched now.

    Parameters
    ----------
    log
        Where a source that breaks is told.
    """

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._open: dict[Hashable, Source] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    def peek(self, key: Hashable) -> Source | None:
        """Return a source if there is one now."""
        return self._open.get(key)

    @contextlib.asynccontextmanager
    async def watch(self, key: Hashable, make: Callable[[], S]) -> AsyncIterator[S]:
        """Watch a source, which is made if nobody watches it yet."""
        source = self._open.get(key)
        if source is None:
            source = self._open[key] = make()
            source.task = asyncio.create_task(self._run(key, source))
            self._tasks.add(source.task)
            source.task.add_done_callback(self._tasks.discard)
        source.watchers += 1
        try:
            yield cast("S", source)
        finally:
            source.watchers -= 1
            if not source.watchers:
                asyncio.get_running_loop().call_later(_LINGER, self._drop, key, source)

    async def _run(self, key: Hashable, source: Source) -> None:
        try:
            await source.run()
        except Exception:
            self._log.exception("envd_jupyter: %s cannot be followed any more", key)
            if self._open.get(key) is source:
                del self._open[key]
        finally:
            source.end()

    def _drop(self, key: Hashable, source: Source) -> None:
        if source.watchers:
            return
        if self._open.get(key) is source:
            del self._open[key]
        if source.task is not None:
            source.task.cancel()

    async def close(self) -> None:
        """End all sources."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._open.clear()
