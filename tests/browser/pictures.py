"""The pictures of the README, made of real builds: ``make screenshots``.

They are scenes as the tests of this folder play them, with a project of a real kind. Addresses and
folders, which differ in every run, are written as a reader would have them.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.services.tools import ensure_programs

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.browser.notebook import Notebook

IMAGES = Path(__file__).parents[2] / "docs" / "images"
MOST_BYTES = 200_000
SLOW = 300_000  # milliseconds

_REWRITE = """words => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    for (const [was, now] of words) node.data = node.data.replaceAll(was, now);
  }
  for (const field of document.querySelectorAll("input, textarea")) {
    for (const [was, now] of words) field.value = field.value.replaceAll(was, now);
  }
}"""


@pytest.fixture
def keep(lab, registry, buildkitd, folder):
    """Keep a picture of something for the README."""
    ensure_programs({"pngquant": "pngquant"})
    words = [
        [registry.host, "localhost:5000"],
        [buildkitd.address, "unix:///run/buildkit/buildkitd.sock"],
        [f"{folder}/", ""],
    ]

    def keep_(notebook: Notebook, name: str, what: Locator) -> None:
        notebook.page.evaluate(_REWRITE, words)
        picture = notebook.screenshot(f"readme-{name}", what)
        IMAGES.mkdir(parents=True, exist_ok=True)
        target = IMAGES / f"{name}.png"
        command = ["pngquant", "--force", "--strip", "--quality=70-95", "--output", str(target)]
        subprocess.run([*command, str(picture)], check=True)
        assert target.stat().st_size < MOST_BYTES

    return keep_


@pytest.fixture
def churn(folder, services, buildkitd):
    """An environment as people have one, and its builder as envd's current context."""
    services.use_context("team", buildkitd.address)
    place = folder / "churn"
    place.mkdir()

    def write(*packages: str) -> None:
        (place / "build.envd").write_text(
            "# syntax=v1\n\n\ndef build():\n"
            f'    base(image="{services.base_image()}", dev=False)\n'
            f"    install.python_packages(name={list(packages)})\n"
            '    run(commands=["python -m pip check"])\n'
        )

    write("numpy", "pandas", "scikit-learn")
    return write


@pytest.mark.timeout(900)
def test_a_build_in_a_cell_its_report_and_what_is_remembered(open_notebook, churn, registry, keep):
    image = registry.ref("me/churn")
    cache = f"type=registry,ref={image}:buildcache"
    notebook = open_notebook(
        "%load_ext envd_jupyter",
        f"result = %envd_build --path churn --output type=image,name={image}:1,push=true "
        f"--export-cache {cache},mode=max --import-cache {cache}",
        "again = %envd_build",
        "again.report()",
        name="churn.ipynb",
    )
    notebook.run(0)
    notebook.start(1)
    card = notebook.card(1)
    expect(card.locator("li[data-state=running] pre")).to_contain_text("Downloading", timeout=SLOW)
    keep(notebook, "build", card)
    notebook.finish(1, timeout=SLOW)
    offer = notebook.output(1).get_by_role("button", name="This notebook")
    expect(offer).to_be_visible()
    offer.click()
    expect(notebook.output(1)).to_contain_text("Remembered for this notebook")
    churn("numpy", "pandas", "scikit-learn", "seaborn")
    notebook.run(2, timeout=SLOW)
    expect(notebook.card(2)).to_have_attribute("data-state", "succeeded")
    notebook.run(3)
    keep(notebook, "report", notebook.output(3).locator(".envd-view"))


def test_the_form(open_notebook, churn, registry, keep):
    notebook = open_notebook("%load_ext envd_jupyter", "%envd_form", height=1300)
    notebook.run(0)
    notebook.run(1)
    form = notebook.form(1)
    expect(form).to_contain_text("BuildKit 0.25.1")
    form.get_by_label("Image", exact=True).fill(f"{registry.ref('me/churn')}:2")
    form.get_by_label("Begin with", exact=True).select_option("Registry, beside the image")
    expect(form.get_by_label("mode", exact=True)).to_have_value("max")
    expect(form.locator(".ef-line textarea")).to_have_value(re.compile("buildcache"))
    keep(notebook, "form", form)


@pytest.mark.timeout(600)
def test_the_panel(open_notebook, churn, registry, keep, folder):
    image = registry.ref("me/churn")
    (folder / "churn" / ".envd-jupyter.toml").write_text(
        f'output = "type=image,name={image}:3,push=true"\n'
        f'export-cache = ["type=registry,ref={image}:buildcache,mode=max"]\n'
    )
    notebook = open_notebook(
        "%load_ext envd_jupyter",
        "result = %envd_build --path churn",
        "%envd_cache set --path churn",
        name="churn.ipynb",
        height=860,
    )
    notebook.run(0)
    notebook.run(1, timeout=SLOW)
    notebook.run(2)
    notebook.page.get_by_role("tab", name="envd builds").click()
    panel = notebook.page.locator(".ej-panel")
    expect(panel.locator(".ej-history")).to_contain_text("3/3 cached", timeout=SLOW)
    expect(panel).to_contain_text("buildcache")
    keep(notebook, "panel", notebook.page.locator("#main"))
