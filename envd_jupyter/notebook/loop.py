"""Run a coroutine to its end inside a cell, and turn Ctrl-C into a request.

A magic is an ordinary function, while a build is awaited. In a kernel an event loop already runs:
it is driven further from inside the cell, so that the user's own tasks, widgets and background
builds go on while the cell waits. In a terminal no loop runs, and one is made for the call.

While the coroutine runs, an interrupt of the kernel raises nothing in the middle of it. It calls
``on_interrupt`` with 1, 2, 3 … in the loop, and the coroutine ends as it sees fit; after that the
interrupt is raised as `KeyboardInterrupt`, so that the cell fails and "Run All" stops. The signal
handler that was there before is there again afterwards, whatever happens.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from types import FrameType
    from typing import Any

    Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None

__all__ = ["run_to_end", "running_loop"]

T = TypeVar("T")


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop this thread runs at the moment, if any."""
    with suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None


def run_to_end(coroutine: Coroutine[Any, Any, T], on_interrupt: Callable[[int], None]) -> T:
    """Run a coroutine to its end from synchronous code.

    Parameters
    ----------
    coroutine
        What to run.
    on_interrupt
        Called in the event loop at each interrupt with their number so far, from 1. It asks the
        coroutine to end, with more force each time.

    Returns
    -------
    object
        What the coroutine returns.

    Raises
    ------
    KeyboardInterrupt
        If there was an interrupt, once the coroutine has ended, whatever it returned or raised.
    """
    loop = running_loop()
    if loop is None:
        return _run_alone(coroutine, on_interrupt)
    try:
        import nest_asyncio2

        nest_asyncio2.apply(loop)
    except ValueError:
        # A loop that cannot be entered twice (uvloop): leave it waiting, run in a thread.
        return _run_aside(coroutine, on_interrupt)
    with _interrupts(on_interrupt) as hand_to:
        hand_to(loop)
        return loop.run_until_complete(coroutine)


def _run_alone(coroutine: Coroutine[Any, Any, T], on_interrupt: Callable[[int], None]) -> T:
    # An interrupt in the middle of making or closing a loop would leave half of one behind.
    with _interrupts(on_interrupt) as hand_to:
        loop = asyncio.new_event_loop()
        try:
            hand_to(loop)
            return loop.run_until_complete(coroutine)
        finally:
            _close(loop)


def _run_aside(coroutine: Coroutine[Any, Any, T], on_interrupt: Callable[[int], None]) -> T:
    from concurrent.futures import Future
    from contextvars import copy_context

    outcome: Future[T] = Future()

    def work() -> None:
        loop = asyncio.new_event_loop()
        try:
            hand_to(loop)
            outcome.set_result(loop.run_until_complete(coroutine))
        except BaseException as error:
            outcome.set_exception(error)
        finally:
            _close(loop)

    with _interrupts(on_interrupt) as hand_to:
        thread = threading.Thread(target=copy_context().run, args=(work,), name="envd-build")
        thread.start()
        thread.join()
        return outcome.result()


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop of ours as `asyncio.run` would."""
    try:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


@contextmanager
def _interrupts(
    on_interrupt: Callable[[int], None],
) -> Iterator[Callable[[asyncio.AbstractEventLoop], None]]:
    """Hand SIGINT to ``on_interrupt`` inside the block; raise it when the block has ended.

    What is yielded takes the loop in which to call it; interrupts before that wait for it.
    """
    if threading.current_thread() is not threading.main_thread():
        # Signals belong to the main thread; a cell of a subshell is not the one interrupted.
        yield lambda loop: None
        return
    count = told = 0
    target: asyncio.AbstractEventLoop | None = None

    def note(signum: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        tell()

    def tell() -> None:
        nonlocal told
        while target is not None and told < count:
            told += 1
            with suppress(RuntimeError):  # the loop is closed already
                target.call_soon_threadsafe(on_interrupt, told)

    def hand_to(loop: asyncio.AbstractEventLoop) -> None:
        nonlocal target
        target = loop
        tell()

    # From the next line on an interrupt is noted and never raised, so `try` is always reached.
    previous: Handler = signal.signal(signal.SIGINT, note)
    try:
        yield hand_to
    except BaseException as error:
        if count and not isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler if previous is None else previous)
    if count:
        raise KeyboardInterrupt
