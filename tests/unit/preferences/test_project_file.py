from __future__ import annotations

import pytest

from envd_jupyter.cache.entry import parse_cache_entry
from envd_jupyter.errors import PreferenceError

WRITTEN = """\
# How we build here. Ask Kim before you change it.
output = "type=image,name=localhost:5000/team/ml,push=true"  # the team's registry

# Everybody reads, CI writes.
import-cache = [
    "type=registry,ref=localhost:5000/team/ml-cache:main",  # of the main branch
]

platform = "linux/amd64"
"""


def export(text: str):
    return parse_cache_entry(text, "export")


@pytest.fixture
def file(folder):
    path = folder / ".envd-jupyter.toml"
    path.write_text(WRITTEN)
    return path


def test_what_people_wrote_stays(open_preferences, file):
    preferences = open_preferences()
    preferences.change("project", {"exports": (export("type=inline"),), "platform": None})
    text = file.read_text()
    assert text.startswith(WRITTEN[: WRITTEN.index("platform")])
    assert "platform" not in text
    assert preferences.effective().exports == (export("type=inline"),)
    preferences.clear("project", ["exports"])
    assert file.read_text().rstrip() == WRITTEN[: WRITTEN.index("platform")].rstrip()


def test_a_value_that_stays_the_same_is_not_written_again(open_preferences, file):
    preferences = open_preferences()
    values = preferences.layer("project").values
    preferences.change("project", {name: values[name] for name in ("imports", "output")})
    assert file.read_text() == WRITTEN


def test_one_text_stands_for_a_list_of_one(open_preferences, file):
    assert open_preferences().effective().platform == ("linux/amd64",)


def test_a_new_file_says_what_it_is(open_preferences, folder):
    open_preferences().change("project", {"exports": (export("type=inline"),)})
    text = (folder / ".envd-jupyter.toml").read_text()
    assert text.startswith("# Settings of envd-jupyter")
    assert [path.name for path in folder.iterdir()] == [".envd-jupyter.toml"]
    assert (folder / ".envd-jupyter.toml").stat().st_mode & 0o777 == 0o644


def test_a_file_that_is_not_toml_is_left_alone(open_preferences, file):
    file.write_text("output = \n")
    preferences = open_preferences()
    settings = preferences.effective()
    assert settings.output is None
    assert "is not TOML" in settings.messages[0]
    with pytest.raises(PreferenceError, match="is not TOML"):
        preferences.change("project", {"output": "type=docker"})
    assert file.read_text() == "output = \n"
    file.write_text(WRITTEN)
    assert preferences.effective().output == WRITTEN.split('"')[1]
    assert preferences.effective().messages == ()


def test_a_link_stays_a_link(open_preferences, file, tmp_path):
    real = tmp_path / "dotfiles.toml"
    file.rename(real)
    file.symlink_to(real)
    open_preferences().change("project", {"tag": "me:1"})
    assert file.is_symlink()
    assert 'tag = "me:1"' in real.read_text()


def test_a_project_that_is_not_there_is_an_error_only_when_written(tmp_path):
    from envd_jupyter.builds.preferences import Identity, Preferences

    preferences = Preferences(Identity(None, None, "k"), tmp_path / "gone", data=tmp_path / "d")
    assert preferences.effective().messages == ()
    with pytest.raises(PreferenceError, match="no project"):
        preferences.change("project", {"tag": "me:1"})
