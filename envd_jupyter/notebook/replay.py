"""Play the event log of a build again, through the same display, labelled as a recording.

Time goes as it went then, some times as fast; only pauses are cut short, so that nobody watches a
step compile for an hour. A recording is the log of one of our builds, or what
``docker buildx build --progress rawjson`` and ``%envd_history export`` write: that has neither our
beginning nor our end, and gets both here. One that breaks off says so.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from envd_jupyter.builds.events import own_event, read_events
from envd_jupyter.builds.result import BuildResult
from envd_jupyter.builds.state import BuildState
from envd_jupyter.builds.steps import seconds
from envd_jupyter.errors import RecordError
from envd_jupyter.notebook.display import BuildDisplay
from envd_jupyter.notebook.loop import run_to_end

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from envd_jupyter.builds.view import BuildView
    from envd_jupyter.notebook.display import Screen

__all__ = ["ReplayInterrupted", "is_recording", "moment", "replay"]

_LONGEST_PAUSE = 2.0
_NOTICED = 0.005
_BREATH = 500
_HINT = "A recording is an events.jsonl, or a folder that holds one, as below builds/ in the data."


class ReplayInterrupted(KeyboardInterrupt):
    """The kernel was interrupted while a recording was played."""

    def _render_traceback_(self) -> list[str]:
        return ["KeyboardInterrupt: the recording was interrupted; this is its end"]


def moment(event: Mapping[str, Any]) -> float | None:
    """Return when an event of a build was, in seconds since the epoch, if it tells."""
    own = event.get("envd")
    if own is not None:
        time = own.get("time")
        return float(time) if isinstance(time, (int, float)) else None
    stamps = [
        stamp
        for kind in ("vertexes", "statuses", "logs")
        for item in event.get(kind) or ()
        for stamp in (item.get("completed") or item.get("started"), item.get("timestamp"))
        if stamp
    ]
    return max((seconds(stamp) or 0.0 for stamp in stamps), default=None)


def is_recording(path: Path) -> bool:
    """Return whether a path looks like a recording: a file of events, or a folder that has one."""
    return (path / "events.jsonl").is_file() or (path.suffix == ".jsonl" and path.is_file())


def replay(path: Path, screen: Screen, *, speed: float = 1.0) -> BuildResult:
    """Play a recorded build and return its result.

    Parameters
    ----------
    path
        An ``events.jsonl``, or the folder of a build that holds one.
    screen
        Where to show it.
    speed
        How many times faster than it was; 0 shows the end at once. Pauses are never longer than
        two seconds.

    Raises
    ------
    RecordError
        If there is no such recording, or it is none, or it is damaged.
    ReplayInterrupted
        If the kernel is interrupted meanwhile; the end is shown first.
    """
    file = path / "events.jsonl" if path.is_dir() else path
    if not file.is_file():
        raise RecordError(f"there is no recording {path}", hint=_HINT)
    player = _Player(file, screen, speed)
    try:
        run_to_end(player.play(), player.skip)
    except OSError as error:
        raise RecordError(f"{file} cannot be read: {error.strerror}", hint=_HINT) from None
    except KeyboardInterrupt:
        raise ReplayInterrupted from None
    return BuildResult.from_state(player.state, file.parent)


class _Player:
    def __init__(self, file: Path, screen: Screen, speed: float) -> None:
        self.state = BuildState(file.parent.name)
        self._file = file
        self._speed = speed
        self._skipped = asyncio.Event()
        self._display = BuildDisplay(self._view, screen)
        # The time of the recording goes from one event to the next until the loop's clock is `due`.
        self._before = self._now = 0.0
        self._due: float | None = None
        self._rate = 0.0

    def skip(self, count: int) -> None:
        """Go to the end at once."""
        self._speed = 0.0
        self._skipped.set()

    def _view(self) -> BuildView:
        now = self._now
        if self._due is not None and self._speed:
            left = self._due - asyncio.get_running_loop().time()
            now = min(max(now - left * self._rate, self._before), now)
        view = self.state.view(now=now or None)
        view["recording"] = True
        return view

    async def play(self) -> None:
        """Show every event at its time, and then the end."""
        for number, event in enumerate(read_events(self._file), 1):
            try:
                when = moment(event)
                self._begin(event, when)
                await self._wait_for(when)
                self.state.apply(event)
            except (ValueError, TypeError, LookupError, AttributeError):
                raise RecordError(
                    f"the recording {self._file} is damaged: its event {number} cannot be read",
                    hint=_HINT,
                ) from None
            if self._speed:
                self._display.touch()
            if number % _BREATH == 0:
                await asyncio.sleep(0)
        if not self.state.start:
            raise RecordError(f"{self._file} is no recording of a build", hint=_HINT)
        self._end()
        self._display.finish()

    def _begin(self, event: Mapping[str, Any], when: float | None) -> None:
        """Give a log that begins with BuildKit's own events the beginning it lacks."""
        start = self.state.start
        if not start and event.keys() & {"vertexes", "statuses", "logs"}:
            named = self._file.parent if self._file.name == "events.jsonl" else self._file
            begun = own_event("start", title=named.stem)
            begun["envd"]["time"] = when
            self.state.apply(begun)
        elif start and start.get("time") is None:
            start["time"] = when  # the first events may tell of steps that have not begun

    def _end(self) -> None:
        """Give a log that has no result one."""
        state = self.state
        if state.result is not None:
            return
        failed = state.failed_step()
        if state.start.get("id"):
            end = own_event("result", state="lost", message="the recording breaks off here")
        elif failed is not None:
            end = own_event(
                "result", state="failed", message=failed.error, failed_step=failed.digest
            )
        else:
            end = own_event("result", state="succeeded")
        end["envd"]["time"] = self._now
        state.apply(end)

    async def _wait_for(self, when: float | None) -> None:
        if when is None or when <= self._now:
            return
        self._before, self._now = self._now or when, when
        passed = self._now - self._before
        if not self._speed or not passed:
            return
        loop = asyncio.get_running_loop()
        pause = min(passed / self._speed, _LONGEST_PAUSE)
        self._rate = passed / pause
        self._due = (loop.time() if self._due is None else self._due) + pause
        left = self._due - loop.time()
        if left > _NOTICED:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._skipped.wait(), left)
