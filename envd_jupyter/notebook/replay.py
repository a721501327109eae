"""Play the event log of a build again, through the same display, labelled as a recording."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from envd_jupyter.builds.events import read_events
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

__all__ = ["moment", "replay"]

_LONGEST_PAUSE = 2.0


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
        If there is no such recording, or it is none.
    KeyboardInterrupt
        If the kernel is interrupted meanwhile.
    """
    file = path / "events.jsonl" if path.is_dir() else path
    if not file.is_file():
        raise RecordError(f"there is no recording {file}", hint="Name an events.jsonl.")
    player = _Player(file, screen, speed)
    run_to_end(player.play(), player.stop)
    if not player.state.start:
        raise RecordError(f"{file} is no recording of a build", hint="Name an events.jsonl.")
    return BuildResult.from_state(player.state, file.parent)


class _Player:
    def __init__(self, file: Path, screen: Screen, speed: float) -> None:
        self.state = BuildState(file.parent.name)
        self._file = file
        self._speed = speed
        self._now: float | None = None
        self._stopped = False
        self._display = BuildDisplay(self._view, screen)

    def stop(self, count: int) -> None:
        self._stopped = True

    def _view(self) -> BuildView:
        view = self.state.view(now=self._now)
        view["recording"] = True
        return view

    async def play(self) -> None:
        for event in read_events(self._file):
            await self._wait_for(moment(event))
            if self._stopped:
                break
            self.state.apply(event)
            if self._speed:
                self._display.touch()
        if self.state.start:
            self._display.finish()

    async def _wait_for(self, when: float | None) -> None:
        if when is None:
            return
        pause = when - self._now if self._now is not None else 0.0
        self._now = max(when, self._now or 0.0)
        if self._speed and pause > 0:
            await asyncio.sleep(min(pause / self._speed, _LONGEST_PAUSE))
