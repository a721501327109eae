"""The form in a real browser: filled in, watched, saved, and side by side with others."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect


@pytest.fixture
def flags(buildkitd):
    return f"--builder {buildkitd.address}"


def field(form, label, number=0):
    """Return the control with this label."""
    return form.get_by_label(label, exact=True).locator("visible=true").nth(number)


def button(form, name):
    return form.get_by_role("button", name=name, exact=True)


def line_of(form):
    return form.locator(".ef-line textarea")


@pytest.fixture
def context_is(services, buildkitd):
    """Make the builder envd's current context, as most people have one."""
    services.use_context("team", buildkitd.address)


def test_a_form_is_filled_in_watched_and_remembered(
    open_notebook, make_project, registry, context_is
):
    make_project("echo one", "for i in 1 2 3 4 5 6 7 8 9; do echo line $i; sleep 0.3; done")
    image = registry.ref("browser/form")
    notebook = open_notebook(
        "%load_ext envd_jupyter", "%envd_form", "%envd_cache", "bare = %envd_build", height=1250
    )
    notebook.run(0)
    notebook.run(1)
    form = notebook.form(1)

    # The only project there is, and what the builder can do.
    expect(field(form, "Project")).to_have_value("train")
    expect(form).to_contain_text("BuildKit 0.25.1")
    button(form, "Build").click()
    expect(form).to_contain_text("One field still to be put right: image.")
    expect(field(form, "Image")).to_be_focused()

    notebook.page.keyboard.type(f"{image}:1")
    field(form, "Begin with").select_option("Registry, beside the image")
    expect(field(form, "ref")).to_have_value(f"{image}:buildcache")
    expect(line_of(form)).to_have_value(
        f"%envd_build --path train --output type=image,name={image}:1,push=true "
        f"--export-cache type=registry,ref={image}:buildcache,mode=max "
        f"--import-cache type=registry,ref={image}:buildcache"
    )
    notebook.screenshot("form-filled", form)

    button(form, "Build").click()
    card = form.locator(".envd-build")
    expect(card).to_have_attribute("data-state", "running", timeout=30_000)
    expect(card.locator("li[data-state=running] pre")).to_contain_text("line 3", timeout=30_000)
    notebook.screenshot("form-building", form)
    expect(card).to_have_attribute("data-state", "succeeded", timeout=60_000)
    expect(form).to_contain_text("Save it, and the next %envd_build needs no flags.")
    assert sorted(registry.tags("browser/form")) == ["1", "buildcache"]

    button(form, "Save").click()
    expect(form).to_contain_text("Saved for this notebook: a bare %envd_build does the same.")
    notebook.run(2)
    expect(notebook.output(2)).to_contain_text(f"type=registry,ref={image}:buildcache,mode=max")
    expect(notebook.output(2)).to_contain_text("this notebook")
    notebook.run(3)
    expect(notebook.card(3)).to_contain_text("2 cached (100 %)")
    notebook.theme("dark")
    notebook.screenshot("form-finished-dark", form)


def test_a_busy_kernel_builds_what_was_typed_meanwhile_to_its_last_letter(
    open_notebook, set_settings, make_project, registry, context_is
):
    # As with a kernel that has no subshells: what is typed waits for the cell, and in the page.
    set_settings("@jupyterlab/apputils-extension:kernels-settings", commsOverSubshells="disabled")
    make_project("echo one")
    image = registry.ref("browser/busy")
    notebook = open_notebook(
        "%load_ext envd_jupyter", "%envd_form", "import time; time.sleep(6)", height=1250
    )
    notebook.run(0)
    notebook.run(1)
    form = notebook.form(1)
    expect(form).to_contain_text("BuildKit 0.25.1")

    cell = notebook.start(2)
    field(form, "Image").focus()
    notebook.page.keyboard.type(f"{image}:last-letter")
    field(form, "Begin with").select_option("Registry, beside the image")
    button(form, "Build").click()
    expect(cell.locator(".jp-InputPrompt")).to_have_text("[*]:")

    card = form.locator(".envd-build")
    expect(card).to_have_attribute("data-state", "succeeded", timeout=60_000)
    expect(field(form, "ref")).to_have_value(f"{image}:buildcache")
    assert sorted(registry.tags("browser/busy")) == ["buildcache", "last-letter"]


def test_what_is_wrong_stands_beside_its_field_as_one_types(
    open_notebook, make_project, flags, registry
):
    make_project("echo one")
    notebook = open_notebook("%load_ext envd_jupyter", f"%envd_form {flags}", width=560)
    notebook.run(0)
    notebook.run(1)
    form = notebook.form(1)
    keys = notebook.page.keyboard

    # By keyboard alone: from the image to a button, and on in the row that comes.
    field(form, "Image").focus()
    keys.type("localhost:5000/Me/ML")
    expect(form.locator(".ef-wrong")).to_contain_text("lower case")
    keys.press("ControlOrMeta+a")
    keys.type(registry.ref("browser/typed"))
    expect(form.locator(".ef-wrong")).to_have_count(0)
    button(form, "Add an export").focus()
    keys.press("Enter")
    field(form, "ref").focus()
    keys.type("no such ref!")
    expect(form.locator(".ef-wrong")).to_have_count(1)
    keys.press("ControlOrMeta+a")
    keys.type("localhost:5000/me/cache")
    expect(form.locator(".ef-wrong")).to_have_count(0)

    # What depends on another option is there only with it.
    button(form, "More options").focus()
    keys.press("Space")
    expect(field(form, "compression-level")).to_be_enabled()
    field(form, "compression").select_option("uncompressed")
    expect(field(form, "compression-level")).to_be_disabled()
    field(form, "compression").select_option("zstd")
    field(form, "compression-level").fill("99")
    expect(form.locator(".ef-wrong")).to_contain_text("0 to 22")
    notebook.screenshot("form-narrow-wrong", form)

    # Each type has its own fields only.
    field(form, "type").select_option("S3")
    expect(field(form, "bucket")).to_be_visible()
    expect(form.get_by_label("compression", exact=True)).to_have_count(0)
    button(form, "Remove").click()
    expect(field(form, "type")).to_have_count(0)

    # A line fills the form.
    expect(line_of(form)).to_have_value(re.compile("/browser/typed$"))
    line = f"%envd_build {flags} --tag me/other --export-cache type=local,dest=cache"
    line_of(form).fill(line)
    line_of(form).blur()
    expect(field(form, "dest")).to_have_value("cache")
    expect(field(form, "Image")).to_have_value("me/other")
    line_of(form).fill("%envd_build --exprot-cache type=inline")
    line_of(form).blur()
    expect(form.locator(".ef-line")).to_contain_text("--export-cache")
    expect(field(form, "dest")).to_have_value("cache")

    # And is copied whole.
    notebook.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button(form, "Copy").click()
    expect(form.locator(".ef-copy")).to_have_text("Copied")
    assert notebook.page.evaluate("navigator.clipboard.readText()") == line_of(form).input_value()


def test_forms_and_a_background_build_do_not_disturb_each_other(
    open_notebook, make_project, flags, registry
):
    make_project("echo slow; sleep 3", name="slow")
    make_project("echo quick; sleep 1", name="quick")
    make_project("sleep 6543", name="endless")

    def line(name):
        return f"{flags} --path {name} --output type=image,name={registry.ref(name)},push=true"

    notebook = open_notebook(
        "%load_ext envd_jupyter",
        f"%envd_form {line('slow')}",
        f"%envd_form {line('endless')}",
        f"handle = %envd_build {line('quick')} --background",
        "%envd_cache set --export-cache type=local,dest=elsewhere",
        "%envd_form",
        height=1600,
    )
    for number in (0, 1, 2):
        notebook.run(number)
    slow, endless = notebook.form(1), notebook.form(2)
    button(slow, "Build").click()
    button(endless, "Build").click()
    notebook.run(3)
    expect(endless.locator(".envd-build")).to_contain_text("sleep 6543", timeout=30_000)
    expect(notebook.card(3)).to_have_attribute("data-state", "succeeded", timeout=60_000)
    expect(slow.locator(".envd-build")).to_have_attribute("data-state", "succeeded", timeout=60_000)
    expect(endless.locator(".envd-build")).to_have_attribute("data-state", "running")
    button(endless, "Cancel").click()
    expect(endless.locator(".envd-build")).to_have_attribute(
        "data-state", "interrupted", timeout=30_000
    )
    expect(slow.locator(".envd-build")).to_have_attribute("data-state", "succeeded")

    # What another cell remembers is offered, and never written over what is filled in.
    notebook.run(4)
    expect(slow).to_contain_text("The remembered settings were changed elsewhere.", timeout=5_000)
    expect(slow.get_by_label("dest", exact=True)).to_have_count(0)

    # A form that nobody has touched follows by itself.
    notebook.run(5)
    fresh = notebook.form(5)
    expect(field(fresh, "dest")).to_have_value(re.compile("/elsewhere$"))
    notebook.type_cell(4, "%envd_cache set --export-cache type=local,dest=further")
    notebook.run(4)
    expect(field(fresh, "dest")).to_have_value(re.compile("/further$"), timeout=5_000)


def test_a_form_is_there_again_after_reload_and_in_the_saved_notebook(
    open_notebook, make_project, lab, flags
):
    make_project("echo one")
    notebook = open_notebook("%load_ext envd_jupyter", f"%envd_form {flags}")
    notebook.run(0)
    notebook.run(1)
    field(notebook.form(1), "Image").fill("localhost:5000/me/kept")
    expect(line_of(notebook.form(1))).to_have_value(re.compile("localhost:5000/me/kept$"))
    notebook.save()
    notebook.reload()
    form = notebook.form(1)
    expect(field(form, "Image")).to_have_value("localhost:5000/me/kept", timeout=30_000)
    field(form, "Image").fill("localhost:5000/me/again")
    expect(line_of(form)).to_have_value(re.compile("localhost:5000/me/again$"))
    notebook.save()
    lab.shut_down_kernels()
    notebook.reload()
    expect(field(notebook.form(1), "Image")).to_have_value(
        "localhost:5000/me/again", timeout=60_000
    )
