"""Builds that a cell starts, in a real browser: seen live, left alone, found again and ended."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from envd_jupyter.builds.client import attach
from tests.browser.conftest import SIZE
from tests.integration.conftest import processes_with

LOOP = "for i in $(seq {count}); do echo line $i; sleep 0.1; done"
SLOW = 60_000  # milliseconds


@pytest.fixture
def line(buildkitd, registry):
    return (
        f"--path train --builder {buildkitd.address} --force "
        f"--output type=image,name={registry.ref('browser/train:1')},push=true"
    )


def running(card, text):
    """Wait until the running step has written this."""
    expect(card.locator("li[data-state=running] pre")).to_contain_text(text, timeout=SLOW)


def ended(card, state):
    """Wait until the build has ended so."""
    expect(card).to_have_attribute("data-state", state, timeout=SLOW)


def test_a_cell_shows_its_build_live_and_keeps_the_finished_card(open_notebook, make_project, line):
    command = LOOP.format(count=30)
    make_project("echo one", command, "echo three")
    notebook = open_notebook("%load_ext envd_jupyter", f"result = %envd_build {line}")
    notebook.run(0)
    notebook.start(1)
    card = notebook.card(1)
    ended(card, "running")
    running(card, "line 3")
    before = notebook.output(1).screenshot()
    notebook.screenshot("cell-running", card)
    running(card, "line 12")
    assert notebook.output(1).screenshot() != before
    notebook.finish(1)
    ended(card, "succeeded")
    expect(card).to_contain_text("3/3 steps")
    # A notebook takes $…$ for mathematics.
    expect(card).to_contain_text(command)
    notebook.screenshot("cell-finished", card)

    # What is saved needs neither this page nor the kernel, nor the extension.
    notebook.save()
    saved = json.loads(notebook.path.read_text())["cells"][1]["outputs"][0]["data"]
    assert saved["application/vnd.envd.build+json"]["state"] == "succeeded"
    assert "3/3 steps" in "".join(saved["text/html"])
    assert "3 steps" in "".join(saved["text/plain"])
    notebook.lab.shut_down_kernels()
    notebook.reload()
    ended(notebook.card(1), "succeeded")
    expect(notebook.card(1)).to_contain_text(command)


def test_a_failing_build_fails_the_cell_and_those_after_it(open_notebook, make_project, line):
    make_project("echo fetching", "echo No matching distribution found for nump; exit 7")
    notebook = open_notebook(
        "%load_ext envd_jupyter", f"result = %envd_build {line}", "print('went on')"
    )
    notebook.command("notebook:run-all-cells")
    card = notebook.card(1)
    ended(card, "failed")
    expect(card).to_contain_text("exit code 7")
    expect(card).to_contain_text("No matching distribution found for nump")
    error = notebook.output(1).locator(".jp-RenderedText[data-mime-type*=stderr], pre").last
    expect(error).to_contain_text("EnvdBuildError")
    expect(notebook.output(1)).not_to_contain_text("Traceback")
    notebook.screenshot("cell-failed", notebook.output(1))
    expect(notebook.output(2)).to_have_text("")


def test_a_build_is_found_again_after_reload_and_restart_by_two_browsers(
    open_notebook, make_project, browser, line, services
):
    make_project("echo the very beginning", LOOP.format(count=9000))
    notebook = open_notebook(
        "%load_ext envd_jupyter",
        f"handle = %envd_build {line} --background",
        "%envd_attach",
        "%envd_cancel",
    )
    notebook.run(0)
    notebook.run(1)
    running(notebook.card(1), "line 2")

    # Another browser opens the same notebook and sees it from its beginning.
    notebook.save()
    other_person = browser.new_context(viewport=SIZE)
    other = open_notebook(context=other_person)
    other.start(2)
    running(other.card(2), "line")
    expect(other.card(2)).to_contain_text("the very beginning")

    # Looking on no longer leaves it alone, and so does a kernel that goes.
    build_id = other.card(2).get_attribute("data-build")
    assert build_id is not None
    build = attach(build_id, environ=services.environ)
    other.command("notebook:interrupt-kernel")
    other.finish(2)
    expect(other.output(2)).to_contain_text(f"build {build_id} goes on")
    other.restart_kernel()
    assert build.running

    # The first one reloads the page: the card it was saved with goes on from where it was.
    notebook.reload()
    saved = notebook.card(1).locator(".ej-sum")
    running(notebook.card(1), "line")
    first = saved.inner_text()
    expect(saved).not_to_have_text(first)
    notebook.wait_until_ready()
    notebook.run(0)
    notebook.start(2)
    running(notebook.card(2), "line")
    expect(notebook.card(2)).to_contain_text("the very beginning")

    # Ending it is another thing; what was written is whole.
    notebook.command("notebook:interrupt-kernel")
    notebook.finish(2)
    notebook.run(3)
    assert (build.running, build.result().state) == (False, "interrupted")
    ended(notebook.card(1), "interrupted")
    lines = [text for text in build.log().splitlines() if text.startswith("line ")]
    assert lines == [f"line {number}" for number in range(1, len(lines) + 1)]
    assert not processes_with(build_id)
    other_person.close()


def test_the_cancel_button_of_a_waiting_cell_ends_its_build(open_notebook, make_project, line):
    make_project("echo here; sleep 7655")
    notebook = open_notebook("%load_ext envd_jupyter", f"%envd_build {line}", "1 + 1")
    notebook.run(0)
    notebook.start(1)
    card = notebook.card(1)
    running(card, "here")
    card.get_by_role("button", name="Cancel the build").click()
    ended(card, "interrupted")
    notebook.finish(1)
    expect(notebook.output(1)).to_contain_text("EnvdBuildError")
    notebook.run(2)
    expect(notebook.output(2)).to_contain_text("2")
    assert not processes_with("sleep\x007655")


def test_an_interrupted_cell_ends_its_build(open_notebook, make_project, line):
    make_project("echo here; sleep 7654")
    notebook = open_notebook("%load_ext envd_jupyter", f"%envd_build {line}", "1 + 1")
    notebook.run(0)
    notebook.start(1)
    running(notebook.card(1), "here")
    notebook.command("notebook:interrupt-kernel")
    ended(notebook.card(1), "interrupted")
    expect(notebook.output(1)).to_contain_text("was cancelled and has ended")
    notebook.run(2)
    expect(notebook.output(2)).to_contain_text("2")
    assert not processes_with("sleep\x007654")


def test_the_first_cached_build_offers_to_remember_its_settings(
    open_notebook, make_project, line, registry
):
    make_project("echo one")
    cache = f"type=registry,ref={registry.ref('browser/offered')}"
    notebook = open_notebook(
        "%load_ext envd_jupyter",
        f"first = %envd_build {line} --export-cache {cache},mode=max",
        "again = %envd_build",
    )
    notebook.run(0)
    notebook.run(1)
    notebook.output(1).get_by_role("button", name="This notebook").click()
    expect(notebook.output(1)).to_contain_text("Remembered for this notebook")
    expect(notebook.output(1).get_by_role("button", name="This notebook")).to_have_count(0)
    notebook.screenshot("offer-taken", notebook.output(1))
    notebook.restart_kernel()
    notebook.run(0)
    notebook.run(2)
    expect(notebook.card(2)).to_contain_text("1 cached (100 %)")
    expect(notebook.card(2)).to_contain_text(f"Imported from {cache}")


def test_notebook_7_shows_a_build_and_the_form(open_notebook, make_project, line, buildkitd):
    make_project(LOOP.format(count=20))
    notebook = open_notebook(
        "%load_ext envd_jupyter",
        f"result = %envd_build {line}",
        f"%envd_form --builder {buildkitd.address}",
        app="notebook",
    )
    notebook.run(0)
    notebook.start(1)
    running(notebook.card(1), "line 2")
    notebook.finish(1)
    ended(notebook.card(1), "succeeded")
    notebook.run(2)
    form = notebook.form(2)
    expect(form.get_by_label("Image", exact=True)).to_be_visible()
    expect(form).to_contain_text(re.compile(r"BuildKit 0\.25\.1"), timeout=SLOW)
    notebook.screenshot("notebook-7")
