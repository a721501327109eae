"""Acting on a click only once everything typed before it has arrived.

A page keeps the order of what it sends for one widget, but not between widgets: while the kernel
deals with a change of a text, the page holds the next one back, and a click on a button overtakes
it. With a busy kernel a build would begin with the first letter of its image. So a click is sent to
the page and back: the page copies a number from one widget to another, and what it held back is on
its way before that copy.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RoundTrip"]


class RoundTrip:
    """A way to the page that shows the widgets, and back.

    Without a page that answers (a notebook that is run by a program, a front end without links
    between widgets) nothing is waited for. When a page is reloaded on the way, the new one answers.

    Examples
    --------
    >>> trip = RoundTrip()
    >>> trip.then(lambda: print("nobody types here"))
    nobody types here
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._waiting: list[tuple[int, Callable[[], object]]] = []
        # The page answers this first number as soon as it has made its widgets.
        self._sent = widgets.IntText(1)
        self._returned = widgets.IntText(0)
        self._returned.observe(self._arrived, "value")
        self._link = widgets.jsdlink((self._sent, "value"), (self._returned, "value"))

    def then(self, act: Callable[[], object]) -> None:
        """Call something once all that was typed so far has arrived, in the order of the calls."""
        with self._lock:
            answers = self._returned.value > 0
            if answers:
                number = self._sent.value + 1
                self._waiting.append((number, act))
                self._sent.value = number
        if not answers:
            act()

    def _arrived(self, change: Any) -> None:
        with self._lock:
            due = [act for number, act in self._waiting if number <= change["new"]]
            del self._waiting[: len(due)]
        for act in due:
            act()

    def close(self) -> None:
        """Let go of the widgets; what still waits is not called."""
        for widget in (self._link, self._sent, self._returned):
            widget.close()
