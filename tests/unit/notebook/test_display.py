from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from envd_jupyter.builds.view import MIME_TYPE
from envd_jupyter.notebook.display import (
    INTERVAL,
    BuildDisplay,
    LinesScreen,
    NotebookScreen,
    bundle,
)
from envd_jupyter.notebook.terminal import TerminalScreen
from tests.unit.notebook import views
from tests.unit.notebook.clock import pass_time, run_in_no_time

if TYPE_CHECKING:
    from envd_jupyter.builds.view import BuildView


class Recorder:
    """A screen that notes when it is painted and what it is shown."""

    def __init__(self) -> None:
        self.paints: list[tuple[float, str | None, bool]] = []

    def paint(self, view: BuildView, *, final: bool) -> None:
        now = asyncio.get_running_loop().time()
        self.paints.append((now, view["phase"], final))


class Change:
    def __init__(self) -> None:
        self.count = 0

    def view(self) -> BuildView:
        return views.view(phase=str(self.count))


def test_the_first_change_is_painted_at_once_and_the_last_one_always() -> None:
    screen, change = Recorder(), Change()

    async def build() -> None:
        display = BuildDisplay(change.view, screen, interval=0.05, heartbeat=10)
        for change.count in (1, 2, 3):
            display.touch()
        assert [phase for _, phase, _ in screen.paints] == ["1"]
        await asyncio.sleep(0.06)
        assert [phase for _, phase, _ in screen.paints] == ["1", "3"]

    run_in_no_time(build())


def test_a_flood_is_painted_at_the_interval() -> None:
    screen, change = Recorder(), Change()

    async def build() -> None:
        display = BuildDisplay(change.view, screen, interval=0.05, heartbeat=10)
        for change.count in range(495):
            display.touch()
            await asyncio.sleep(0.001)
        display.finish()

    run_in_no_time(build())
    moments = [moment for moment, _, final in screen.paints if not final]
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert min(gaps) == pytest.approx(0.05, abs=0.002)
    assert len(moments) == 10
    assert screen.paints[-1][1:] == (str(change.count), True)


@pytest.mark.parametrize(
    ("pause", "latest"),
    [(0.007, 0.102), (0.02, 0.102), (0.041, 0.09), (0.0613, 0.09), (0.09, 0.1), (0.14, 0.0)],
)
def test_a_change_is_shown_in_time_at_ten_paints_a_second(pause: float, latest: float) -> None:
    screen, change = Recorder(), Change()
    changed: dict[int, float] = {}

    async def build() -> None:
        display = BuildDisplay(change.view, screen)
        for change.count in range(400):
            changed[change.count] = asyncio.get_running_loop().time()
            display.touch()
            await asyncio.sleep(pause)
        await asyncio.sleep(0.2)

    run_in_no_time(build())
    moments = [moment for moment, _, _ in screen.paints]
    assert (len(moments) - 1) / (moments[-1] - moments[0]) <= 10.0 + 1e-6
    ages = [min(m for m in moments if m >= moment) - moment for moment in changed.values()]
    assert max(ages) <= INTERVAL + 1e-6
    assert sorted(ages)[int(0.99 * len(ages))] <= latest + 1e-6


def test_after_a_paint_that_takes_long_half_of_the_time_belongs_to_others() -> None:
    change = Change()

    class Slow(Recorder):
        def paint(self, view: BuildView, *, final: bool) -> None:
            super().paint(view, final=final)
            pass_time(0.2)

    screen = Slow()

    async def build() -> None:
        display = BuildDisplay(change.view, screen, interval=0.05, heartbeat=10)
        for _ in range(300):
            display.touch()
            await asyncio.sleep(0.001)

    run_in_no_time(build())
    moments = [moment for moment, _, _ in screen.paints]
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert min(gaps) >= 0.2 + 0.05 / 2 - 0.001


def test_clocks_go_on_without_events_until_the_end() -> None:
    screen, change = Recorder(), Change()

    async def build() -> None:
        display = BuildDisplay(change.view, screen, interval=0.01, heartbeat=0.03)
        display.touch()
        await asyncio.sleep(0.2)
        assert len(screen.paints) == 7
        display.finish()
        display.touch()
        display.finish()
        await asyncio.sleep(0.1)

    run_in_no_time(build())
    assert [final for _, _, final in screen.paints] == [False] * 7 + [True]


def test_a_bundle_has_all_three_forms() -> None:
    data = bundle(views.succeeded())
    assert set(data) == {MIME_TYPE, "text/html", "text/plain"}


class Publisher:
    def __init__(self) -> None:
        self.messages: list[tuple[str, bool]] = []

    def publish(
        self, data: object, metadata: object, *, transient: dict[str, str], update: bool
    ) -> None:
        self.messages.append((transient["display_id"], update))


class CapturingDisplayPublisher(Publisher):
    """Named as IPython's, which keeps all it is given."""


class Shell:
    def __init__(self, publisher: Publisher) -> None:
        self.display_pub = publisher


def test_a_notebook_gets_one_display_that_is_updated() -> None:
    publisher = Publisher()
    screen = NotebookScreen(Shell(publisher), "b")  # type: ignore[arg-type]
    for final in (False, False, True):
        screen.paint(views.running(), final=final)
    assert publisher.messages == [("b", False), ("b", True), ("b", True)]


def test_captured_output_holds_the_end_only() -> None:
    publisher = CapturingDisplayPublisher()
    screen = NotebookScreen(Shell(publisher), "b")  # type: ignore[arg-type]
    for final in (False, False, True):
        screen.paint(views.running(), final=final)
    assert publisher.messages == [("b", False)]


def test_lines_say_each_change_once() -> None:
    said: list[str] = []
    screen = LinesScreen(said.append)
    screen.paint(views.running(), final=False)
    first = list(said)
    screen.paint(views.running(), final=False)
    assert said == first
    assert said[0] == "churn-model: building\n"
    assert not any("[internal]" in line for line in said)
    screen.paint(views.succeeded(), final=True)
    assert "built, 10/10 steps" in said[-1]


def test_a_terminal_is_left_with_the_final_state() -> None:
    console = Console(width=100, height=40, force_terminal=True, record=True)
    screen = TerminalScreen(console)
    screen.paint(views.running(), final=False)
    screen.paint(views.failed(), final=True)
    text = console.export_text()
    assert "12/15 steps, 9 cached (60 %), 14.2 s" in text
    assert "Hint: pip found no package `nunpy`" in text
