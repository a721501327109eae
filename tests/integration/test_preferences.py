"""What a notebook remembers, in real kernels: across restarts, new sessions and other processes."""

from __future__ import annotations

import time

import pytest

from envd_jupyter.builds.preferences import Identity, Preferences
from envd_jupyter.cache.entry import parse_cache_entry
from tests.integration.conftest import RANDOM
from tests.integration.kernels import Kernel

MIME = "application/vnd.envd.build+json"
WIDGET = "application/vnd.jupyter.widget-view+json"


def load(kernel: Kernel) -> Kernel:
    cell = kernel.run("%load_ext envd_jupyter")
    assert cell.status == "ok", cell.error
    return kernel


@pytest.fixture
def session(services, tmp_path):
    """Start kernels of one notebook."""
    opened: list[Kernel] = []
    data = tmp_path / "data"

    def start(notebook: str = "train.ipynb") -> Kernel:
        environ = services.environ | {
            "JPY_SESSION_NAME": str(tmp_path / notebook),
            "ENVD_JUPYTER_DATA_DIR": str(data),
        }
        kernel = Kernel(environ, tmp_path)
        opened.append(kernel)
        return load(kernel)

    start.data = data
    yield start
    for kernel in opened:
        kernel.__exit__()


def origins(kernel: Kernel) -> dict[str, str]:
    cell = kernel.run(
        "import json\n_view = %envd_cache\n"
        "print(json.dumps({row.key: row.origin for row in _view.rows}))"
    )
    assert cell.status == "ok", cell.error
    import json

    return json.loads(cell.text)


def test_a_kernel_knows_its_notebook_its_kernelspec_and_itself(session, tmp_path):
    kernel = session()
    cell = kernel.run(
        "from envd_jupyter.notebook.identity import identify\n"
        "found = identify(get_ipython())\n"
        "print(found.notebook, found.kernel, found.kernel_id)"
    )
    notebook, spec, kernel_id = cell.text.split()
    assert notebook == str(tmp_path / "train.ipynb")
    assert spec == "python3"
    assert kernel_id
    assert kernel_id in kernel.manager.connection_file
    kernel.restart()
    load(kernel)
    assert kernel.run(
        "from envd_jupyter.notebook.identity import identify\n"
        "print(identify(get_ipython()).kernel_id)"
    ).text.split() == [kernel_id]


def test_the_kernel_remembers_until_it_ends_and_the_notebook_longer(session):
    kernel = session()
    kernel.run("%envd_cache set --output type=docker,name=kernel:1")
    kernel.run("%envd_cache set --builder unix:///run/b.sock --scope notebook")
    assert origins(kernel) == {"output": "kernel", "builder": "notebook"}
    kernel.restart()
    assert origins(load(kernel)) == {"output": "kernel", "builder": "notebook"}
    assert origins(session()) == {"builder": "notebook"}
    assert origins(session("other.ipynb")) == {}


def test_a_change_of_another_process_is_seen_within_a_second(session, tmp_path):
    kernel = session()
    identity = Identity(str(tmp_path / "train.ipynb"), "python3", None)
    elsewhere = Preferences(identity, tmp_path, data=session.data)
    assert origins(kernel) == {}
    elsewhere.change("notebook", {"exports": (parse_cache_entry("type=inline", "export"),)})
    changed = time.monotonic()
    assert origins(kernel) == {"export-cache": "notebook"}
    assert time.monotonic() - changed < 1


def test_the_first_cached_build_is_remembered_and_reused_without_flags(
    session, project, buildkitd, registry, builds, empty_builder
):
    folder = project(RANDOM, "echo two > /two")
    cache = f"type=registry,ref={registry.ref('remembered/cache:1')}"
    line = (
        f"--path {folder} --builder {buildkitd.address} "
        f"--output type=image,name={builds.image()},push=true --export-cache {cache},mode=max"
    )
    kernel = session()
    cell = kernel.run(f"first = %envd_build {line}")
    assert cell.status == "ok", cell.error
    (offer,) = [shown[-1] for shown in cell.displays.values() if MIME not in shown[-1]]
    assert WIDGET in offer
    assert "%envd_cache from-last-build --scope notebook" in offer["text/plain"]
    gone_on = kernel.run("%envd_cache from-last-build --scope notebook")
    ((replaced,),) = gone_on.displays.values()
    assert WIDGET not in replaced
    assert "%envd_cache from-last-build" in replaced["text/html"]

    empty = empty_builder()
    bare = f"result = %envd_build --builder {empty.address}"
    cell = session().run(bare)
    assert cell.status == "ok", cell.error
    assert cell.view["summary"]["cached"] == 2
    assert [item["state"] for item in cell.view["cache"]["imports"]] == ["ok"]
    assert set(cell.displays) == {name for name, s in cell.displays.items() if MIME in s[-1]}

    empty.restart_empty()
    kernel.restart()
    cell = load(kernel).run(bare)
    assert cell.status == "ok", cell.error
    assert cell.view["summary"]["cached"] == 2


def test_save_on_the_line_remembers_without_a_question(session, project, buildkitd, registry):
    folder = project("echo one")
    ref = registry.ref("saved/me:1")
    kernel = session()
    cell = kernel.run(
        f"r = %envd_build --path {folder} --builder {buildkitd.address} --save notebook "
        f"--output type=image,name={ref},push=true --export-cache type=inline"
    )
    assert cell.status == "ok", cell.error
    assert "Remembered for this notebook" in cell.text
    assert len(cell.displays) == 1
    assert origins(session()) == {
        "path": "notebook",
        "output": "notebook",
        "builder": "notebook",
        "export-cache": "notebook",
        "import-cache": "implied by the export",
    }
