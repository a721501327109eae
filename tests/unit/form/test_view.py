"""The form with real widgets: what a person types and clicks, and what becomes of it."""

from __future__ import annotations

import json

import ipywidgets
import pytest

from envd_jupyter.builds.preferences import Identity, Preferences
from envd_jupyter.cache.entry import parse_cache_entry
from envd_jupyter.cache.options import options_for, types_for
from envd_jupyter.errors import EnvdJupyterError
from envd_jupyter.notebook.form.model import command_line
from envd_jupyter.notebook.form.presets import PRESETS
from envd_jupyter.notebook.form.view import BuildForm

IMAGE = "localhost:5000/me/ml:1"
PUSH = f"--output type=image,name={IMAGE},push=true"
SECRET = "wJalrXUtnFEMIK7MDENG"
S3 = "type=s3,bucket=b,region=r"


@pytest.fixture
def work(tmp_path, monkeypatch):
    for name in ("", "envs/train"):
        folder = tmp_path / "work" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "build.envd").write_text("def build():\n    pass\n\ndef build_gpu():\n    pass\n")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def preferences(tmp_path, work):
    identity = Identity(str(tmp_path / "nb.ipynb"), "python3", "k1")
    return Preferences(identity, data=tmp_path / "data", environ={})


@pytest.fixture
def open_form(preferences):
    forms = []

    def opened(line=None, **more):
        more.setdefault("environ", {"HOME": "/nowhere"})
        more.setdefault("preferences", preferences)
        forms.append(BuildForm(line, **more))
        return forms[-1]

    yield opened
    for form in forms:
        form.close()


def text_of(form) -> str:
    """Return all that the form says in its messages."""
    found = []

    def look(widget):
        if isinstance(widget, ipywidgets.HTML):
            found.append(widget.value)
        for child in getattr(widget, "children", ()):
            look(child)

    for child in form.children[1:]:
        look(child)
    return " ".join(found)


def controls(form):
    def look(widget):
        if hasattr(widget, "children"):
            for child in widget.children:
                yield from look(child)
        else:
            yield widget

    return list(look(form))


def test_a_fresh_form_asks_for_the_image_and_offers_what_it_found(open_form):
    form = open_form()
    assert form.problems == ("image: the image to push, HOST/NAME:TAG",)
    assert [words for words, _ in form._fields.project.control.options[:2]] == [
        "this directory",
        "envs/train",
    ]
    assert [value for _, value in form._fields.function.control.options[:2]] == [
        "",
        "build.envd:build_gpu",
    ]
    assert "✘" not in text_of(form)


def test_typing_is_checked_and_written_as_a_line_at_once(open_form):
    form = open_form()
    fields = form._fields
    fields.image.control.value = "localhost:5000/me/ML"
    assert "lower case" in text_of(form)
    fields.image.control.value = IMAGE
    assert form.line == f"%envd_build {PUSH}"
    assert form._foot.line.control.value == form.line
    assert form.problems == ()
    fields.project.control.value = "envs/train"
    fields.function.control.value = "build.envd:build_gpu"
    fields.force.value = True
    assert form.line == (
        f"%envd_build --path envs/train --from build.envd:build_gpu {PUSH} --force"
    )


@pytest.mark.parametrize("direction", ["export", "import"])
def test_each_type_has_its_own_fields_only(open_form, direction):
    form = open_form(f"--{direction}-cache type=gha")
    rows = form._fields.exports if direction == "export" else form._fields.imports
    (row,) = rows.rows
    for cache_type in types_for(direction):
        row.type.control.value = cache_type
        assert list(row.options) == [o.name for o in options_for(cache_type, direction)]
        shown = [*row._main.children[1:], *row._rest.children]
        assert {id(w) for w in shown} == {id(field.widget) for field in row.options.values()}


def test_changing_the_type_keeps_what_both_types_have(open_form):
    form = open_form(f"{PUSH} --ec type=registry,ref={IMAGE}-cache,mode=max,compression=zstd")
    row = form._fields.exports.rows[0]
    row.type.control.value = "local"
    assert row.read().values == (("mode", "max"), ("compression", "zstd"))
    assert form.problems == ("dest: dest is needed",)


def test_dependent_options_are_disabled_and_say_why(open_form):
    form = open_form(f"{PUSH} --ec type=registry,ref={IMAGE}-cache")
    options = form._fields.exports.rows[0].options
    assert not options["compression-level"].control.disabled
    assert options["compression-level"].control.placeholder == "0 to 9"
    options["compression"].control.value = "zstd"
    assert options["compression-level"].control.placeholder == "0 to 22"
    assert options["oci-mediatypes"].control.disabled
    assert "zstd needs" in options["oci-mediatypes"].control.tooltip
    options["compression"].control.value = "uncompressed"
    assert options["compression-level"].control.disabled
    assert not options["oci-mediatypes"].control.disabled


def test_rows_are_added_and_removed(open_form):
    form = open_form(f"{PUSH} --ec type=inline --ec type=registry,ref={IMAGE}-cache")
    exports = form._fields.exports
    assert len(exports.rows) == 2
    exports.rows[0]._remove.click()
    assert [row.type for row in form.values.exports] == ["registry"]
    exports.widget.children[1].children[0].click()
    assert [row.type for row in form.values.exports] == ["registry", "registry"]
    assert form.problems == ("ref: ref is needed",)


def test_a_pasted_line_fills_the_form(open_form):
    form = open_form()
    line = (
        f"%envd_build --path envs/train --builder tcp://h:1 {PUSH} --platform linux/amd64 "
        f"--export-cache type=registry,ref={IMAGE}-cache,mode=max "
        "--export-cache 'type=s3,bucket=b,region=r,name={git_sha};{git_branch}' "
        f"--import-cache type=registry,ref={IMAGE}-cache"
    )
    form._foot.line.control.value = line
    assert form.line == line
    assert form._fields.builder.text.value == "tcp://h:1"


def test_a_line_that_cannot_be_read_changes_nothing_and_does_not_stay(open_form):
    form = open_form(PUSH)
    before = form.line
    form._foot.line.control.value = f"%envd_build --ec {S3},acces_key_id={SECRET}"
    assert form.line == form._foot.line.control.value == before
    assert "Not loaded" in text_of(form)
    assert SECRET not in text_of(form)
    with pytest.raises(EnvdJupyterError):
        form.load("%envd_build --frce")


@pytest.mark.parametrize("preset", [preset.name for preset in PRESETS])
def test_a_preset_chosen_is_the_same_as_its_line(open_form, preset):
    form = open_form(PUSH)
    form._fields.preset.control.value = preset
    line = form.line
    assert open_form(line).line == line
    assert not any(problem.startswith("ref") for problem in form.problems)


def test_an_export_without_import_offers_to_import_it(open_form):
    form = open_form(f"{PUSH} --ec type=registry,ref={IMAGE}-cache,mode=max")
    aside = form._fields.imports.aside
    assert aside.layout.display == ""
    aside.children[1].click()
    assert [row.to_csv() for row in form.values.imports] == [f"type=registry,ref={IMAGE}-cache"]
    assert aside.layout.display == "none"


def test_every_control_has_a_label_and_can_be_reached_by_keyboard(open_form):
    form = open_form(f"{PUSH} --ec {S3} --ic type=gha --output type=tar,dest=x")
    for control in controls(form):
        assert control.tabbable is not False
        if isinstance(control, (ipywidgets.HTML, ipywidgets.Label)):
            continue
        if isinstance(control, (ipywidgets.Button, ipywidgets.ToggleButton)):
            assert control.description
        assert control.tooltip, control


# Secrets


def saved_state() -> str:
    return json.dumps(ipywidgets.Widget.get_manager_state(drop_defaults=False))


def test_a_secret_is_in_no_widget_and_in_no_line(open_form):
    form = open_form(f"{PUSH} --ec {S3}")
    options = form._fields.exports.rows[0].options
    options["access_key_id"].control.value = "env:KEY"
    options["secret_access_key"].password.value = SECRET
    assert SECRET not in saved_state()
    assert options["secret_access_key"].secret == SECRET
    assert form.line.endswith(
        "--export-cache 'type=s3,bucket=b,region=r,access_key_id=env:KEY,secret_access_key=***'"
    )
    assert SECRET not in repr(form) + text_of(form) + repr(form._repr_mimebundle_())
    options["access_key_id"].control.value = SECRET
    assert options["access_key_id"].secret == SECRET
    assert SECRET not in saved_state()
    form._foot.line.control.value = f"%envd_build {PUSH} --ec {S3},session_token={SECRET}"
    assert SECRET not in saved_state()
    assert form._fields.secrets() == {("export", 0, "session_token"): SECRET}
    form._foot.line.control.value = form._foot.line.control.value + " "
    assert SECRET not in saved_state()


def test_a_secret_named_by_a_variable_must_be_there(open_form):
    form = open_form(
        f"{PUSH} --ec {S3},access_key_id=env:KEY,secret_access_key=env:GONE",
        environ={"KEY": "AKIA", "HOME": "/nowhere"},
    )
    assert form.problems == ("secret_access_key: $GONE is not set in this kernel",)


# What is remembered


def test_a_form_begins_with_what_is_remembered_and_saves(open_form, preferences):
    preferences.change("notebook", {"exports": (parse_cache_entry("type=inline", "export"),)})
    form = open_form()
    assert [row.type for row in form.values.exports] == ["inline"]
    form._fields.image.control.value = IMAGE
    form.save("project")
    assert preferences.layer("project").values["output"] == f"type=image,name={IMAGE},push=true"
    assert "Saved for the project" in text_of(form)
    assert preferences.layer("notebook").values == {}
    again = open_form()
    assert again.values.image == IMAGE
    assert [row.to_csv() for row in again.values.imports] == [f"type=registry,ref={IMAGE}"]


def test_a_form_that_is_not_ready_is_not_saved_and_says_what_is_missing(open_form, preferences):
    form = open_form()
    form.save("kernel")
    assert preferences.layer("kernel").values == {}
    assert "One field still to be put right: image" in text_of(form)
    assert "✘ the image to push" in text_of(form)


def test_a_secret_is_not_saved(open_form, preferences, tmp_path):
    form = open_form(f"{PUSH} --ec {S3},access_key_id=AKIAAKIA,secret_access_key={SECRET}")
    form.save("notebook")
    assert "Not saved" in text_of(form)
    assert "env:NAME" in text_of(form)
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in content for content in files)


def test_what_is_remembered_fills_what_a_line_leaves_open(open_form, preferences):
    preferences.change("notebook", {"imports": (parse_cache_entry("type=gha", "import"),)})
    form = open_form(PUSH)
    assert form.line == f"%envd_build {PUSH} --import-cache type=gha"
    form._fields.imports.rows[0]._remove.click()
    assert form.line == f"%envd_build {PUSH} --no-saved"
    form.load(form.line)
    assert form.values.imports == ()
    form.load(PUSH)
    assert [row.type for row in form.values.imports] == ["gha"]


def test_a_change_elsewhere_fills_an_untouched_form_and_asks_in_a_touched_one(
    open_form, preferences
):
    form, touched = open_form(), open_form()
    touched._fields.image.control.value = IMAGE
    preferences.change("user", {"builder": "unix:///b.sock"})
    for each in (form, touched):
        each._saved_elsewhere()
    assert form.values.builder == "unix:///b.sock"
    assert touched.values.builder == ""
    assert "changed elsewhere" in text_of(touched)
    touched._foot.elsewhere.click()
    assert touched.values.builder == "unix:///b.sock"


def test_a_change_elsewhere_is_seen_within_a_second(open_form, preferences):
    import asyncio
    import time

    async def look() -> float:
        form = open_form()
        await asyncio.sleep(0)
        preferences.change("user", {"platform": ("linux/arm64",)})
        changed = time.monotonic()
        while form.values.platform != "linux/arm64":
            await asyncio.sleep(0.02)
            assert time.monotonic() - changed < 5
        form.close()
        return time.monotonic() - changed

    assert asyncio.run(look()) < 1


# Elsewhere


def test_a_saved_notebook_shows_the_line(open_form):
    form = open_form(f"{PUSH} --ec type=registry,ref={IMAGE}-cache,mode=max")
    bundle = form._repr_mimebundle_()
    assert form.line in bundle["text/plain"]
    assert form.line in bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_forms_do_not_disturb_each_other(open_form):
    first, second = open_form(PUSH), open_form("--tag other:1")
    first.apply_preset("Registry, beside the image")
    assert second.line == "%envd_build --tag other:1"
    first.close()
    second._fields.image.control.value = "other:2"
    assert second.line == "%envd_build --tag other:2"


def test_a_form_and_its_model_agree(open_form):
    form = open_form(f"{PUSH} --ec type=inline --ic type=registry,ref={IMAGE}")
    assert command_line(form.values) == form.line
