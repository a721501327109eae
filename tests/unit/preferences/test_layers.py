from __future__ import annotations

import json

import pytest

from envd_jupyter.builds.preferences import (
    IMPLIED,
    SCOPES,
    Identity,
    Preferences,
    effective_settings,
    implied_imports,
)
from envd_jupyter.builds.preferences.saving import change_from_json, preferences_json
from envd_jupyter.cache.entry import parse_cache_entry
from envd_jupyter.errors import EnvdJupyterError, PreferenceError


def export(text: str):
    return parse_cache_entry(text, "export")


def imported(text: str):
    return parse_cache_entry(text, "import")


REGISTRY = export("type=registry,ref=localhost:5000/me/cache,mode=max")


def test_each_setting_comes_from_the_strongest_layer_that_has_it(open_preferences):
    preferences = open_preferences(configured={"output": "type=docker,name=config:1"})
    assert preferences.effective().provenance == {"output": "config"}
    for scope in reversed(SCOPES):
        preferences.change(scope, {"output": f"type=docker,name={scope}:1"})
        settings = preferences.effective()
        assert settings.output == f"type=docker,name={scope}:1"
        assert settings.provenance == {"output": scope}
    settings = preferences.effective({"output": "type=docker,name=line:1", "exports": ()})
    assert settings.output == "type=docker,name=line:1"
    assert settings.provenance == {"output": "command line"}
    for scope in SCOPES:
        preferences.clear(scope, ["output"])
    assert preferences.effective().provenance == {"output": "config"}


def test_settings_of_different_layers_come_together(open_preferences):
    preferences = open_preferences()
    preferences.change("user", {"builder": "unix:///run/b.sock", "output": "type=docker"})
    preferences.change("project", {"exports": (REGISTRY,)})
    preferences.change("kernel", {"output": "type=docker,name=me:1"})
    settings = preferences.effective()
    assert settings.builder == "unix:///run/b.sock"
    assert settings.exports == (REGISTRY,)
    assert settings.output == "type=docker,name=me:1"
    assert settings.provenance == {
        "builder": "user",
        "exports": "project",
        "output": "kernel",
        "imports": IMPLIED,
    }


def test_no_cache_at_all_hides_the_caches_of_weaker_layers(open_preferences):
    preferences = open_preferences()
    preferences.change("user", {"exports": (REGISTRY,)})
    preferences.change("kernel", {"exports": (), "imports": ()})
    settings = preferences.effective()
    assert settings.exports == settings.imports == ()
    assert settings.provenance == {"exports": "kernel", "imports": "kernel"}


def test_a_new_kernel_of_the_notebook_knows_what_the_notebook_remembers(open_preferences):
    first = open_preferences("k1")
    first.change("notebook", {"exports": (REGISTRY,)})
    first.change("kernel", {"builder": "unix:///k1.sock"})
    second = open_preferences("k2")
    assert second.effective().exports == (REGISTRY,)
    assert second.effective().builder is None
    assert open_preferences("k1").effective().builder == "unix:///k1.sock"
    assert open_preferences("k2", "other.ipynb").effective().exports == ()


def test_the_kernelspec_is_part_of_the_notebook_layer(open_preferences, tmp_path, folder):
    open_preferences().change("notebook", {"exports": (REGISTRY,)})
    other = Identity(str(tmp_path / "nb.ipynb"), "julia", "k1")
    assert Preferences(other, folder, data=tmp_path / "data").layer("notebook").values == {}


def test_an_export_implies_its_import(open_preferences):
    preferences = open_preferences()
    preferences.change("kernel", {"exports": (REGISTRY,)})
    settings = preferences.effective()
    assert settings.imports == (imported("type=registry,ref=localhost:5000/me/cache"),)
    assert settings.provenance["imports"] == IMPLIED
    preferences.change("user", {"imports": (imported("type=local,src=/cache"),)})
    assert preferences.effective().provenance["imports"] == "user"


def test_an_export_on_the_line_implies_nothing(open_preferences):
    assert open_preferences().effective({"exports": (REGISTRY,)}).imports == ()


def test_an_inline_cache_is_imported_from_the_image(open_preferences):
    preferences = open_preferences()
    preferences.change("kernel", {"exports": (export("type=inline"),)})
    assert preferences.effective().imports == ()
    preferences.change("kernel", {"output": "type=image,name=localhost:5000/me/ml:1,push=true"})
    assert preferences.effective().imports == (
        imported("type=registry,ref=localhost:5000/me/ml:1"),
    )


def test_an_s3_export_under_two_names_implies_two_imports():
    entry = export("type=s3,bucket=b,region=r,name={git_sha};{git_branch}")
    assert [found.get("name") for found in implied_imports([entry, entry])] == [
        "{git_sha}",
        "{git_branch}",
    ]


def test_the_remembered_project_is_where_the_project_file_is_looked_for(tmp_path, folder):
    other = tmp_path / "other"
    other.mkdir()
    identity = Identity(None, None, "k1")
    Preferences(identity, other, data=tmp_path / "d").change("project", {"tag": "other:1"})
    preferences = Preferences(identity, data=tmp_path / "d")
    assert preferences.effective().tag is None
    preferences.change("kernel", {"path": str(other)})
    assert preferences.effective().tag == "other:1"
    assert preferences.project == other


def test_caches_are_edited_on_a_copy_of_what_is_in_effect(open_preferences):
    preferences = open_preferences()
    preferences.change("project", {"exports": (REGISTRY,)})
    added = export("type=local,dest=/cache")
    preferences.edit("kernel", "exports", lambda entries: (*entries, added))
    assert preferences.effective().exports == (REGISTRY, added)
    assert preferences.layer("project").values["exports"] == (REGISTRY,)
    preferences.edit("user", "exports", lambda entries: (*entries, added))
    assert preferences.layer("user").values["exports"] == (added,)


def test_nothing_is_remembered_for_an_unknown_notebook_or_scope(open_preferences):
    preferences = open_preferences(notebook=None)
    assert preferences.scopes() == ("kernel", "project", "user")
    with pytest.raises(PreferenceError, match="which notebook"):
        preferences.change("notebook", {"output": "type=docker"})
    with pytest.raises(PreferenceError, match="'galaxy'"):
        preferences.change("galaxy", {"output": "type=docker"})
    with pytest.raises(PreferenceError, match="--path cannot be remembered for a user"):
        preferences.change("user", {"path": "."})


def test_a_process_without_a_kernel_remembers_for_itself(open_preferences):
    first = open_preferences(kernel_id=None, notebook=None)
    first.change("kernel", {"exports": (REGISTRY,)})
    assert open_preferences(kernel_id=None, notebook=None).effective().exports == (REGISTRY,)
    assert open_preferences("../../x", None).layer("kernel").where.parent.name == "kernels"


def test_a_change_elsewhere_is_seen_and_stamped(open_preferences):
    here, there = open_preferences(), open_preferences()
    for scope in reversed(SCOPES):
        before = here.stamp()
        here.effective()
        assert here.stamp() == before
        there.change(scope, {"output": f"type=docker,name={scope}:1"})
        assert here.stamp() != before
        assert here.effective().output == f"type=docker,name={scope}:1"


def test_credentials_do_not_go_to_a_builder_that_only_the_project_names(open_preferences, tmp_path):
    preferences = open_preferences()
    preferences.change("project", {"builder": "tcp://elsewhere:1234"})
    identity, data = preferences.identity, tmp_path / "data"
    assert effective_settings(identity, preferences.project, data=data).builder
    preferences.change("user", {"inject_aws": "env"})
    with pytest.raises(PreferenceError, match="credentials") as caught:
        effective_settings(identity, preferences.project, data=data)
    assert "--builder tcp://elsewhere:1234" in caught.value.hint
    preferences.change("notebook", {"builder": "tcp://elsewhere:1234"})
    assert effective_settings(identity, preferences.project, data=data).inject_aws == "env"


def test_notes_are_kept_with_the_notebook(open_preferences):
    open_preferences().note("offer", "declined")
    later = open_preferences("k9")
    assert later.noted("offer") == "declined"
    later.change("notebook", {"exports": (REGISTRY,)})
    assert open_preferences().noted("offer") == "declined"
    assert open_preferences("k1", "other.ipynb").noted("offer") is None


def test_the_json_of_settings_tells_where_each_comes_from(open_preferences):
    preferences = open_preferences()
    secret = export("type=s3,bucket=b,region=r,access_key_id=env:K,secret_access_key=env:S")
    preferences.change("kernel", {"exports": (secret,), "platform": ("linux/amd64",)})
    data = preferences.effective().to_json()
    assert data["settings"]["export-cache"] == {"value": [secret.to_csv()], "from": "kernel"}
    assert data["settings"]["platform"]["value"] == ["linux/amd64"]
    assert data["settings"]["import-cache"]["from"] == IMPLIED


def test_preferences_are_read_and_changed_as_json(open_preferences):
    preferences = open_preferences()
    change_from_json(
        preferences,
        "notebook",
        {"export-cache": [REGISTRY.to_csv()], "platform": ["linux/amd64"], "use-proxy": True},
    )
    data = preferences_json(preferences)
    assert data["scopes"] == list(SCOPES)
    assert data["settings"]["import-cache"]["from"] == IMPLIED
    by_name = {layer["name"]: layer for layer in data["layers"]}
    assert by_name["notebook"]["settings"] == {
        "export-cache": [REGISTRY.to_csv()],
        "platform": ["linux/amd64"],
        "use-proxy": True,
    }
    assert by_name["kernel"]["settings"] == {}
    assert json.loads(json.dumps(data)) == data
    change_from_json(preferences, "notebook", {"export-cache": None})
    assert preferences.effective().exports == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": "red"},
        {"export-cache": ["type=registry"]},
        {"export-cache": {"a": 1}},
        {"output": 3},
        {"use-proxy": "yes"},
        {"export-cache": ["type=gha,url=http://h/,token=literal-secret"]},
        {"platform": ["linux/amd64"], "builder": ""},
    ],
)
def test_json_that_cannot_work_changes_nothing(open_preferences, changes):
    preferences = open_preferences()
    with pytest.raises(EnvdJupyterError) as caught:
        change_from_json(preferences, "user", changes)
    assert "literal-secret" not in str(caught.value)
    assert preferences.effective().provenance == {}
