"""What the handlers share: the builds on disk, and who follows what.

There is one hub for each server. It holds no build: those live in processes of their own, and a
server that starts again finds them where they are.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, TypeVar

from envd_jupyter.builds.folder import BuildFolder, builds, data_dir
from envd_jupyter.builds.record import History
from envd_jupyter.server.following import FollowedBuild, FollowedBuilds, FollowedPreferences
from envd_jupyter.server.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from logging import Logger
    from pathlib import Path
    from typing import Any

    from envd_jupyter.builds.record import BuildRecord
    from envd_jupyter.server.kernels import KernelHere

__all__ = ["Hub"]

T = TypeVar("T")

_THREADS = 4


class Hub:
    """Follows builds and settings for all who watch.

    Parameters
    ----------
    log
        The server's log.
    data
        The data folder; by default the user's.
    """

    def __init__(self, log: Logger, data: Path | None = None) -> None:
        self.data = data_dir() if data is None else data
        self.history = History(self.data, known=self._followed_record)
        self.sources = Sources(log)
        self._pool = ThreadPoolExecutor(_THREADS, "envd-jupyter")

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do something that blocks, beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    async def folder(self, build_id: str) -> BuildFolder:
        """Return the folder of a build.

        Raises
        ------
        RecordError
            If there is no such build.
        """
        return await self.in_thread(BuildFolder.find, build_id, self.data)

    async def records(self, **filters: Any) -> list[BuildRecord]:
        """Return records as `History.list` does.

        Running builds are followed for it, and for a while after: who asks again and again does not
        have their logs read from the start each time.
        """
        async with AsyncExitStack() as held:
            for build_id in await self.in_thread(self._live):
                followed = await held.enter_async_context(self.following(build_id))
                await followed.newer(0)
            return await self.in_thread(lambda: self.history.list(**filters))

    def _live(self) -> list[str]:
        return [folder.id for folder in builds(self.data) if folder.is_live()]

    def _followed_record(self, folder: BuildFolder) -> BuildRecord | None:
        followed = self.sources.peek(("build", folder.id))
        return followed.record if isinstance(followed, FollowedBuild) else None

    def following(self, build_id: str) -> AbstractAsyncContextManager[FollowedBuild]:
        """Follow a build that is there."""
        folder = BuildFolder(self.data / "builds" / build_id)
        return self.sources.watch(
            ("build", build_id), lambda: FollowedBuild(folder, self.in_thread)
        )

    def following_all(self) -> AbstractAsyncContextManager[FollowedBuilds]:
        """Follow the list of builds."""
        return self.sources.watch("builds", lambda: FollowedBuilds(self))

    def following_preferences(
        self, kernel_id: str, find: Callable[[], Awaitable[KernelHere | None]]
    ) -> AbstractAsyncContextManager[FollowedPreferences]:
        """Follow the settings of a kernel; see `FollowedPreferences`."""
        return self.sources.watch(
            ("preferences", kernel_id), lambda: FollowedPreferences(find, self.in_thread)
        )

    async def close(self) -> None:
        """Let go of everything."""
        await self.sources.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
