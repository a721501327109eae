"""An event loop in which time passes only while everything waits, and then at once.

What depends on delays is tested exactly and fast, however slow the machine is.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["pass_time", "run_in_no_time"]


class _Skipping(selectors.DefaultSelector):
    """Waits for nothing: the time that would be waited has passed when it returns."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.now += max(timeout or 0.0, 0.0)
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.now

    def pass_time(self, seconds: float) -> None:
        self._skipping.now += seconds


def run_in_no_time(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end; its sleeps cost no time, and are as long as they say."""
    loop = _Loop()
    try:
        loop.run_until_complete(coroutine)
    finally:
        loop.close()


def pass_time(seconds: float) -> None:
    """Let time pass in the loop that runs, as work that takes long does."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, _Loop)
    loop.pass_time(seconds)
