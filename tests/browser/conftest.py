"""What the browser tests share: one JupyterLab, one Chromium, and notebooks opened in them.

Playwright's own event loop would be in the way of asynchronous tests, so the browser lives no
longer than this package's tests. `open_notebook` opens what a test needs; kernels, pages and builds
of a test end with it.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envd_jupyter.builds.client import attach
from envd_jupyter.builds.record import History
from envd_jupyter.errors import EnvdJupyterError
from tests.browser.notebook import SCREENSHOTS, App, Notebook, write_notebook
from tests.services.lab import LabServer
from tests.services.tools import ensure_programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext

    from tests.services import Services

_FAILED = pytest.StashKey[bool]()
SIZE = {"width": 1280, "height": 1000}

_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--font-render-hinting=none"),
)


@pytest.fixture(scope="package")
def lab(services: Services) -> Iterator[LabServer]:
    """The JupyterLab server of all browser tests."""
    server = LabServer(services)
    yield server
    server.shut_down_kernels()
    server.process.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    ensure_programs({"chromium": "chromium"})
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=list(_ARGUMENTS),
            env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": "/dev/null"},
        )
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def person(browser: Browser) -> Iterator[BrowserContext]:
    """A person's browser: pages in it share what was loaded once."""
    context = browser.new_context(viewport=SIZE)  # type: ignore[arg-type]
    yield context
    context.close()


@pytest.fixture
def folder(lab: LabServer, request: pytest.FixtureRequest) -> Path:
    """A folder of the test's own below the server's root."""
    place = lab.root / re.sub(r"\W+", "-", request.node.name).strip("-")
    place.mkdir()
    return place


@pytest.fixture
def make_project(folder: Path, base_image: str) -> Callable[..., Path]:
    """Write a project whose commands are steps, beside the notebook."""

    def write(*commands: str, name: str = "train") -> Path:
        place = folder / name
        place.mkdir(exist_ok=True)
        steps = "".join(f"    run(commands=[{command!r}])\n" for command in commands)
        (place / "build.envd").write_text(
            f'# syntax=v1\n\ndef build():\n    base(image="{base_image}", dev=False)\n{steps}'
        )
        return place

    return write


@pytest.fixture
def set_settings(lab: LabServer) -> Iterator[Callable[..., None]]:
    """Choose settings of a plugin as a person does; pages opened afterwards have them."""
    changed: set[str] = set()

    def choose(plugin: str, **values: object) -> None:
        changed.add(plugin)
        lab.api(f"lab/api/settings/{plugin}", "PUT", {"raw": json.dumps(values)})

    yield choose
    for plugin in changed:
        choose(plugin)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Tell the fixtures of a test whether it failed."""
    report = yield
    if report.when == "call":  # type: ignore[attr-defined]
        item.stash[_FAILED] = report.failed  # type: ignore[attr-defined]
    return report


@pytest.fixture
def open_notebook(
    lab: LabServer,
    person: BrowserContext,
    folder: Path,
    services: Services,
    request: pytest.FixtureRequest,
) -> Iterator[Callable[..., Notebook]]:
    """Open notebooks with these cells; the first one loads the extension."""
    opened: list[Notebook] = []

    def open_(
        *cells: str,
        name: str = "notebook.ipynb",
        app: App = "lab",
        context: BrowserContext | None = None,
        **size: int,
    ) -> Notebook:
        path = folder / name
        if cells or not path.exists():
            write_notebook(path, cells or ("",))
        page = (context or person).new_page()
        if size:
            page.set_viewport_size({**SIZE, **size})  # type: ignore[typeddict-item]
        try:
            opened.append(Notebook(page, lab, path, app))
        except Exception:
            SCREENSHOTS.mkdir(exist_ok=True)
            page.screenshot(path=SCREENSHOTS / f"unopened-{folder.name}.png")
            page.close()
            raise
        return opened[-1]

    yield open_
    for number, notebook in enumerate(opened):
        if request.node.stash.get(_FAILED, False):
            notebook.screenshot(f"failed-{folder.name}-{number}")
        # The theme is a setting of the person, and would be that of the next test.
        if notebook.dark:
            notebook.theme("light")
        notebook.page.close()
    lab.shut_down_kernels()
    end_builds(services)


def end_builds(services: Services) -> None:
    """Cancel what still runs, and wait for its end."""
    for record in History(Path(services.environ["ENVD_JUPYTER_DATA_DIR"])).list(state="running"):
        with suppress(EnvdJupyterError):
            build = attach(record.id, environ=services.environ)
            build.cancel_sync()
            build.wait_sync()
