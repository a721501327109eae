"""One live display per build, updated in place.

A build sends many more events than a page can show. `BuildDisplay` is told that something
changed, and asks for a view only when it paints: at once if it has been quiet, otherwise when the
last paint is a tenth of a second old. So there are at most ten paints a second, nothing waits
longer than that, and the last state is always painted. In a notebook each paint replaces the
output with the same display id, wherever it is shown; the final one is a static bundle that
needs no kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any, Protocol

from envd_jupyter.builds.view import MIME_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from IPython.core.interactiveshell import InteractiveShell

    from envd_jupyter.builds.view import BuildView

__all__ = ["BuildDisplay", "Screen", "bundle", "choose_screen", "new_display_id"]

INTERVAL = 0.102
"""Mean time between two paints while changes come without end, in seconds.

A little over a tenth, so that with the last one, which waits for nothing, they are ten a second.
"""

_PROMPT = 0.85
"""How long a change may wait to be painted with those after it, as a part of the interval.

The rest is what the way to a front end takes, so that what is shown is at most an interval old.
"""

HEARTBEAT = 1.0
"""Longest time without a paint while the build runs, in seconds: clocks go on."""


def bundle(view: BuildView) -> dict[str, object]:
    """Return a build as a MIME bundle: for the JupyterLab extension, as HTML and as text."""
    from envd_jupyter.notebook.html import render_html
    from envd_jupyter.notebook.text import render_text

    return {
        MIME_TYPE: dict(view),
        "text/html": render_html(view),
        "text/plain": render_text(view),
    }


class Screen(Protocol):
    """Where a build is painted."""

    def paint(self, view: BuildView, *, final: bool) -> None:
        """Show the build as it is now; ``final`` is the last time."""


class BuildDisplay:
    """Paint a build at most ten times a second.

    Parameters
    ----------
    view
        Called for each paint; returns the build at that moment.
    screen
        Where to paint.
    interval, heartbeat
        Mean time between paints that have to wait for each other, and longest time without one, in
        seconds. A paint after a longer pause lets another come sooner, by half an interval at most.
    """

    def __init__(
        self,
        view: Callable[[], BuildView],
        screen: Screen,
        *,
        interval: float = INTERVAL,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self.paints = 0
        self._view = view
        self._screen = screen
        self._interval = interval
        self._heartbeat = heartbeat
        self._last: float | None = None
        self._spare = 0.0  # by how much the next paint may come sooner than the interval
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._finished = False

    def touch(self) -> None:
        """Say that something changed. Called in the event loop, as often as one likes."""
        if self._finished:
            return
        now = asyncio.get_running_loop().time()
        if self._last is None or now - self._last >= self._interval:
            self._paint()
        else:
            # Time to spare keeps the usual pace. Without any, a change waits a little longer for
            # others, which is how it is earned again.
            usual, soon = self._last + self._interval, now + _PROMPT * self._interval
            if self._spare >= (1 - _PROMPT) * self._interval:
                soon = min(soon, usual)
            self._wake_at(max(soon, usual - self._spare))

    def finish(self) -> None:
        """Paint the final state, once; later changes are not shown."""
        if self._finished:
            return
        self._finished = True
        if self._timer is not None:
            self._timer.cancel()
        self.paints += 1
        self._screen.paint(self._view(), final=True)

    def _paint(self) -> None:
        if self._finished:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._last is not None:
            earned = self._spare + now - self._last - self._interval
            self._spare = min(max(earned, 0.0), self._interval / 2)
        self._screen.paint(self._view(), final=False)
        self.paints += 1
        # A paint that takes long delays the next one: at least half of the time belongs to others.
        self._last = max(now, loop.time() - self._interval / 2 + self._spare)
        self._due = None
        self._wake_at(self._last + self._heartbeat)

    def _wake_at(self, when: float) -> None:
        if self._due is not None and self._due <= when:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = when
        self._timer = asyncio.get_running_loop().call_at(when, self._paint)


class NotebookScreen:
    """A display with an id, replaced in place by every front-end that shows it.

    Parameters
    ----------
    shell
        The kernel's shell.
    display_id
        The id; every cell that shows the same build has its own.
    """

    def __init__(self, shell: InteractiveShell, display_id: str) -> None:
        self.display_id = display_id
        self._publisher: Any = shell.display_pub
        self._shown = False
        # `%%capture` keeps every publication: it gets the last one only.
        self._captured = type(self._publisher).__name__ == "CapturingDisplayPublisher"

    def paint(self, view: BuildView, *, final: bool) -> None:
        """Publish the build, the first time as a new output and then as its replacement."""
        if self._captured and not final:
            return
        with self._forgetful():
            self._publisher.publish(
                data=bundle(view),
                metadata={},
                transient={"display_id": self.display_id},
                update=self._shown,
            )
        self._shown = True

    @contextlib.contextmanager
    def _forgetful(self) -> Iterator[None]:
        """Keep updates out of the kernel's own history of outputs.

        ipykernel (7.4) stores every bundle that is published for as long as the kernel lives; an
        hour of a build would be gigabytes.
        """
        kept = getattr(self._publisher, "store_display_history", None)
        if not self._shown or not kept:
            yield
            return
        self._publisher.store_display_history = False
        try:
            yield
        finally:
            self._publisher.store_display_history = kept


class LinesScreen:
    """Lines as they come: for pipes, logs and those who asked for text.

    Parameters
    ----------
    write
        Called with each piece of text, newline included.
    """

    def __init__(self, write: Callable[[str], object] | None = None) -> None:
        self._write = write or _write_stdout
        self._said: dict[str, str] = {}
        self._headline = ""

    def paint(self, view: BuildView, *, final: bool) -> None:
        """Write a line for the headline and each step that changed since the last time."""
        from envd_jupyter.notebook.text import render_text
        from envd_jupyter.notebook.wording import headline, step_line

        if final:
            self._write(render_text(view) + "\n")
            return
        head = headline(view)
        if head != self._headline:
            self._headline = head
            recording = " (a recording)" if view["recording"] else ""
            self._write(f"{view['title']}{recording}: {head}\n")
        for step in view["steps"]:
            state = step["state"]
            if self._said.get(step["digest"]) == state or state == "waiting":
                continue
            if step["kind"] == "internal" and state != "failed":
                continue
            self._said[step["digest"]] = state
            self._write(f"  {step_line(step)}\n")


class QuietScreen:
    """One line when the build has ended, more if it failed."""

    def paint(self, view: BuildView, *, final: bool) -> None:
        """Write the outcome."""
        from envd_jupyter.notebook.text import one_line

        if final:
            _write_stdout(one_line(view) + "\n")


def _write_stdout(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def new_display_id(build_id: str) -> str:
    """Return an id for one more display of a build."""
    return f"envd-{build_id}-{os.urandom(4).hex()}"


def choose_screen(
    shell: InteractiveShell, progress: str, display_id: str, *, terminal: bool | None = None
) -> Screen:
    """Return where a build is painted.

    Parameters
    ----------
    shell
        The shell the magic runs in.
    progress
        ``auto``, ``text`` or ``quiet``.
    display_id
        The id of the display, where there are displays.
    terminal
        Whether standard output is a terminal that can be repainted; found out if None.
    """
    if progress == "quiet":
        return QuietScreen()
    if progress == "text":
        return LinesScreen()
    if hasattr(shell, "kernel"):
        return NotebookScreen(shell, display_id)
    return terminal_screen(terminal)


def terminal_screen(terminal: bool | None = None) -> Screen:
    """Return where a build is painted outside of a notebook.

    Parameters
    ----------
    terminal
        Whether standard output is a terminal that can be repainted; found out if None.
    """
    if sys.stdout.isatty() if terminal is None else terminal:
        from envd_jupyter.notebook.terminal import TerminalScreen

        return TerminalScreen()
    return LinesScreen()
