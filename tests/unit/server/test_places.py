"""No request reaches where the contents API does not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from envd_jupyter.errors import PlaceForbidden
from envd_jupyter.server.places import Places


@pytest.fixture
def root(jp_root_dir, tmp_path) -> Path:
    """A root with a project, a way out and something outside."""
    for folder in (jp_root_dir / "train", tmp_path / "outside", jp_root_dir / ".hidden"):
        folder.mkdir()
        (folder / "build.envd").write_text("def secret_function():\n    pass\n")
    (jp_root_dir / "train" / "build.envd").write_text("def build():\n    pass\n")
    (jp_root_dir / "link").symlink_to(tmp_path / "outside")
    (jp_root_dir / "train" / "link.envd").symlink_to(tmp_path / "outside" / "build.envd")
    return jp_root_dir


def bodies(tmp_path) -> list[dict[str, object]]:
    outside = tmp_path / "outside"
    return [
        {"path": "/etc"},
        {"path": "../outside"},
        {"path": "train/../../outside"},
        {"path": str(outside)},
        {"path": "link"},
        {"path": "~"},
        {"path": ".hidden"},
        {"line": "--path link"},
        {"line": f"--path {outside}"},
        {"path": "train", "from": "../../outside/build.envd:secret_function"},
        {"path": "train", "from": f"{outside}/build.envd:nope"},
        {"path": "train", "from": "link.envd:nope"},
        {"path": "train", "output": f"type=tar,dest={outside}/image.tar"},
        {"path": "train", "output": "type=tar,dest=/nowhere/at/all.tar"},
        {"path": "train", "output": "type=local,dest=link/there"},
        {"path": "train", "output": "type=tar,dest=.ssh"},
        {"path": "train", "export_cache": ["type=local,dest=../cache"]},
        {"path": "train", "export_cache": [f"type=local,dest={outside}"]},
        {"path": "train", "export_cache": ["type=local,dest=.hidden/cache"]},
        {"path": "train", "import_cache": ["type=local,src=link"]},
        {"path": "train", "import_cache": ["type=local,src=/"]},
    ]


async def test_builds_stay_inside(ask, root, tmp_path):
    for body in bodies(tmp_path):
        answer = await ask("POST", "builds", body)
        assert answer.status == 403, (body, answer.json)
        assert answer.json["reason"] == "PlaceForbidden"
        assert "secret_function" not in answer.body.decode()
        assert answer.json["hint"]
    assert (await ask("GET", "builds")).json == {"builds": []}


async def test_names_that_are_filled_in_lead_nowhere_else(ask, root, tmp_path):
    subprocess.run(["git", "init", "-q", "-b", "away", str(root / "train")], check=True)
    (root / "to-away").symlink_to(tmp_path / "outside")
    for cache in ("type=local,dest=to-{git_branch}", "type=local,dest=to-{git_branch}/deeper"):
        answer = await ask("POST", "builds", {"path": "train", "export_cache": [cache]})
        assert answer.status == 403, answer.json
        assert "to-away" in answer.json["message"]


@pytest.mark.parametrize("body", [{"path": "a\0b"}, {"path": "~nobody-of-this-name/x"}])
async def test_what_is_no_path_is_refused(ask, body):
    assert (await ask("POST", "builds", body)).status == 400


async def test_settings_cannot_smuggle_a_path(ask, root, tmp_path):
    for body in bodies(tmp_path):
        names = {"export_cache": "export-cache", "import_cache": "import-cache"}
        changes = {names.get(key, key): value for key, value in body.items() if key != "path"}
        if "line" in changes or not changes:
            continue
        scope = "project" if "from" in changes else "user"
        answer = await ask(
            "PATCH",
            "preferences",
            {"scope": scope, "changes": changes},
            params={"project": "train"},
        )
        assert answer.status == 403, (body, answer.json)
    for project in ("/etc", "link", "..", ".hidden"):
        answer = await ask("GET", "preferences", params={"project": project})
        assert answer.status == 403
    assert (await ask("GET", "preferences")).json["settings"] == {}


async def test_a_project_file_names_no_place_outside(ask, root, tmp_path):
    file = root / "train" / ".envd-jupyter.toml"
    for line in (
        f'export-cache = ["type=local,dest={tmp_path}/outside"]',
        'export-cache = ["type=local,dest=../../outside"]',
        f'output = "type=tar,dest={tmp_path}/outside/x.tar"',
        'from = "link.envd:nope"',
    ):
        file.write_text(line)
        answer = await ask("POST", "builds", {"path": "train"})
        assert answer.status == 403, (line, answer.json)


async def test_what_the_user_remembered_from_a_kernel_is_taken_as_it_is(ask, root, tmp_path):
    from envd_jupyter.builds.preferences import Identity, Preferences

    remembered = Preferences(Identity(None, None, None), root)
    remembered.change("user", {"output": f"type=tar,dest={tmp_path}/outside/x.tar"})
    answer = await ask("POST", "builds", {"path": "train", "from": "build.envd:nope"})
    # It gets as far as reading the project, which lacks the function.
    assert answer.status == 400, answer.json
    assert "does not define" in answer.json["message"]


def test_inside_is_decided_by_where_links_lead(tmp_path):
    root, other = tmp_path / "root", tmp_path / "root-beside"
    for folder in (root / "a", other):
        folder.mkdir(parents=True)
    (root / "in").symlink_to(root / "a")
    (tmp_path / "to-root").symlink_to(root)
    places = Places(tmp_path / "to-root")
    for inside in (root, root / "a" / "new" / "file", root / "in"):
        places.check(inside, "it")
    for outside in (other, tmp_path, root / ".." / "root-beside", Path("/")):
        with pytest.raises(PlaceForbidden):
            places.check(outside, "it")
    with pytest.raises(PlaceForbidden, match="hidden"):
        places.check(root / ".ssh" / "x", "it")
    Places(root, hidden=True).check(root / ".ssh" / "x", "it")
    Places(root, [str(other)]).check(other / "x", "it")
    assert places.absolute("../x", root / "a") == root / "x"


@pytest.fixture
def jp_server_config(tmp_path, request):
    config = {"ServerApp": {"jpserver_extensions": {"envd_jupyter": True}}}
    if "widened" in request.node.name:
        config["EnvdServer"] = {"extra_roots": [str(tmp_path / "outside")]}
    return config


async def test_the_widened_server_reaches_further(ask, root):
    answer = await ask("POST", "builds", {"path": "link"})
    assert answer.status == 400, answer.json
    assert "secret_function" in answer.json["hint"]
    assert (await ask("POST", "builds", {"path": "/etc"})).status == 403
