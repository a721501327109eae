"""Builds that a cell starts, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect


@pytest.fixture
def line(buildkitd, registry):
    return (
        f"--path train --builder {buildkitd.address} --force "
        f"--output type=image,name={registry.ref('browser/train:1')},push=true"
    )


def test_a_cell_shows_its_build_live_and_keeps_the_finished_card(open_notebook, make_project, line):
    make_project("echo one", "for i in $(seq 30); do echo line $i; sleep 0.1; done", "echo three")
    notebook = open_notebook("%load_ext envd_jupyter", f"result = %envd_build {line}")
    notebook.run(0)
    notebook.start(1)
    card = notebook.card(1)
    expect(card).to_have_attribute("data-state", "running")
    expect(card.locator("li[data-state=running] .ej-log")).to_contain_text("line 5")
    notebook.screenshot("cell-running", card)
    notebook.finish(1)
    expect(card).to_have_attribute("data-state", "succeeded")
    expect(card).to_contain_text("3/3 steps")
    # A notebook takes $…$ for mathematics.
    expect(card).to_contain_text("for i in $(seq 30); do echo line $i; sleep 0.1; done")
    notebook.screenshot("cell-finished", card)
