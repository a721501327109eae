"""A build that a form started, followed in a thread of its own.

The kernel is free meanwhile, and a cell that runs does not stop the form from showing its build.
When the thread ends with the kernel, the build goes on: ``%envd_attach`` shows it again.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from envd_jupyter.errors import EnvdJupyterError
from envd_jupyter.notebook.following import Follower

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envd_jupyter.builds.client import Build
    from envd_jupyter.builds.request import BuildRequest
    from envd_jupyter.builds.result import BuildResult
    from envd_jupyter.builds.view import BuildView

__all__ = ["FormBuild"]


class FormBuild:
    """One build of a form.

    Parameters
    ----------
    request
        What to build.
    environ
        The environment of the build.
    paint
        Called with the build's state, at most ten times a second, in the thread.
    ended
        Called once, in the thread, with the result, or with the error if nothing was started.
    """

    def __init__(
        self,
        request: BuildRequest,
        environ: Mapping[str, str],
        paint: Callable[[BuildView], None],
        ended: Callable[[BuildResult | None, EnvdJupyterError | None], None],
    ) -> None:
        self.request = request
        self.build: Build | None = None
        self._environ = dict(environ)
        self._paint = paint
        self._ended = ended
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="envd-form", daemon=True)

    def start(self) -> None:
        """Start the build and return at once."""
        self._thread.start()

    def cancel(self) -> None:
        """Ask the build to stop; its end is shown like any other."""
        self._cancelled.set()
        build = self.build
        if build is not None:
            threading.Thread(target=build.cancel_sync, name="envd-cancel", daemon=True).start()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the build has ended and was shown."""
        self._thread.join(timeout)

    def paint(self, view: BuildView, *, final: bool) -> None:
        """Show the build; the screen of the follower."""
        self._paint(view)

    def _run(self) -> None:
        result, fault = None, None
        try:
            result = asyncio.run(self._follow())
        except EnvdJupyterError as error:
            fault = error
        except Exception as error:
            fault = EnvdJupyterError(f"the build could not be followed: {error}")
        self._ended(result, fault)

    async def _follow(self) -> BuildResult | None:
        from envd_jupyter.builds.client import start_build

        build = await start_build(self.request, environ=self._environ)
        self.build = build
        if self._cancelled.is_set():
            await build.cancel()
        return await Follower(build, self).run()
