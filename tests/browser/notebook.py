"""A notebook in a browser, used as a person uses it: cells are run with the keyboard and looked at.

Everything waits for what is to be seen, never for a time, so a slow machine is only slow.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import FloatRect, Locator, Page

    from tests.services.lab import LabServer

SCREENSHOTS = Path(__file__).parent / "screenshots"
START = 120_000  # milliseconds: a page and its kernel on a busy machine
RUN = 120_000  # milliseconds: a cell

App = Literal["lab", "notebook"]
Theme = Literal["light", "dark"]


def write_notebook(path: Path, cells: Sequence[str]) -> Path:
    """Write a notebook with these code cells."""
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for number, source in enumerate(cells)
        ],
    }
    path.write_text(json.dumps(content))
    return path


class Notebook:
    """An open notebook.

    Parameters
    ----------
    page
        The browser's page; everything Playwright can do is at hand.
    lab
        The server.
    path
        The notebook's file.
    app
        Whether JupyterLab or Notebook 7 shows it.
    """

    def __init__(self, page: Page, lab: LabServer, path: Path, app: App = "lab") -> None:
        self.page = page
        self.lab = lab
        self.path = path
        self.app = app
        self.dark = False
        name = path.relative_to(lab.root).as_posix()
        self.name = name
        self.workspace = re.sub(r"\W", "-", name)
        self.url = lab.url(
            f"lab/workspaces/{self.workspace}/tree/{name}" if app == "lab" else f"notebooks/{name}"
        )
        self.page.goto(self.url)
        self.wait_until_ready()

    # The page

    def wait_until_ready(self) -> None:
        """Wait until the notebook is shown and its kernel is idle."""
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=START)
        # Ready means: the kernel has answered. The app itself knows best.
        self.page.wait_for_function(
            """() => {
              const app = window.jupyterapp;
              const widget = app && app.shell.currentWidget;
              const session = widget && widget.sessionContext;
              const kernel = session && session.session && session.session.kernel;
              return kernel && kernel.status === "idle" && kernel.connectionStatus === "connected";
            }""",
            timeout=START,
        )

    def reload(self) -> None:
        """Reload the page, as with F5, and wait for the notebook; a cell may be running."""
        self.page.reload()
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=START)

    def keeps(self, text: str) -> bool:
        """Return whether JupyterLab has stored that something with a text in its name is open."""
        stored = self.lab.api(f"lab/api/workspaces/{self.workspace}")["data"]
        return text in json.dumps(stored.get("layout-restorer:data"))

    def command(self, name: str, **arguments: object) -> None:
        """Run a command of the application, as a menu entry does."""
        self.page.evaluate(
            # What it returns may be a widget, which cannot come here.
            "async ([name, args]) => { await window.jupyterapp.commands.execute(name, args); }",
            [name, arguments],
        )

    def theme(self, theme: Theme) -> None:
        """Switch to the light or the dark theme."""
        self.dark = theme == "dark"
        name = f"JupyterLab {theme.capitalize()}"
        self.page.emulate_media(color_scheme=theme)
        self.command("apputils:change-theme", theme=name)
        self.page.locator(f"body[data-jp-theme-name='{name}']").wait_for(state="attached")

    def save(self) -> None:
        """Save the notebook and wait until its file has what is shown."""
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.context.save()",
        )

    def restart_kernel(self) -> None:
        """Restart the kernel, as the menu does once it is confirmed."""
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()"
        )
        self.wait_until_ready()

    # Cells

    def cell(self, number: int) -> Locator:
        """Return a cell, from 0."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def start(self, number: int) -> Locator:
        """Run a cell with Shift+Enter and return it at once."""
        cell = self.cell(number)
        # The number of an earlier run would be taken for the end of this one.
        self.page.evaluate(
            "number => { window.jupyterapp.shell.currentWidget.content.widgets[number]"
            ".model.executionCount = null; }",
            number,
        )
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        return cell

    def run(self, number: int, *, timeout: float = RUN) -> Locator:
        """Run a cell to its end, in milliseconds at most, and return it."""
        self.start(number)
        return self.finish(number, timeout=timeout)

    def finish(self, number: int, *, timeout: float = RUN) -> Locator:
        """Wait until a started cell has ended, and return it."""
        cell = self.cell(number)
        prompt = cell.locator(".jp-InputPrompt")
        expect(prompt).to_have_text(re.compile(r"\[\d+\]:"), timeout=timeout)
        return cell

    def type_cell(self, number: int, source: str) -> None:
        """Replace the text of a cell."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(source)

    def output(self, number: int) -> Locator:
        """Return all outputs of a cell."""
        return self.cell(number).locator(".jp-Cell-outputArea")

    def card(self, number: int) -> Locator:
        """Return the build that a cell shows."""
        return self.output(number).locator(".ej-card, .envd-build").first

    def form(self, number: int) -> Locator:
        """Return the form that a cell shows."""
        return self.output(number).locator(".envd-form").first

    # Pictures

    def screenshot(self, name: str, what: Locator | None = None, *, pad: int = 8) -> Path:
        """Keep a picture of the page, or of something on it, and return its file."""
        SCREENSHOTS.mkdir(exist_ok=True)
        file = SCREENSHOTS / f"{name}.png"
        self.page.mouse.move(0, 0)
        if what is None:
            self.page.screenshot(path=file, animations="disabled")
            return file
        what.evaluate("element => element.scrollIntoView({block: 'nearest'})")
        # A live card is replaced ten times a second: there may be none at this very moment.
        while (box := what.bounding_box()) is None:
            what.wait_for()
        clip: FloatRect = {
            "x": max(box["x"] - pad, 0),
            "y": max(box["y"] - pad, 0),
            "width": box["width"] + 2 * pad,
            "height": box["height"] + 2 * pad,
        }
        self.page.screenshot(path=file, animations="disabled", clip=clip)
        return file
