from __future__ import annotations

import pytest

from envd_jupyter.builds.preferences import SCOPES
from envd_jupyter.builds.preferences.values import by_reference, shown
from envd_jupyter.cache.entry import parse_cache_entry
from envd_jupyter.cache.environment import fill_from_environment, is_reference
from envd_jupyter.errors import CacheSettingError, PreferenceError

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
S3 = "type=s3,bucket=b,region=r"


def export(text: str):
    return parse_cache_entry(text, "export")


def nothing_stored(tmp_path) -> bool:
    return not any(
        SECRET.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    "text",
    [
        f"{S3},access_key_id=env:K,secret_access_key={SECRET}",
        f"{S3},access_key_id={SECRET},secret_access_key=env:S",
        f"{S3},session_token={SECRET}",
        f"type=gha,url=http://h/,token={SECRET}",
        f"type=gha,url=http://h/,ghtoken={SECRET}",
        f"{S3},endpoint_url=https://me:{SECRET}@host/",
        f"{S3},prefix={SECRET}/",
    ],
)
def test_a_secret_is_refused_with_the_way_out(open_preferences, tmp_path, scope, text):
    preferences = open_preferences(environ={"MY_SECRET": SECRET})
    with pytest.raises(PreferenceError) as caught:
        preferences.change(scope, {"exports": (export(text),)})
    assert "not stored" in caught.value.message or "for the project" in caught.value.message
    assert caught.value.hint
    assert SECRET not in str(caught.value)
    assert nothing_stored(tmp_path)
    assert preferences.effective().exports == ()


def test_the_hint_names_the_reference_and_the_other_way():
    from envd_jupyter.builds.preferences.values import setting_named, written

    with pytest.raises(PreferenceError) as caught:
        written(
            setting_named("export-cache"),
            (export(f"{S3},access_key_id=AK,secret_access_key={SECRET}"),),
            scope="user",
            base=None,
            environ={},
        )
    assert "access_key_id=env:NAME" in caught.value.hint
    assert "--inject-aws" in caught.value.hint


@pytest.mark.parametrize("scope", ["kernel", "notebook", "user"])
def test_a_reference_is_stored_and_read_back(open_preferences, scope):
    entry = export(f"{S3},access_key_id=env:KEY,secret_access_key=env:SECRET")
    open_preferences().change(scope, {"exports": (entry,)})
    assert open_preferences().effective().exports == (entry,)
    assert shown(entry) == entry


def test_a_project_file_may_not_name_credentials(open_preferences, folder):
    entry = export(f"{S3},access_key_id=env:KEY,secret_access_key=env:SECRET")
    preferences = open_preferences()
    with pytest.raises(PreferenceError, match="whoever opens the project"):
        preferences.change("project", {"exports": (entry,)})
    (folder / ".envd-jupyter.toml").write_text(
        f'export-cache = ["{entry.to_csv()}", "type=inline"]\ninject-aws = "env"\n'
    )
    settings = preferences.effective()
    assert settings.exports == (export("type=inline"),)
    assert settings.inject_aws is None
    assert len(settings.messages) == 2


def test_a_password_in_a_builders_address_is_refused(open_preferences):
    with pytest.raises(PreferenceError, match="password"):
        open_preferences().change("user", {"builder": f"tcp://me:{SECRET}@host:1"})


def test_a_secret_becomes_a_reference_where_a_variable_holds_it():
    entry = export(f"{S3},access_key_id=AK,secret_access_key={SECRET}")
    found = by_reference(entry, {"MY_SECRET": SECRET, "EMPTY": ""})
    assert found.get("secret_access_key") == "env:MY_SECRET"
    assert found.get("access_key_id") == "AK"
    assert str(shown(found)) != found.to_csv()
    assert shown(found).get("secret_access_key") == "env:MY_SECRET"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("env:A", True), ("env:", False), ("env:A B", False), ("A", False), ("env:1", False)],
)
def test_what_a_reference_is(text, expected):
    assert is_reference(text) is expected


def test_local_directories_do_not_depend_on_where_the_notebook_runs(open_preferences, folder):
    entry = export("type=local,dest=cache/x,tag=v1")
    preferences = open_preferences()
    preferences.change("notebook", {"exports": (entry,), "output": "type=tar,dest=out.tar"})
    assert preferences.effective().exports[0].get("dest") == str(folder / "cache/x")
    assert preferences.effective().output == f"type=tar,dest={folder}/out.tar"
    preferences.change("project", {"exports": (entry,)})
    text = (folder / ".envd-jupyter.toml").read_text()
    assert '"type=local,dest=cache/x,tag=v1"' in text
    values = preferences.layer("project").values
    assert values["exports"][0].get("dest") == str(folder / "cache/x")
    home = export("type=local,dest=~/cache")
    preferences.change("user", {"exports": (home,)})
    assert preferences.layer("user").values["exports"] == (home,)


def test_a_reference_is_filled_in_for_the_build():
    entry = export(f"{S3},access_key_id=env:KEY,secret_access_key=env:SECRET")
    filled = fill_from_environment(entry, {"KEY": "AK", "SECRET": SECRET})
    assert filled.get("access_key_id") == "AK"
    assert filled.get("secret_access_key") == SECRET
    with pytest.raises(CacheSettingError, match="SECRET is not set"):
        fill_from_environment(entry, {"KEY": "AK"})
    assert fill_from_environment(export(f"{S3},prefix=env:KEY"), {}).get("prefix") == "env:KEY"
