"""The Jupyter Server extension with real servers, kernels and builds."""

from __future__ import annotations

import json
import threading
import time

import pytest

from envd_jupyter.builds.client import attach
from tests.integration.jupyter import JupyterServer
from tests.integration.test_lifecycle import assert_nothing_left, wait_for

UNLIMITED = {"BUILDKIT_STEP_LOG_MAX_SIZE": "-1", "BUILDKIT_STEP_LOG_MAX_SPEED": "-1"}


@pytest.fixture(scope="module")
def server(services):
    """One server for all tests of this module."""
    started = JupyterServer(services, services.place("serverdata"))
    yield started
    for kernel in json.loads(started.request("GET", "api/kernels")[1]):
        started.request("DELETE", f"api/kernels/{kernel['id']}")
    started.process.stop()


@pytest.fixture
def place(server, request, base_image):
    """Write a project below the root of the server."""

    def write(*commands: str) -> str:
        name = request.node.name[:60].strip("_")
        folder = server.root / name
        folder.mkdir(exist_ok=True)
        body = [f'    base(image="{base_image}", dev=False)']
        body += [f'    run(commands=["{command}"])' for command in commands]
        text = "\n".join(body)
        (folder / "build.envd").write_text(f"# syntax=v1\n\ndef build():\n{text}\n")
        return name

    return write


def handle(server, build_id):
    return attach(build_id, environ=server.environ)


def ended(server, build_id, seconds=90.0):
    wait_for(lambda: server.view(build_id)["state"] != "running", seconds)
    return server.view(build_id)


def test_a_build_is_started_watched_rebuilt_reported_and_forgotten(
    server, place, buildkitd, builds
):
    image = builds.image()
    asked = {
        "path": place("echo said here > /one; echo told"),
        "builder": buildkitd.address,
        "output": f"type=image,name={image},push=true",
        "export_cache": [f"type=registry,ref={image}-cache,mode=max"],
        "force": True,
    }
    watching = server.listen("watch")
    before = {record["id"] for record in watching.next()["builds"]}
    build_id = server.start_build(**asked)
    ears = [server.listen(f"builds/{build_id}/events") for _ in range(2)]
    told = [ear.rest() for ear in ears]
    assert [ear.code for ear in ears] == [1000, 1000]
    assert told[0][-1] == told[1][-1]
    last = told[0][-1]
    assert last["state"] == "succeeded", last["error"]
    assert [export["state"] for export in last["cache"]["exports"]] == ["ok"]
    message = watching.until(
        lambda m: {r["id"]: r["state"] for r in m["builds"]}.get(build_id) == "succeeded"
    )
    assert {record["id"] for record in message["builds"]} - before == {build_id}
    watching.close()

    assert "told" in server.log(build_id)
    report = server.ask("GET", f"builds/{build_id}/report")[1]
    assert report["report"]["state"] == "succeeded"
    (found,) = server.ask("GET", "builds", text=image)[1]["builds"]
    assert (found["id"], found["image"], found["digest"]) == (build_id, image, last["digest"])

    status, again = server.ask("POST", f"builds/{build_id}/rebuild")
    assert status == 201, again
    view = ended(server, again["id"])
    assert view["state"] == "succeeded", view["error"]
    assert view["image"] == image
    assert view["summary"]["cached"] == 1
    assert view["cache"]["exports"][0]["entry"] == last["cache"]["exports"][0]["entry"]
    assert server.ask("DELETE", f"builds/{build_id}")[0] == 204
    assert server.ask("GET", f"builds/{build_id}")[0] == 404


def test_a_build_is_cancelled_by_whoever_may(server, place, buildkitd, builds):
    build_id = server.start_build(
        line=f"--path {place('echo begun; sleep 4331')} --builder {buildkitd.address} "
        f"--output type=image,name={builds.image()},push=true"
    )
    ear = server.listen(f"builds/{build_id}/events")
    ear.until(lambda view: any(step["state"] == "running" for step in view["steps"]))
    wait_for(lambda: "begun" in server.log(build_id))
    status, refused = server.ask("DELETE", f"builds/{build_id}")
    assert (status, refused["hint"]) == (409, "Cancel it first.")
    status, answer = server.ask("POST", f"builds/{build_id}/cancel")
    assert (status, answer["running"]) == (202, True)
    assert ear.rest()[-1]["state"] == "interrupted"
    assert_nothing_left(handle(server, build_id), "sleep\x004331")


def test_a_build_outlives_the_server_and_the_next_one_shows_and_cancels_it(
    server, place, buildkitd, builds
):
    build_id = server.start_build(
        path=place("echo begun; sleep 4332"),
        builder=buildkitd.address,
        output=f"type=image,name={builds.image()},push=true",
        force=True,
    )
    wait_for(lambda: "begun" in server.log(build_id))
    server.kill()
    server.start()
    (record,) = server.ask("GET", "builds", state="running")[1]["builds"]
    assert record["id"] == build_id
    ear = server.listen(f"builds/{build_id}/events")
    view = ear.next()
    assert (view["state"], "begun" in server.log(build_id)) == ("running", True)
    assert server.ask("POST", f"builds/{build_id}/cancel")[0] == 202
    assert ear.rest()[-1]["state"] == "interrupted"
    assert_nothing_left(handle(server, build_id), "sleep\x004332")


def origins(kernel):
    cell = kernel.run(
        "import json\n_view = %envd_cache\n"
        "print(json.dumps({row.key: row.origin for row in _view.rows}))"
    )
    assert cell.status == "ok", cell.error
    return json.loads(cell.text)


def test_kernel_and_server_see_each_others_settings_within_a_second(server):
    with server.open_notebook("deep/train.ipynb") as kernel:
        said = kernel.run(
            "import json\nfrom envd_jupyter.notebook.identity import identify\n"
            "found = identify(get_ipython())\n"
            "print(json.dumps([found.kernel_id, found.kernel, found.notebook]))"
        )
        shown = server.ask("GET", "preferences", kernel_id=kernel.id)[1]
        seen = shown["kernel"]
        assert json.loads(said.text) == [seen["id"], seen["name"], seen["notebook"]]
        assert (seen["id"], seen["path"]) == (kernel.id, "deep/train.ipynb")
        assert shown["project"] == str(server.root / "deep")
        assert shown["scopes"] == ["kernel", "notebook", "project", "user"]

        ear = server.listen("watch", kernel_id=kernel.id)
        first = ear.until(lambda message: message["type"] == "preferences")
        assert first["preferences"]["settings"] == {}
        for scope, key, value in (
            ("notebook", "output", "type=docker,name=me:1"),
            ("kernel", "builder", "unix:///run/b.sock"),
            ("project", "tag", "me:2"),
        ):
            cell = kernel.run(f"%envd_cache set --{key} {value} --scope {scope}")
            assert cell.status == "ok", cell.error
            changed = time.monotonic()
            message = ear.until(
                lambda m, key=key: (
                    m["type"] == "preferences" and key in m["preferences"]["settings"]
                )
            )
            assert time.monotonic() - changed < 1.0
            assert message["preferences"]["settings"][key] == {"value": value, "from": scope}
            rest = server.ask("GET", "preferences", kernel_id=kernel.id)[1]
            assert rest["settings"][key] == {"value": value, "from": scope}

        kernel.run("%config EnvdMagics.inject_aws = 'profile:work'\n%envd_cache")
        message = ear.until(lambda m: "inject-aws" in m.get("preferences", {}).get("settings", {}))
        assert message["preferences"]["settings"]["inject-aws"]["from"] == "config"
        kernel.run("%config EnvdMagics.inject_aws = ''\n%envd_cache")
        ear.until(lambda m: "inject-aws" not in m.get("preferences", {}).get("settings", {}))

        changes = {
            "export-cache": ["type=local,dest=cache"],
            "output": None,
            "path": "../project",
        }
        status, answer = server.ask(
            "PATCH",
            "preferences",
            {"scope": "notebook", "changes": changes},
            kernel_id=kernel.id,
        )
        assert status == 200, answer
        changed = time.monotonic()
        assert origins(kernel) == {
            "builder": "kernel",
            "path": "notebook",
            "export-cache": "notebook",
            "import-cache": "implied by the export",
        }
        assert time.monotonic() - changed < 1.0
        # Relative paths begin where the notebook is.
        assert answer["settings"]["path"]["value"] == str(server.root / "project")
        assert answer["settings"]["export-cache"]["value"] == [
            f"type=local,dest={server.root}/deep/cache"
        ]
        status, answer = server.ask("DELETE", "preferences", kernel_id=kernel.id, scope="notebook")
        assert set(answer["settings"]) == {"builder", "tag"}
        assert origins(kernel) == {"builder": "kernel", "tag": "project"}
        ear.close()
    with server.open_notebook("deep/other.ipynb") as kernel:
        shown = server.ask("GET", "preferences", kernel_id=kernel.id)[1]
        assert set(shown["settings"]) == {"tag"}


def test_a_build_for_a_kernel_uses_what_it_remembers(server, place, buildkitd, builds):
    name, image = place("echo for a kernel > /k"), builds.image()
    with server.open_notebook(f"{name}/n.ipynb") as kernel:
        line = (
            f"--builder {buildkitd.address} --output type=image,name={image},push=true "
            f"--export-cache type=registry,ref={image}-{{notebook}}"
        )
        cell = kernel.run(f"%envd_cache set {line} --scope notebook")
        assert cell.status == "ok", cell.error
        build_id = server.start_build(line="--force", kernel_id=kernel.id)
        view = ended(server, build_id)
        assert view["state"] == "succeeded", view["error"]
        assert view["image"] == image
        assert [export["entry"] for export in view["cache"]["exports"]] == [
            f"type=registry,ref={image}-n"
        ]
        assert view["project"] == str(server.root / name)
        (record,) = server.ask("GET", "builds", notebook=f"{server.root}/{name}/n.ipynb")[1][
            "builds"
        ]
        assert (record["id"], record["kernel"]) == (build_id, "python3")
        # One history: the kernel shows what the server started.
        shown = kernel.run(f"%envd_attach {build_id}")
        assert shown.view["state"] == "succeeded"
        # Nothing of it without what is remembered.
        status, answer = server.ask(
            "POST", "builds", {"no_saved": True, "kernel_id": kernel.id, "builder": "nowhere"}
        )
        assert status == 400, answer
        assert "nowhere" in answer["message"]


@pytest.mark.timeout(600)
def test_fifty_watchers_of_a_flood_cost_the_server_little(server, place, services, builds):
    builder = services.new_buildkitd(environ=UNLIMITED)
    build_id = server.start_build(
        path=place("seq 400000; sleep 1"),
        builder=builder.address,
        output=f"type=image,name={builds.image()},push=true",
        force=True,
    )
    before = server.memory()
    peak, lasts, silent = before, [], []

    def watch() -> None:
        lasts.append(server.listen(f"builds/{build_id}/events").rest()[-1])

    watchers = [threading.Thread(target=watch, daemon=True) for _ in range(50)]
    for watcher in watchers:
        watcher.start()
    # And some that listen to nothing at all, to views and to lines.
    silent = [
        server.listen(f"builds/{build_id}/events", **{"as": kind})
        for kind in ("view", "events") * 5
    ]
    slowest = 0.0
    while any(watcher.is_alive() for watcher in watchers):
        peak = max(peak, server.memory())
        asked = time.monotonic()
        assert server.request("GET", "api")[0] == 200
        slowest = max(slowest, time.monotonic() - asked)
        time.sleep(0.1)
    for ear in silent:
        ear.close()
    assert len(lasts) == 50
    assert all(last == lasts[0] for last in lasts)
    assert lasts[0]["state"] == "succeeded", lasts[0]["error"]
    assert max(step["log_lines"] for step in lasts[0]["steps"]) >= 400_000
    print(f"grew by {(peak - before) / 1e6:.0f} MB; the slowest answer took {slowest:.2f} s")
    assert peak - before < 150e6
    builder.close()


def test_settings_follow_a_notebook_that_is_renamed_in_the_browser(server):
    with server.open_notebook("Untitled.ipynb") as kernel:
        cell = kernel.run("%envd_cache set --tag me:1 --scope notebook")
        assert cell.status == "ok", cell.error
        status, _ = server.request("PATCH", "api/contents/Untitled.ipynb", {"path": "train.ipynb"})
        assert status == 200

        def notebook():
            return server.ask("GET", "preferences", kernel_id=kernel.id)[1]["kernel"]["notebook"]

        wait_for(lambda: notebook() == str(server.root / "train.ipynb"))
        # The kernel, which was started under the old name, has gone along.
        assert origins(kernel) == {"tag": "notebook"}
        cell = kernel.run("%envd_cache set --output type=docker,name=me:2 --scope notebook")
        assert cell.status == "ok", cell.error
    with server.open_notebook("Untitled.ipynb") as kernel:
        assert origins(kernel) == {}
    with server.open_notebook("train.ipynb") as kernel:
        assert origins(kernel) == {"tag": "notebook", "output": "notebook"}
