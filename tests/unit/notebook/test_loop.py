from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
from jupyter_client.manager import start_new_kernel

from envd_jupyter.notebook.loop import run_to_end


def ignore(count: int) -> None:
    raise AssertionError("no interrupt was sent")


def interrupt_after(seconds: float) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()


def test_without_a_loop_one_is_made_and_closed() -> None:
    async def work() -> str:
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0.01)
        return "done"

    loops: list[asyncio.AbstractEventLoop] = []
    assert run_to_end(work(), ignore) == "done"
    assert loops[0].is_closed()


def test_what_is_raised_comes_through() -> None:
    async def work() -> None:
        raise LookupError("inside")

    with pytest.raises(LookupError, match="inside"):
        run_to_end(work(), ignore)


def test_an_interrupt_asks_first_and_is_raised_when_the_work_has_ended() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[int] = []
    ended: list[str] = []

    async def work() -> None:
        stop.append(asyncio.Event())
        await stop[0].wait()
        await asyncio.sleep(0.05)
        ended.append("cleanly")

    def ask(count: int) -> None:
        seen.append(count)
        stop[0].set()

    stop: list[asyncio.Event] = []
    interrupt_after(0.1)
    with pytest.raises(KeyboardInterrupt):
        run_to_end(work(), ask)
    assert seen == [1]
    assert ended == ["cleanly"]
    assert signal.getsignal(signal.SIGINT) is before


def test_interrupts_are_counted() -> None:
    async def work() -> None:
        stop.append(asyncio.Event())
        await stop[0].wait()

    def ask(count: int) -> None:
        if count == 3:
            stop[0].set()

    stop: list[asyncio.Event] = []
    for number in range(1, 4):
        interrupt_after(0.1 * number)
    with pytest.raises(KeyboardInterrupt):
        run_to_end(work(), ask)


def test_an_error_after_an_interrupt_is_the_cause_of_it() -> None:
    async def work() -> None:
        stop.append(asyncio.Event())
        await stop[0].wait()
        raise LookupError("ended badly")

    stop: list[asyncio.Event] = []
    interrupt_after(0.1)
    with pytest.raises(KeyboardInterrupt) as caught:
        run_to_end(work(), lambda count: stop[0].set())
    assert isinstance(caught.value.__cause__, LookupError)


def test_a_hundred_interrupts_at_random_moments_leave_everything_as_it_was() -> None:
    before = signal.getsignal(signal.SIGINT)
    source = random.Random(7)

    async def work() -> None:
        stop.append(asyncio.Event())
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop[-1].wait(), 0.02)

    def ask(count: int) -> None:
        if stop:
            stop[-1].set()

    raised = 0
    for _ in range(100):
        stop: list[asyncio.Event] = []
        timer = threading.Timer(source.uniform(0.0, 0.03), os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            run_to_end(work(), ask)
            timer.join()
            time.sleep(0.001)
        except KeyboardInterrupt:
            raised += 1
        finally:
            timer.join()
        assert signal.getsignal(signal.SIGINT) is before
    assert raised == 100


BESIDE = """
import asyncio
from envd_jupyter.notebook.loop import run_to_end

async def tick():
    while True:
        ticks.append(1)
        await asyncio.sleep(0.01)

async def ticked():
    while len(ticks) <= 5:
        await asyncio.sleep(0.01)
    return "done"

async def cell():
    task = asyncio.ensure_future(tick())
    await asyncio.sleep(0)
    # As a cell does: synchronous code inside the running loop.
    answer = run_to_end(ticked(), print)
    task.cancel()
    return answer

ticks = []
assert asyncio.run(cell()) == "done"
"""


def test_beside_a_running_loop_its_tasks_go_on() -> None:
    # In a process of its own: re-entering a loop changes asyncio for the whole process.
    subprocess.run([sys.executable, "-W", "error", "-c", BESIDE], check=True, timeout=60)


def test_in_a_thread_signals_are_left_alone() -> None:
    async def work() -> str:
        await asyncio.sleep(0.01)
        return "done"

    before = signal.getsignal(signal.SIGINT)
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(run_to_end(work(), ignore)))
    thread.start()
    thread.join()
    assert answers == ["done"]
    assert signal.getsignal(signal.SIGINT) is before


CELL = """
import asyncio, signal
from envd_jupyter.notebook.loop import run_to_end
ticks = []
async def tick():
    while True:
        ticks.append(1)
        if len(ticks) == 6:
            print("waiting", flush=True)
        await asyncio.sleep(0.01)
task = asyncio.get_running_loop().create_task(tick())
before = signal.getsignal(signal.SIGINT)
stop = asyncio.Event()
run_to_end(stop.wait(), lambda count: stop.set())
"""


def test_in_a_kernel_the_cell_fails_and_the_loop_lives_on() -> None:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        waiting = client.execute(CELL)
        while True:
            message = client.get_iopub_msg(timeout=30)
            if message["content"].get("text", "").startswith("waiting"):
                break
        manager.interrupt_kernel()
        reply = client.get_shell_msg(timeout=30)
        while reply["parent_header"]["msg_id"] != waiting:  # an answer of the kernel's start
            reply = client.get_shell_msg(timeout=30)
        assert reply["content"]["status"] == "error"
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        reply = client.execute_interactive(
            "seen = len(ticks)\n"
            "while len(ticks) == seen:\n"
            "    await asyncio.sleep(0.01)\n"
            "task.cancel()",
            timeout=30,
        )
        assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
