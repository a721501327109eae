"""The sidebar of JupyterLab and Notebook 7, with real builds, kernels and settings."""

from __future__ import annotations

import json
import re
import secrets

import pytest
from playwright.sync_api import expect

from envd_jupyter.notebook.display import bundle
from tests.browser.panel import Panel, build_tab, complaints
from tests.integration.test_lifecycle import wait_for
from tests.unit.notebook import views

SLOW = 60_000  # milliseconds: a build on a busy machine


@pytest.fixture
def image():
    """A name of this test's own, by which its builds are found among those of the others."""
    return f"panel/{secrets.token_hex(4)}"


@pytest.fixture
def line(buildkitd, registry, image):
    output = f"type=image,name={registry.ref(image)}:1,push=true"
    return f"--path train --builder {buildkitd.address} --output {output}"


def test_a_build_is_followed_read_explained_repeated_and_deleted(
    open_notebook, make_project, line, image
):
    first = f"echo one {image}"  # a step that no builder has in its cache
    make_project(first, "for i in $(seq 40); do echo said $i; sleep 0.1; done", "echo end")
    notebook = open_notebook("%load_ext envd_jupyter", f"result = %envd_build {line} --force")
    page = notebook.page
    notebook.run(0)
    panel = Panel(notebook)
    notebook.start(1)

    # While it runs
    running = panel.running
    expect(running).to_contain_text("train", timeout=SLOW)
    expect(running).to_contain_text("for i in $(seq 40)", timeout=SLOW)
    expect(running.get_by_role("progressbar")).to_have_attribute("aria-valuemax", "3")
    expect(running).to_contain_text(re.compile(r"1/3 steps.*\d\.\d s"))
    expect(panel.status).to_have_text(re.compile(r"build 1/3"))
    notebook.screenshot("panel-running")
    running.get_by_role("button", name="Open the log of train").click()
    log = build_tab(page).get_by_role("log")
    expect(log).to_contain_text("said 5")

    # Afterwards
    panel.filter.fill(image)
    row = panel.history.first
    expect(row).to_have_attribute("data-state", "succeeded", timeout=SLOW)
    expect(row).to_contain_text("0/3 cached")
    expect(panel.running).to_have_count(0)
    expect(panel.status).to_be_hidden()
    expect(log).to_contain_text("said 40")
    build_tab(page).get_by_role("searchbox").fill("said 7")
    expect(log).not_to_contain_text("said 8")
    build_tab(page).get_by_role("combobox").select_option(label=first)
    build_tab(page).get_by_role("searchbox").fill("")
    expect(log).to_contain_text("one")
    expect(log).not_to_contain_text("said")

    # Again, from the cache
    build_tab(page).get_by_role("button", name="Build again").click()
    expect(panel.history).to_have_count(2, timeout=SLOW)
    expect(panel.history.first).to_contain_text("3/3 cached")
    card = build_tab(page).get_by_role("article", name="Build of train: built")
    expect(card).to_contain_text("3/3 steps, 3 cached (100 %)")
    build_tab(page).get_by_role("tab", name="Why did it run again?").click()
    expect(build_tab(page)).to_contain_text("everything came from a cache")
    panel.history.nth(1).hover()
    panel.history.nth(1).get_by_role("button", name=re.compile("^Why did steps")).click()
    why = build_tab(page).get_by_role("list", name="Why steps ran")
    expect(why).to_contain_text("echo one")
    notebook.screenshot("panel-why")

    # The filter
    panel.filter.fill("no such build")
    expect(panel.element).to_contain_text("No build fits the filter.")
    panel.filter.fill(image)
    expect(panel.history).to_have_count(2)
    ends = panel.element.get_by_role("combobox", name=re.compile("ended in a state"))
    ends.select_option(label="failed")
    expect(panel.element).to_contain_text("No build fits the filter.")
    ends.select_option(label="any end")

    # With the keyboard
    newer, older = (panel.history.nth(n).get_by_role("button").first for n in (0, 1))
    newer.focus()
    page.keyboard.press("ArrowDown")
    expect(older).to_be_focused()
    page.keyboard.press("Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete the build train?")
    dialog.get_by_role("button", name="Delete").click()
    expect(panel.history).to_have_count(1)


def test_the_card_of_a_blocking_cell_cancels_its_build(open_notebook, make_project, line, image):
    make_project("echo begun; sleep 600")
    notebook = open_notebook("%load_ext envd_jupyter", f"result = %envd_build {line}")
    notebook.run(0)
    panel = Panel(notebook)
    notebook.start(1)
    card = notebook.card(1)
    expect(card).to_contain_text("begun", timeout=SLOW)
    card.get_by_role("button", name="Cancel the build train").click()
    notebook.finish(1)
    expect(card).to_have_attribute("data-state", "interrupted")
    panel.filter.fill(image)
    expect(panel.history.first).to_have_attribute("data-state", "interrupted")
    expect(panel.running).to_have_count(0)


def test_cache_settings_are_edited_with_checks_and_follow_the_kernel(open_notebook, folder):
    notebook = open_notebook(
        "%load_ext envd_jupyter",
        "%envd_cache set --scope notebook --export-cache type=registry,ref=me.test/a,mode=max",
        "%envd_cache",
    )
    panel = Panel(notebook)
    expect(panel.caches("export")).to_contain_text("No cache is exported.")
    notebook.run(0)
    notebook.run(1)
    expect(panel.entries("export")).to_have_text(re.compile("registry.*me.test/a.*max"))
    expect(panel.caches("export")).to_contain_text("from this notebook")
    expect(panel.caches("import")).to_contain_text("implied by the export")

    # A new one, wrong at first
    form = panel.add("export")
    save = form.get_by_role("button", name="Save")
    form.get_by_label("type", exact=True).select_option("local")
    expect(form).to_contain_text("type=local")
    expect(save).to_be_disabled()
    dest = form.get_by_label("dest", exact=True)
    dest.fill("/somewhere/else")
    expect(save).to_be_enabled()
    form.get_by_text("more options").click()
    level = form.get_by_label("compression-level", exact=True)
    level.fill("99")
    expect(level).to_have_attribute("aria-invalid", "true")
    expect(save).to_be_disabled()
    notebook.screenshot("panel-settings-wrong", panel.element)
    level.fill("9")
    expect(form).to_contain_text("type=local,dest=/somewhere/else,compression-level=9")
    form.get_by_label("Remember for").select_option(label="this kernel")
    expect(save).to_be_enabled()
    level.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("outside of the directory")
    dest.fill(f"{folder}/cache")
    expect(save).to_be_enabled()
    dest.press("Enter")
    expect(form).to_be_hidden()
    expect(panel.entries("export")).to_have_count(2)
    expect(panel.caches("export")).to_contain_text("from this kernel")
    notebook.run(2)
    expect(notebook.output(2)).to_contain_text(
        f"type=local,dest={folder}/cache,compression-level=9"
    )

    # Changed and removed
    panel.element.get_by_role("button", name=re.compile("^Edit the export type=local")).click()
    form = panel.element.get_by_role("form", name="Edit the export")
    form.get_by_label("dest", exact=True).fill(f"{folder}/other")
    expect(form.get_by_role("button", name="Save")).to_be_enabled()
    form.get_by_role("button", name="Save").click()
    expect(panel.entries("export").nth(1)).to_contain_text("/other")
    panel.element.get_by_role("button", name=re.compile("^Remove the export type=local")).click()
    expect(panel.entries("export")).to_have_count(1)
    notebook.run(2)
    expect(notebook.output(2)).not_to_contain_text("type=local")


def saved(path, *built):
    """Write a notebook as it is saved with builds in it, trusted by nobody."""
    outputs = [
        {"output_type": "display_data", "metadata": {}, "data": json.loads(json.dumps(bundle(one)))}
        for one in built
    ]
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": 1, "source": "b()"}
    path.write_text(
        json.dumps(
            {
                "nbformat": 4,
                "nbformat_minor": 5,
                "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
                "cells": [{**cell, "outputs": outputs}],
            }
        )
    )


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_saved_notebook_that_nobody_trusts_shows_its_builds(open_notebook, folder, app):
    evil = "<img src=x onerror='window.harmed=true'>"
    saved(folder / "notebook.ipynb", views.view(title=evil), views.succeeded(), views.failed())
    notebook = open_notebook(app=app)
    output = notebook.output(0)
    expect(output.get_by_role("article")).to_have_count(3)
    expect(output).to_contain_text(evil)
    assert notebook.page.evaluate("window.harmed") is None
    # No server knows these builds, so there is nothing that could be done with them.
    expect(output.get_by_role("button")).to_have_count(0)
    card = output.get_by_role("article", name="Build of churn-model: built")
    expect(card).to_contain_text("10/10 steps, 7 cached (70 %)")
    failure = output.get_by_role("region", name="Why it failed")
    expect(failure).to_contain_text("Hint:")
    for theme in ("light", "dark"):
        notebook.theme(theme)
        assert complaints(notebook.page, ".ej-card") == []
        notebook.screenshot(f"saved-{app}-{theme}", output)


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_everything_can_be_read_and_reached_in_both_applications_and_themes(
    open_notebook, make_project, line, app
):
    make_project("echo one", "exit 7")
    notebook = open_notebook(
        "%load_ext envd_jupyter",
        f"result = %envd_build {line} --export-cache type=inline",
        "%envd_cache from-last-build --scope notebook",
        app=app,
    )
    notebook.run(0)
    panel = Panel(notebook)
    notebook.run(1)
    notebook.card(1).get_by_role("button", name="Open the log of train").click()
    tab = build_tab(notebook.page)
    tab.get_by_role("tab", name="Steps").click()
    expect(tab.get_by_role("article")).to_contain_text("exit 7")
    form = panel.add("import")
    expect(form.get_by_label("type", exact=True)).to_be_focused()
    for theme in ("light", "dark"):
        notebook.theme(theme)
        assert complaints(notebook.page, ".ej-panel .ej-ui", ".ej-document", ".ej-card") == []
        notebook.screenshot(f"panel-{app}-{theme}")
    notebook.page.keyboard.press("Escape")
    expect(panel.element.get_by_role("button", name="Add an import")).to_be_focused()


def test_a_notice_tells_how_a_long_build_ended(open_notebook, set_settings, make_project, line):
    set_settings("@jupyterlab/apputils-extension:notification", doNotDisturbMode=False)
    set_settings("envd-jupyter:notices", notifyAfter=2)
    make_project("echo short", name="short")
    make_project("echo last words; sleep 2; exit 7")
    notebook = open_notebook(
        "%load_ext envd_jupyter",
        f"result = %envd_build {line.replace('train', 'short', 1)}",
        f"result = %envd_build {line}",
    )
    page = notebook.page
    for number in range(3):
        notebook.run(number)
    notice = page.get_by_role("alert").filter(has_text=re.compile(r"train: failed, \d"))
    expect(notice).to_be_visible()
    notebook.screenshot("notice")
    expect(page.get_by_role("alert").filter(has_text="short:")).to_have_count(0)
    notice.get_by_role("button", name="Log").click()
    expect(build_tab(page).get_by_role("log")).to_contain_text("last words")


def test_opened_builds_and_the_side_of_the_panel_outlast_a_reload(
    open_notebook, make_project, line
):
    make_project("echo kept")
    notebook = open_notebook("%load_ext envd_jupyter", f"result = %envd_build {line}")
    page = notebook.page
    notebook.run(0)
    panel = Panel(notebook)
    expect(page.locator("#jp-left-stack").get_by_role("region", name="envd builds")).to_be_visible()
    notebook.run(1)
    notebook.card(1).get_by_role("button", name="Open the log of train").click()
    expect(build_tab(page).get_by_role("log")).to_contain_text("kept")
    page.locator(".jp-SideBar [data-id=envd-jupyter-panel]").click(button="right")
    page.get_by_role("menuitem", name="Switch Sidebar Side").click()
    right = page.locator("#jp-right-stack").get_by_role("region", name="envd builds")
    expect(right).to_be_visible()
    wait_for(lambda: notebook.keeps("envd-builds:"), 60)
    page.reload()
    expect(build_tab(page).get_by_role("log")).to_contain_text("kept", timeout=SLOW)
    notebook.command("envd:open-panel")
    expect(right).to_be_visible()
    expect(panel.element).to_have_count(1)


def test_the_launcher_opens_a_notebook_with_the_form(open_notebook):
    notebook = open_notebook()
    page = notebook.page
    notebook.command("launcher:create")
    page.locator(".jp-LauncherCard", has_text="envd Build Form").click()
    expect(page.locator(".envd-form").first).to_be_visible(timeout=SLOW)


def test_the_palette_knows_the_commands(open_notebook):
    notebook = open_notebook()
    notebook.command("apputils:activate-command-palette")
    palette = notebook.page.locator("#modal-command-palette, .lm-CommandPalette").first
    notebook.page.keyboard.type("envd")
    for label in ("Show envd Builds", "New envd Build Form"):
        expect(palette).to_contain_text(label)
