from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from IPython.core.interactiveshell import InteractiveShell

from envd_jupyter.builds.preferences import IMPLIED
from envd_jupyter.builds.request import BuildRequest
from envd_jupyter.builds.result import BuildResult
from envd_jupyter.cache.entry import parse_cache_entry
from envd_jupyter.errors import EnvdJupyterError, PreferenceError
from envd_jupyter.notebook import register, remembering, unregister
from envd_jupyter.notebook.settings import effective_settings, preferences_here

if TYPE_CHECKING:
    from envd_jupyter.notebook.settingsview import SettingsView

EXPORT = "type=registry,ref=localhost:5000/me/cache,mode=max"
OTHER = "type=local,dest=/other"


@pytest.fixture
def shell(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("ENVD_JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "train.ipynb"))
    (folder / "build.envd").write_text("def build():\n    pass\n")
    monkeypatch.setattr(remembering, "_last", None)
    remembering._offered.clear()
    shell = InteractiveShell()
    register(shell)
    yield shell
    unregister(shell)
    preferences_here(shell).clear("kernel")


@pytest.fixture
def cache(shell):
    return lambda line="": shell.run_line_magic("envd_cache", line)


def rows(view: SettingsView) -> list[tuple[str, str, str]]:
    return [(row.label or row.key, row.value, row.origin) for row in view.rows]


def test_nothing_is_remembered_at_first(cache):
    view = cache()
    assert view.rows == ()
    assert "Nothing is remembered" in repr(view)
    assert "%envd_cache set" in view._repr_html_()


def test_set_shows_what_is_in_effect_and_what_is_implied(cache):
    view = cache(f"set --export-cache {EXPORT} --output type=image,name=localhost:5000/me/ml:1")
    assert rows(view) == [
        ("output", "type=image,name=localhost:5000/me/ml:1", "kernel"),
        ("e1", EXPORT, "kernel"),
        ("i1", "type=registry,ref=localhost:5000/me/cache", IMPLIED),
    ]
    assert "Remembered for this kernel." in repr(view)
    assert "from: this kernel" in repr(view)
    assert "implied by the export" in view._repr_html_()
    assert "mode=max" in view._repr_html_()


def test_add_and_remove_edit_where_the_caches_are(cache):
    cache(f"set --export-cache {EXPORT} --scope notebook")
    view = cache(f"add --export-cache {OTHER}")
    assert rows(view)[:2] == [("e1", EXPORT, "notebook"), ("e2", OTHER, "notebook")]
    assert rows(cache("remove e1"))[0] == ("e1", OTHER, "notebook")
    cache(f"set --ec {EXPORT} --scope project")
    cache("clear --scope notebook")
    assert rows(cache("add --ec type=inline"))[0] == ("e1", EXPORT, "kernel")
    assert rows(cache("remove export-cache"))[0] == ("e1", EXPORT, "project")


def test_removing_an_implied_import_keeps_the_others(cache):
    cache(f"set --ec {EXPORT} --ec {OTHER}")
    view = cache("remove i1")
    assert rows(view)[2:] == [("i1", "type=local,src=/other", "kernel")]
    assert rows(cache("remove i1"))[2:] == [("import-cache", "none", "kernel")]


def test_off_uses_no_cache_and_clear_comes_back(cache, shell):
    cache(f"set --ec {EXPORT} --scope user")
    assert rows(cache("off")) == [
        ("export-cache", "none", "kernel"),
        ("import-cache", "none", "kernel"),
    ]
    assert rows(cache("clear"))[0] == ("e1", EXPORT, "user")


def test_save_moves_settings_to_a_wider_scope(cache, shell):
    cache(f"set --ec {EXPORT}")
    view = cache("save --scope project")
    assert rows(view)[0] == ("e1", EXPORT, "project")
    assert preferences_here(shell).layer("kernel").values == {}


def test_what_a_weaker_layer_says_already_is_not_copied(cache, shell):
    cache(f"set --ec {EXPORT} --scope project")
    cache("set --output type=docker,name=me:1")
    cache("save --scope notebook")
    assert preferences_here(shell).layer("notebook").values == {"output": "type=docker,name=me:1"}


def test_a_hidden_setting_is_said(cache):
    cache(f"set --ec {EXPORT}")
    view = cache(f"set --ec {OTHER} --scope user")
    assert "This kernel has its own export-cache, which is used." in repr(view)
    assert rows(view)[0] == ("e1", EXPORT, "kernel")


def test_variables_expand_and_templates_stay(cache, shell):
    shell.user_ns["where"] = "localhost:5000/me"
    view = cache("set --ec type=registry,ref=$where/c:{git_branch}")
    assert rows(view)[0][1] == "type=registry,ref=localhost:5000/me/c:{git_branch}"


def test_a_secret_is_taken_from_its_variable_or_refused(cache, shell, monkeypatch, tmp_path):
    s3 = "type=s3,bucket=b,region=r,access_key_id=env:K,secret_access_key="
    with pytest.raises(PreferenceError, match="not stored"):
        cache(f"set --ec {s3}hunter2hunter2")
    monkeypatch.setenv("MY_SECRET", "hunter2hunter2")
    assert rows(cache(f"set --ec {s3}hunter2hunter2"))[0][1] == f"{s3}env:MY_SECRET"
    assert not any(
        b"hunter2" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("sit", "no action 'sit'"),
        ("set", "nothing to set"),
        ("set e1", "what is 'e1'"),
        ("add --output type=docker", "adds exports and imports"),
        ("remove", "which one"),
        ("remove e1", "there is no e1"),
        ("remove colour", "no setting 'colour'"),
        ("show --ec type=inline", "changes nothing"),
        ("set --ec type=inline,mode=max", "inline"),
        ("set --scope galaxy --ec type=inline", "galaxy"),
        ("from-last-build", "no build with cache flags"),
    ],
)
def test_a_wrong_line_changes_nothing_and_says_why(cache, line, said):
    with pytest.raises(EnvdJupyterError, match=said):
        cache(line)
    assert cache().rows == ()


def test_help_names_the_actions(cache, capsys):
    assert cache("--help") is None
    assert "from-last-build" in capsys.readouterr().out


def test_traits_are_the_weakest_layer(cache, shell):
    shell.run_line_magic("config", f"EnvdMagics.export_cache = ['{EXPORT}']")
    assert rows(cache())[0] == ("e1", EXPORT, "config")
    cache(f"set --ec {OTHER} --scope user")
    assert rows(cache())[0] == ("e1", OTHER, "user")


def test_tab_completes_actions(shell):
    from envd_jupyter.notebook.completion import complete_magic

    assert "from-last-build" in complete_magic("%envd_cache ").texts
    assert complete_magic("%envd_cache set --scope pro").texts == ("project",)
    assert complete_magic("%envd_cache set --ec type=s").texts == ("s3",)


# After a build


def request(folder, **more) -> BuildRequest:
    more.setdefault("exports", (parse_cache_entry(EXPORT, "export"),))
    return BuildRequest(project=folder, output="type=image,name=r/me,push=true", **more)


def result(folder, state="succeeded") -> BuildResult:
    return BuildResult(
        "20260101-000000-abcdef",
        state,
        "r/me",
        None,
        1.0,
        3,
        0,
        (),
        (),
        None,
        None,
        None,
        0,
        folder,
    )


def test_the_first_build_with_caches_offers_to_remember_them(shell, folder, capsys):
    offer = remembering.offer_to_remember(result(folder), request(folder), shell=shell)
    assert "%envd_cache from-last-build --scope notebook" in repr(offer)
    assert "<code>%envd_cache from-last-build" in offer._repr_html_()
    offer.show()
    assert "%envd_cache from-last-build" in capsys.readouterr().out
    assert remembering.offer_to_remember(result(folder), request(folder), shell=shell) is None
    offer.remember("notebook")
    settings = effective_settings(shell, preferences_here(shell).identity, None)
    assert settings.exports == request(folder).exports
    assert settings.provenance["exports"] == "notebook"
    assert "needs no flags" in repr(offer)


@pytest.mark.parametrize("case", ["failed", "no caches", "remembered", "declined"])
def test_no_offer_where_there_is_nothing_to_gain(shell, folder, case):
    asked, ended = request(folder), result(folder)
    if case == "failed":
        ended = result(folder, "failed")
    elif case == "no caches":
        asked = request(folder, exports=())
    elif case == "remembered":
        remembering.save_request(shell, asked, "notebook")
    else:
        offer = remembering.offer_to_remember(ended, asked, shell=shell)
        offer.decline()
        remembering._offered.clear()
    assert remembering.offer_to_remember(ended, asked, shell=shell) is None


def test_from_last_build_takes_its_flags(cache, shell, folder):
    remembering.note_build(request(folder, builder="unix:///run/b.sock"))
    view = cache("from-last-build")
    assert {(row.key, row.origin) for row in view.rows} == {
        ("path", "notebook"),
        ("output", "notebook"),
        ("builder", "notebook"),
        ("export-cache", "notebook"),
        ("import-cache", IMPLIED),
    }


def test_what_was_remembered_of_a_project_is_not_used_for_another(cache, shell, folder, tmp_path):
    remembering.note_build(request(folder, builder="unix:///run/b.sock"))
    cache("from-last-build")
    other = tmp_path / "other"
    other.mkdir()
    identity = preferences_here(shell).identity
    assert effective_settings(shell, identity, folder).output
    settings = effective_settings(shell, identity, other)
    assert (settings.exports, settings.output) == ((), None)
    assert settings.builder == "unix:///run/b.sock"


def test_a_remembered_build_needs_no_flags(shell, folder):
    remembering.save_request(shell, request(folder), "kernel")
    magics = shell.magics_manager.registry["EnvdMagics"]
    from envd_jupyter.builds.line import parse_build

    asked, settings = magics._request(parse_build(""), None)
    assert asked.exports == request(folder).exports
    assert [entry.get("ref") for entry in asked.imports] == ["localhost:5000/me/cache"]
    assert asked.project == folder
    assert settings.remembered()["imports"] == IMPLIED
    asked, settings = magics._request(parse_build("--no-saved --ec type=inline"), None)
    assert [entry.type for entry in asked.exports] == ["inline"]
    assert asked.output is None
    asked, settings = magics._request(parse_build("--output type=docker"), None)
    assert asked.output == "type=docker"
    assert "output" not in settings.remembered()
