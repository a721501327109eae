"""What the JupyterLab extension shows beside a notebook, found as a person finds it: by words."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.browser.notebook import Notebook

ROOT = Path(__file__).parents[2]
AXE = ROOT / "labextension/node_modules/axe-core/axe.min.js"


class Panel:
    """The sidebar, opened in the page of a notebook."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self.page = notebook.page
        self.element = self.page.get_by_role("region", name="envd builds")
        notebook.command("envd:open-panel")
        self.element.wait_for()

    # Builds

    @property
    def running(self) -> Locator:
        """The builds that run."""
        return self.element.get_by_role("region", name="Running builds").get_by_role("listitem")

    @property
    def history(self) -> Locator:
        """The builds of the past, the latest first."""
        return self.element.get_by_role("region", name="History").get_by_role("listitem")

    @property
    def filter(self) -> Locator:
        """Where one types what is looked for."""
        return self.element.get_by_role("searchbox", name=re.compile("Filter builds"))

    @property
    def status(self) -> Locator:
        """The item of the status bar."""
        return self.page.get_by_role("button", name=re.compile(r"Show envd builds"))

    # Cache settings

    def caches(self, direction: str) -> Locator:
        """Return the section of the exports or the imports."""
        return self.element.get_by_role("region", name=f"{direction.capitalize()}s", exact=True)

    def entries(self, direction: str) -> Locator:
        """Return the caches of a direction."""
        return self.caches(direction).locator("[data-entry]")

    def add(self, direction: str) -> Locator:
        """Begin a new cache, and return its form."""
        self.element.get_by_role("button", name=f"Add an {direction}").click()
        form = self.element.get_by_role("form", name=f"New {direction}")
        form.wait_for()
        return form


def build_tab(page: Page) -> Locator:
    """Return the opened build that is in sight."""
    return page.locator("[data-build^='2']:not(.lm-mod-hidden) > .ej-document")


def complaints(page: Page, *selectors: str) -> list[str]:
    """Return what axe, the checker of accessibility, has against some elements of the page."""
    if not AXE.exists():
        subprocess.run(["bash", ROOT / ".ci/jlpm", "install", "--immutable"], check=True)
    page.add_script_tag(path=AXE)
    found: Any = page.evaluate(
        """async selectors => {
          const result = await axe.run({include: selectors.map(one => [one])}, {
            runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
          });
          return result.violations.map(
            one => `${one.id}: ${one.help}: ${one.nodes.map(node => node.html).join(" ")}`
          );
        }""",
        list(selectors),
    )
    return list(found)
