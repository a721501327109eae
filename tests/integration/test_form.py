"""The form in a real kernel, with real builds."""

from __future__ import annotations

import pytest

from envd_jupyter.builds.record import History
from tests.integration.conftest import RANDOM, processes_with
from tests.integration.kernels import Kernel

WIDGET = "application/vnd.jupyter.widget-view+json"

# Runs in the kernel: what a click does, and waiting without holding up the kernel's loop.
CLICK = """
import asyncio, json, time
async def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
"""


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def kernel(services, tmp_path, data):
    environ = services.environ | {
        "JPY_SESSION_NAME": str(tmp_path / "form.ipynb"),
        "ENVD_JUPYTER_DATA_DIR": str(data),
    }
    with Kernel(environ, tmp_path) as running:
        cell = running.run(f"%load_ext envd_jupyter\n{CLICK}")
        assert cell.status == "ok", cell.error
        yield running


@pytest.fixture
def line(buildkitd, builds):
    image = builds.image()
    return (
        f"--builder {buildkitd.address} --output type=image,name={image},push=true "
        f"--export-cache type=registry,ref={image}-cache,mode=max "
        f"--import-cache type=registry,ref={image}-cache"
    )


def ok(cell):
    assert cell.status == "ok", cell.error
    return cell


def test_the_form_is_shown_with_a_line_for_those_who_cannot_see_it(kernel, line):
    cell = ok(kernel.run(f"%envd_form {line}"))
    assert WIDGET in cell.result
    assert f"%envd_build {line}" in cell.result["text/plain"]


def test_the_form_asks_its_builder_what_it_can_do(kernel, line, buildkitd):
    ok(kernel.run(f"form = %envd_form {line}"))
    ok(kernel.run("await until(lambda: form._facts)"))
    cell = ok(kernel.run("print(form._fields.builder._message.value)"))
    assert "BuildKit 0.25.1: exports registry, inline, local, gha, s3" in cell.text


def test_a_build_of_the_form_goes_on_beside_the_cells(kernel, line, project, data):
    project(RANDOM, "sleep 2")
    ok(kernel.run(f"form = %envd_form --path proj {line}"))
    ok(kernel.run("form.build(); assert form.running"))
    assert ok(kernel.run("print(form.running, 6 * 7)")).text.split() == ["True", "42"]
    # A cell that holds up the kernel holds up neither the build nor its picture.
    cell = ok(
        kernel.run(
            "seen = set()\nfor _ in range(200):\n"
            "    time.sleep(0.1)\n    seen.add(form._foot.live.value)\n"
            "    if not form.running: break\n"
            "print(len(seen), form.result.state, form.result.total)"
        )
    )
    pictures, state, total = cell.text.split()
    assert int(pictures) > 3
    assert (state, total) == ("succeeded", "2")
    assert "built" in ok(kernel.run("print(form._foot.live.value)")).text
    (record,) = History(data).list()
    assert record.notebook.endswith("form.ipynb")
    assert record.kernel == "python3"


def test_saved_in_the_form_a_bare_build_reuses_the_cache(kernel, line, project, empty_builder):
    project(RANDOM, "echo two > /two")
    ok(kernel.run(f"form = %envd_form --path proj {line}"))
    ok(kernel.run("form.build(); form.wait(60); assert form.result.ok"))
    assert "Save it" in ok(kernel.run("print(form._foot.status.value)")).text
    ok(kernel.run("form._foot.scope.value = 'notebook'; form._foot.save.click()"))
    assert "Saved for this notebook" in ok(kernel.run("print(form._foot.status.value)")).text
    cell = ok(kernel.run(f"r = %envd_build --builder {empty_builder().address} --force"))
    assert cell.view["summary"]["cached"] == 2


def test_a_build_is_cancelled_from_the_form(kernel, line, project, data):
    project("sleep 4321")
    ok(kernel.run(f"form = %envd_form --path proj {line}"))
    ok(kernel.run("form._foot.build.click()"))
    ok(kernel.run("await until(lambda: '4321' in form._foot.live.value)"))
    ok(kernel.run("form._foot.cancel.click()\nawait until(lambda: not form.running)"))
    assert ok(kernel.run("print(form.result.state)")).text.strip() == "interrupted"
    assert not processes_with("sleep 4321")


def test_two_forms_and_a_background_build_do_not_disturb_each_other(
    kernel, line, project, builds, buildkitd
):
    for name in ("one", "two", "three"):
        project(f"echo {name}; sleep 1", name=name)
    for name in ("one", "two"):
        ok(
            kernel.run(
                f"{name} = %envd_form --path {name} --builder {buildkitd.address} "
                f"--output type=image,name={builds.image()},push=true"
            )
        )
    behind = (
        f"three = %envd_build --path three --background --builder {buildkitd.address} "
        f"--output type=image,name={builds.image()},push=true"
    )
    ok(kernel.run(f"one.build()\ntwo.build()\n{behind}"))
    ok(kernel.run("await until(lambda: not (one.running or two.running or three.running))"))
    cell = ok(
        kernel.run(
            "names = {'one', 'two', 'three'}\n"
            "for r in (one.result, two.result, three.result()):\n"
            "    print(r.state, *names.intersection(r.log('echo').split()))"
        )
    )
    assert cell.text.splitlines() == ["succeeded one", "succeeded two", "succeeded three"]


def test_a_wrong_builder_is_said_in_the_form_and_starts_nothing(kernel, project, data):
    project("echo 1")
    ok(
        kernel.run(
            "form = %envd_form --path proj --builder unix:///nowhere.sock "
            "--output type=image,name=localhost:1/x,push=true --ec type=inline"
        )
    )
    ok(kernel.run("form.build(); form.wait(30)"))
    said = ok(kernel.run("print(form._foot.status.value, form.running)")).text
    assert "nowhere.sock" in said
    assert said.split()[-1] == "False"
    assert not (data / "builds").exists() or not list((data / "builds").iterdir())


def test_no_secret_is_in_the_saved_state_of_the_widgets(kernel, line, services):
    secret = "wJalrXUtnFEMIK7MDENGbPxRfi"
    ok(kernel.run(f"form = %envd_form {line} --ec type=s3,bucket=b,region=r"))
    ok(
        kernel.run(
            "row = form._fields.exports.rows[1]\n"
            "row.options['access_key_id'].password.value = '" + secret + "'\n"
            "row.options['secret_access_key'].control.value = '" + secret + "'"
        )
    )
    cell = ok(
        kernel.run(
            "import ipywidgets\n"
            "print(json.dumps(ipywidgets.Widget.get_manager_state(drop_defaults=False)))\n"
            "print(form.line, repr(form._repr_mimebundle_()))"
        )
    )
    assert "***" in cell.text
    assert secret not in cell.text
    kept = ok(kernel.run("print(sorted(form._fields.secrets()))")).text
    assert "access_key_id" in kept
    assert "secret_access_key" in kept


def test_a_form_in_an_executed_notebook_reads_without_widgets(services, tmp_path, line):
    import nbformat
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(f"%load_ext envd_jupyter\n%envd_form {line}")]
    )
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    (output,) = notebook.cells[0].outputs
    assert f"%envd_build {line}" in output["data"]["text/plain"]
    html, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    assert WIDGET in output["data"]
    assert "envd_build" in html
